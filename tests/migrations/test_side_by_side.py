"""What a migration of segments changes while the release before still serves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg

from services.segments.store.builds import Build, insert_build, open_lanes
from shared.plumbing.db import Database
from shared.plumbing.lanes import LANES
from tests.migrations.test_states import bring
from tests.services.segments.standing import NOW, migrate_segments
from tests.support.postgres import MakeDatabase


async def test_builds_are_begun_by_this_release_and_by_the_one_before(make_database: MakeDatabase) -> None:
    db = await Database.open(await make_database(migrate_segments), schema="segments", size=1)
    build = Build(UUID(int=1), 1, "create", 0)
    async with db.transaction() as tx:
        await insert_build(tx, build, at=NOW)
        await tx.execute(
            "INSERT INTO build_lanes (lane, build_id, passed, done) VALUES ($1, $2, 0, false)", 0, UUID(int=2)
        )
        found = await open_lanes(tx, range(LANES))
    await db.close()
    assert found == {lane: {build.id} | ({UUID(int=2)} if lane == 0 else set()) for lane in range(LANES)}


CHANGE = """INSERT INTO changes (lane, seq, id, segment_id, version, profile_id, change, at, cause)
            VALUES (0, $1, $2, $2, 1, $2, 'entered', 'epoch', '{}')"""
INDEX = (
    """SELECT pg_get_indexdef(indexrelid), indisvalid FROM pg_index WHERE indexrelid = to_regclass('changes_member')"""
)
WAITS = """SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'CREATE INDEX%'
                          AND wait_event_type = 'Lock')"""


async def before_members_of_the_past(url: str) -> None:
    await bring(url, "0003")


async def test_changes_are_recorded_while_their_index_is_built(make_database: MakeDatabase) -> None:
    url = await make_database(before_members_of_the_past)
    async with _connected(url) as writing, _connected(url) as live:
        await live.execute(CHANGE, 1, UUID(int=1))
        async with writing.transaction():
            await writing.execute(CHANGE, 2, UUID(int=2))
            migrating = asyncio.create_task(bring(url, "head"))
            while not await live.fetchval(WAITS):
                assert not migrating.done()
                await asyncio.sleep(0.01)
            await live.execute(CHANGE, 3, UUID(int=3), timeout=60)
        await migrating
        made = await live.fetchrow(INDEX)
    async with _connected(await make_database(migrate_segments)) as new:
        assert made == await new.fetchrow(INDEX)
    assert made is not None
    assert made["indisvalid"]


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(url, server_settings={"search_path": "segments"})
    try:
        yield connection
    finally:
        await connection.close()
