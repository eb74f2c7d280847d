"""Who may send and who may ask: write keys name a source, API keys have a role. Only a key's hash is kept of the latter."""

import secrets
import string
from typing import Any
from uuid import UUID

from services.events.store import catalogue
from shared.plumbing.auth import KeyRing, hash_key
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection, Database, is_unavailable
from shared.plumbing.errors import Conflict, Invalid, NotFound, Unauthorized, Unavailable
from shared.plumbing.ids import new_id
from shared.schemas.keys import ApiKey

DEFAULT_SOURCE = "default"
RESERVED = frozenset({"messaging", "profiles", "segments", "events"})
"""Names under which the deployment's own services speak."""


def new_write_key() -> str:
    """25 characters that start with `c`, without a colon: the one form that every SDK takes."""
    return "c" + "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(24))


def new_api_key() -> str:
    """256 random bits."""
    return f"rk_{secrets.token_urlsafe(32)}"


class Keys:
    """The keys of the deployment. `write_keys` and what `load_roles` gives are looked up at most every two seconds."""

    def __init__(self, db: Database, clock: Clock, *, write_key: str | None, api_key: str | None) -> None:
        self._db = db
        self._clock = clock
        self._bootstrap: tuple[str | None, str | None] | None = (write_key, api_key)
        self.write_keys = KeyRing(self._load_sources)

    async def source_of(self, write_key: str | None) -> str:
        """The name of the source; 401 for a key that is missing, unknown or revoked."""
        if not write_key:
            raise Unauthorized("Send your write key as the user name of HTTP Basic, or as `writeKey` in the body.")
        source = await self.write_keys.role_of(write_key)
        if source is None:
            raise Unauthorized("This write key is unknown or revoked.")
        return source

    async def load_roles(self) -> dict[str, str]:
        """The role of every good API key, by its hash."""
        return {key.key_hash: key.role for key in await self.good_api_keys()}

    async def good_api_keys(self) -> list[ApiKey]:
        """Every API key that is not revoked."""
        await self._make_first_keys()
        rows = await _reachable(catalogue.good_api_keys(self._db))
        return [ApiKey(id=str(row["id"]), key_hash=row["key_hash"], role=row["role"]) for row in rows]

    async def _load_sources(self) -> dict[str, str]:
        await self._make_first_keys()
        sources = await _reachable(catalogue.write_key_sources(self._db))
        return {hash_key(key): source for key, source in sources.items()}

    async def _make_first_keys(self) -> None:
        """Insert the keys that the settings name, once; here, so that a service can start before its database."""
        if self._bootstrap is not None:
            write_key, api_key = self._bootstrap
            await _reachable(self._db.run(lambda tx: self._insert_first(tx, write_key, api_key)))
            self._bootstrap = None

    async def _insert_first(self, tx: Connection, write_key: str | None, api_key: str | None) -> None:
        now = self._clock.now()
        if write_key:
            source_id = await catalogue.ensure_source(tx, source_id=new_id(), name=DEFAULT_SOURCE, at=now)
            await catalogue.ensure_write_key(tx, key=write_key, source_id=source_id, at=now)
        if api_key:
            await catalogue.ensure_api_key(
                tx, key_id=new_id(), key_hash=hash_key(api_key), name="first key", role="admin", at=now
            )

    async def add_source(self, *, name: str, kind: str, trust: str) -> dict[str, Any]:
        """A new source with its first write key; the name of a revoked one may be used again."""
        if name in RESERVED:
            raise Invalid(
                f"`{name}` is one of the deployment's own.", errors=[{"loc": ["body", "name"], "msg": "reserved"}]
            )
        key, now = new_write_key(), self._clock.now()

        async def work(tx: Connection) -> UUID:
            there = await catalogue.find_source(tx, name)
            if there is not None and there["revoked_at"] is None:
                raise Conflict(f"There is a source `{name}` already.")
            source_id: UUID = there["id"] if there else new_id()
            await catalogue.save_source(tx, source_id=source_id, name=name, kind=kind, trust=trust, at=now)
            await catalogue.ensure_write_key(tx, key=key, source_id=source_id, at=now)
            return source_id

        source_id = await self._db.run(work)
        return {"id": source_id, "name": name, "kind": kind, "trust": trust, "write_key": key, "created_at": now}

    async def add_write_key(self, source_id: UUID) -> dict[str, Any]:
        """One more write key of a source, for changing keys without a pause."""
        key, now = new_write_key(), self._clock.now()

        async def work(tx: Connection) -> None:
            if not await catalogue.source_exists(tx, source_id):
                raise NotFound("There is no such source, or it is revoked.")
            await catalogue.ensure_write_key(tx, key=key, source_id=source_id, at=now)

        await self._db.run(work)
        return {"source_id": source_id, "write_key": key, "created_at": now}

    async def revoke_source(self, source_id: UUID) -> None:
        """None of its write keys is good any more."""
        if not await self._db.run(lambda tx: catalogue.revoke_source(tx, source_id, at=self._clock.now())):
            raise NotFound("There is no such source.")
        self.write_keys.expire()

    async def revoke_write_key(self, source_id: UUID, key: str) -> None:
        """This write key is good no more."""
        if not await catalogue.revoke_write_key(self._db, source_id, key, at=self._clock.now()):
            raise NotFound("The source has no such write key.")
        self.write_keys.expire()

    async def add_api_key(self, *, name: str, role: str) -> dict[str, Any]:
        """A new API key; the only time that it is shown."""
        key, key_id, now = new_api_key(), new_id(), self._clock.now()
        await self._db.run(
            lambda tx: catalogue.ensure_api_key(tx, key_id=key_id, key_hash=hash_key(key), name=name, role=role, at=now)
        )
        return {"id": key_id, "name": name, "role": role, "key": key, "created_at": now}

    async def revoke_api_key(self, key_id: UUID) -> None:
        """This API key is good no more."""
        if not await catalogue.revoke_api_key(self._db, key_id, at=self._clock.now()):
            raise NotFound("There is no such API key.")


async def _reachable(reading: Any) -> Any:
    """What is awaited; Unavailable when the database is away, so that a key list that is known goes on serving."""
    try:
        return await reading
    except Exception as error:
        if not is_unavailable(error):
            raise
        raise Unavailable("The database is out of reach; try again.") from error
