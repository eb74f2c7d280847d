"""The tests' own databases (tests/support/postgres.py)."""

import asyncpg
import pytest

from tests.support.emptied import CleanDatabase
from tests.support.kept import open_kept
from tests.support.postgres import MakeDatabase


async def migrate(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE migrated (n int)")
    await connection.execute("INSERT INTO migrated VALUES (1)")
    await connection.close()


@pytest.mark.parametrize("number", range(4))
async def test_every_asker_gets_a_clone_of_its_own(make_database: MakeDatabase, number: int) -> None:
    connection = await asyncpg.connect(await make_database(migrate))
    try:
        await connection.execute("INSERT INTO migrated VALUES (2)")
        assert await connection.fetchval("SELECT count(*) FROM migrated") == 2
    finally:
        await connection.close()


async def test_a_worker_has_an_empty_database(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    finally:
        await connection.close()


@pytest.mark.parametrize("leaves", ["rows", "a table", "a column", "nothing"])
async def test_a_clean_database_is_as_if_just_migrated_whatever_was_left_in_it(
    clean_database: CleanDatabase, leaves: str
) -> None:
    connection = await asyncpg.connect(await clean_database(migrate))
    try:
        assert [row["n"] for row in await connection.fetch("SELECT n FROM migrated")] == [1]
        assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 1
        left = {
            "rows": "DELETE FROM migrated; INSERT INTO migrated VALUES (2), (3)",
            "a table": "CREATE TABLE other (n int)",
            "a column": "ALTER TABLE migrated ADD COLUMN other int",
            "nothing": "SELECT 1",
        }
        await connection.execute(left[leaves])
    finally:
        await connection.close()
    again = await asyncpg.connect(await clean_database(migrate))
    try:
        assert [row["n"] for row in await again.fetch("SELECT n FROM migrated")] == [1]
        assert await again.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 1
    finally:
        await again.close()


async def test_what_was_closed_is_of_no_use_though_its_connections_serve_the_next_one(
    clean_database: CleanDatabase,
) -> None:
    url = await clean_database(migrate)
    before = await open_kept(url, schema="public", size=1)
    backend = await before.fetchval("SELECT pg_backend_pid()")
    for _ in range(2):
        await before.close()
    with pytest.raises(asyncpg.InterfaceError):
        await before.fetch("SELECT 1")
    both = [await open_kept(url, schema="public", size=1) for _ in range(2)]
    first, second = [await one.fetchval("SELECT pg_backend_pid()") for one in both]
    assert first == backend != second
    for one in both:
        await one.close()
