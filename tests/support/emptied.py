"""One database for many tests of a worker: made as if just migrated before each, which is faster than a new one.

    clean_database      `url = await clean_database(migrate)`: the worker's own for this `migrate`; whoever had it before
                        is gone. A test that needs two, or other tables, asks `make_database`.

Rows are deleted, and those that the migrations wrote are put back. Where a test has left other tables than it found, or
holds a lock, a new database takes the place.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import asyncpg
import pytest

from tests.support.kept import forget, keep
from tests.support.postgres import MakeDatabase, Migrate

CleanDatabase = Callable[[Migrate], Awaitable[str]]
Connection = asyncpg.Connection  # of records
OURS = "nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'migrated')"


@dataclass(frozen=True)
class Known:
    """A database, with what its tables were like when it was made."""

    url: str
    shape: list[asyncpg.Record]
    connection: "Connection[asyncpg.Record]"


async def _tables(connection: "Connection[asyncpg.Record]") -> list[str]:
    """All that hold rows, those that refer to others first."""
    found = await connection.fetch(
        f"""SELECT format('%I.%I', nspname, relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
            WHERE relkind = 'r' AND {OURS}
            ORDER BY (SELECT count(*) FROM pg_constraint WHERE conrelid = c.oid AND contype = 'f') DESC, name"""
    )
    return [row["name"] for row in found]


async def _shape(connection: "Connection[asyncpg.Record]") -> list[asyncpg.Record]:
    """Tables but for partitions, which are made as time goes on, with the numbers of their columns and rules."""
    return await connection.fetch(
        f"""SELECT nspname, relname, relnatts, relchecks, relhastriggers,
                   (SELECT count(*) FROM pg_constraint WHERE conrelid = c.oid) AS constraints,
                   (SELECT count(*) FROM pg_index WHERE indrelid = c.oid) AS indexes
            FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
            WHERE relkind IN ('r', 'p') AND NOT relispartition AND {OURS} ORDER BY nspname, relname"""
    )


async def _filled(connection: "Connection[asyncpg.Record]", tables: list[str]) -> list[str]:
    asked = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in tables)
    return [row[0] for row in await connection.fetch(asked)] if tables else []


async def _remember(url: str) -> Known:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE SCHEMA migrated")
    for table in await _filled(connection, await _tables(connection)):
        await connection.execute(f'CREATE TABLE migrated."{table}" AS TABLE {table}')
    keep(url)
    return Known(url, await _shape(connection), connection)


async def _empty(known: Known) -> bool:
    """False when it can't be made as it was."""
    connection = known.connection
    try:
        if await _shape(connection) != known.shape:
            return False
        kept = await connection.fetch("SELECT relname FROM pg_class WHERE relnamespace = 'migrated'::regnamespace")
        async with connection.transaction():
            await connection.execute("SET LOCAL lock_timeout = '2s'")
            for table in await _filled(connection, await _tables(connection)):
                await connection.execute(f"DELETE FROM {table}")
            for (table,) in kept:
                await connection.execute(f'INSERT INTO {table} SELECT * FROM migrated."{table}"')
    except (asyncpg.LockNotAvailableError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError):
        return False
    return True


async def _give_up(known: Known) -> None:
    await forget(known.url)
    await known.connection.close()


@pytest.fixture(scope="session")
async def clean_database(make_database: MakeDatabase) -> AsyncIterator[CleanDatabase]:
    made: dict[Migrate, Known] = {}

    async def clean(migrate: Migrate) -> str:
        known = made.get(migrate)
        if known is not None and await _empty(known):
            return known.url
        if known is not None:
            await _give_up(known)
        known = made[migrate] = await _remember(await make_database(migrate))
        return known.url

    yield clean
    for known in made.values():
        await _give_up(known)
