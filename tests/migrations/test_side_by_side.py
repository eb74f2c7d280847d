"""What a migration of segments changes while the release before still serves."""

from uuid import UUID

from services.segments.store.builds import Build, insert_build, open_lanes
from shared.plumbing.db import Database
from shared.plumbing.lanes import LANES
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
