"""The API keys' list as it was last given out, kept in the service's own tables: a service that starts while the keys' owner
is away still knows them. Only hashes are kept."""

from collections.abc import Iterable, Mapping

import asyncpg

from shared.plumbing.auth import LoadKeys
from shared.plumbing.db import Connection, Database, is_unavailable
from shared.plumbing.errors import Problem
from shared.plumbing.log import get_logger

log = get_logger()


class KnownKeys:
    """Loads the list from its owner and keeps it. `load` is what a `KeyRing` is made with."""

    def __init__(self, db: Database, ask_owner: LoadKeys) -> None:
        self._db = db
        self._ask_owner = ask_owner
        self._roles: Mapping[str, str] | None = None

    async def load(self) -> Mapping[str, str]:
        """The owner's list; the kept one if the owner has not answered since the start. Raises as the owner's if none is kept."""
        try:
            roles = await self._ask_owner()
        except (Problem, OSError):
            kept = await self._read() if self._roles is None else {}
            if not kept:
                raise
            log.warning("keys_as_last_known", keys=len(kept))
            return kept
        if roles != self._roles and await self._keep(roles):
            self._roles = roles
        return roles

    async def _read(self) -> Mapping[str, str]:
        try:
            return _roles(await self._db.fetch("SELECT key_hash, role FROM known_keys"))
        except Exception as error:
            if not is_unavailable(error):
                raise
            return {}

    async def _keep(self, roles: Mapping[str, str]) -> bool:
        try:
            await self._db.run(lambda tx: _replace(tx, roles))
            return True
        except Exception as error:
            # The list itself is good: whoever brings a key is not to wait for the database.
            if not is_unavailable(error):
                raise
            log.warning("keys_not_kept", kind=type(error).__name__)
            return False


async def _replace(tx: Connection, roles: Mapping[str, str]) -> None:
    if _roles(await tx.fetch("SELECT key_hash, role FROM known_keys")) == roles:
        return
    await tx.execute("DELETE FROM known_keys WHERE key_hash <> ALL($1::text[])", list(roles))
    await tx.execute(
        """INSERT INTO known_keys (key_hash, role)
           SELECT * FROM unnest($1::text[], $2::text[]) AS given (key_hash, role) ORDER BY key_hash
           ON CONFLICT (key_hash) DO UPDATE SET role = excluded.role""",
        list(roles),
        list(roles.values()),
    )


def _roles(rows: Iterable[asyncpg.Record]) -> dict[str, str]:
    return {row["key_hash"]: row["role"] for row in rows}
