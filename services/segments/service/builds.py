"""Builds of new and edited versions: the oldest first, taking over together; and what deleted segments leave behind."""

from collections.abc import Sequence
from datetime import datetime

from services.segments.store import builds, catalogue, changes, lists, memberships, settling
from services.segments.store.builds import Build
from services.segments.store.catalogue import Version
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection

REMOVED_AT_ONCE = 5000


async def find_build(tx: Connection) -> Build | None:
    """The one to work on: builds finish in the order in which they were made."""
    return await builds.next_build(tx)


async def finish_builds(tx: Connection, *, clock: Clock) -> bool:
    """Let the new versions of a build take over, all together, when every lane is through with it; and of those begun after
    it that are done, too, for each change of the catalogue makes whoever evaluates begin again. False if it isn't time yet.

    Nobody enters or leaves by this: who differs by an edit goes over to it later.
    """
    done = await builds.done_builds(tx)
    if not done:
        return False
    await catalogue.change_catalogue(tx)  # from here on, whoever evaluated by the old versions must begin again
    now = clock.now()
    versions = await catalogue.versions(tx, ("building", "live", "failing"))
    for build in done:
        if await builds.end_build(tx, build.id, at=now):
            await _take_over(tx, build, versions, now)
    return True


async def _take_over(tx: Connection, build: Build, versions: Sequence[Version], now: datetime) -> None:
    taking_over = [version for version in versions if version.build_id == build.id and version.status == "building"]
    ids = [version.id for version in taking_over]
    if build.kind == "create":
        await catalogue.mark_live(tx, ids, at=now)
    elif taking_over:
        await catalogue.mark_replaced(tx, [v.id for v in versions if _is_overtaken(v, taking_over)])
        await catalogue.mark_settling(tx, ids, at=now)
        await settling.insert_settlings(tx, build.id)


def _is_overtaken(version: Version, by: Sequence[Version]) -> bool:
    """Whether it is an edit to which not all have gone over, or nobody. What all had gone over to goes when they leave it."""
    is_edit = version.status == "building" and version.build_kind == "edit"
    return is_edit and any(v.segment_id == version.segment_id and v.number > version.number for v in by)


async def remove_some(tx: Connection) -> bool:
    """Remove some of what a deleted segment left behind. False when there is nothing."""
    taken = await builds.take_removal(tx)
    if taken is None:
        return False
    segment_id, lane = taken
    await lists.unlist(tx, segment_id, lane)
    removed = await memberships.remove_some(tx, segment_id, lane, limit=REMOVED_AT_ONCE)
    removed = max(removed, await changes.remove_some_changes(tx, segment_id, lane, limit=REMOVED_AT_ONCE))
    if removed < REMOVED_AT_ONCE:
        await builds.removed_lane(tx, segment_id, lane)
    return True
