"""The key list is kept when it changes, and read only while its owner is away."""

from collections.abc import Mapping

import pytest

from shared.plumbing.db import Database
from shared.plumbing.errors import Unavailable
from shared.plumbing.known_keys import KnownKeys
from tests.services.plumbing.conftest import Bench


class Owner:
    """Gives the list out, or is away (None)."""

    def __init__(self, roles: Mapping[str, str] | None) -> None:
        self.roles = roles

    async def load(self) -> Mapping[str, str]:
        if self.roles is None:
            raise Unavailable("away")
        return self.roles


async def kept(db: Database) -> dict[str, tuple[str, int]]:
    """Role and writing transaction of each key."""
    rows = await db.fetch("SELECT key_hash, role, xmin::text::bigint AS written_by FROM known_keys")
    return {row["key_hash"]: (row["role"], row["written_by"]) for row in rows}


async def test_without_an_owner_or_a_list_nothing_is_known(bench: Bench) -> None:
    with pytest.raises(Unavailable):
        await KnownKeys(bench.db, Owner(None).load).load()


async def test_the_last_list_serves_a_start_while_the_owner_is_away(bench: Bench) -> None:
    await KnownKeys(bench.db, Owner({"a": "admin", "b": "read"}).load).load()
    owner = Owner(None)
    again = KnownKeys(bench.db, owner.load)
    assert await again.load() == {"a": "admin", "b": "read"}
    owner.roles = {"b": "write"}
    assert await again.load() == {"b": "write"}
    assert await KnownKeys(bench.db, Owner(None).load).load() == {"b": "write"}


async def test_a_list_that_is_as_it_was_is_not_written(bench: Bench) -> None:
    owner = Owner({"a": "admin"})
    keys = KnownKeys(bench.db, owner.load)
    await keys.load()
    before = await kept(bench.db)
    await keys.load()
    await KnownKeys(bench.db, owner.load).load()
    assert await kept(bench.db) == before


async def test_a_database_that_is_away_is_no_reason_to_refuse_a_key() -> None:
    db = await Database.open("postgresql://nobody@127.0.0.1:1/none", schema="trial")
    assert await KnownKeys(db, Owner({"a": "admin"}).load).load() == {"a": "admin"}
    with pytest.raises(Unavailable):
        await KnownKeys(db, Owner(None).load).load()
    await db.close()
