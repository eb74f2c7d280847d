"""Connections of a service to its database."""

from shared.plumbing.db import Database
from shared.plumbing.ids import new_id
from tests.services.plumbing.conftest import Bench


async def test_what_postgresqls_own_types_are_is_asked_by_one_connection_and_not_by_each(bench: Bench) -> None:
    asked: list[str] = []
    ids, lanes = [new_id()], [1, 2]
    for _ in range(2):
        db = await Database.open(bench.db.url, schema="trial", size=1)
        async with db.pool.acquire() as connection:
            asked.clear()
            with connection.query_logger(lambda logged: asked.append(logged.query)):
                row = await connection.fetchrow("SELECT $1::uuid[] AS ids, $2::smallint[] AS lanes", ids, lanes)
            assert row is not None
            assert (row["ids"], row["lanes"]) == (ids, lanes)
        await db.close()
    assert len(asked) == 1


async def test_a_type_of_somebodys_own_is_that_of_its_database(bench: Bench) -> None:
    for own in ("integer, b text", "text"):
        await bench.db.execute("DROP TYPE IF EXISTS pair")
        await bench.db.execute(f"CREATE TYPE pair AS (a {own})")
        db = await Database.open(bench.db.url, schema="trial", size=1)
        assert await db.fetchval("SELECT (NULL::pair).a IS NULL AND $1::pair[] = '{}'", [])
        await db.close()
