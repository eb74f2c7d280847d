"""Builds of new and edited versions: the oldest first, taking over in one step; and what deleted segments leave behind."""

from collections.abc import Sequence
from datetime import datetime

from services.segments.store import builds, catalogue, changes, lists, memberships
from services.segments.store.builds import Build, Difference
from services.segments.store.catalogue import Version
from services.segments.store.changes import Change
from services.segments.store.memberships import Membership
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection

REMOVED_AT_ONCE = 5000


async def find_build(tx: Connection) -> Build | None:
    """The one to work on: builds finish in the order in which they were made."""
    return await builds.next_build(tx)


async def finish_builds(tx: Connection, *, clock: Clock) -> bool:
    """Let the new versions of a build take over, all together, when every lane is through with it; and of those begun after
    it that are done, too, for each change of the catalogue makes whoever evaluates begin again. False if it isn't time yet.
    """
    done = await builds.done_builds(tx)
    if not done:
        return False
    await catalogue.change_catalogue(tx)  # from here on, whoever evaluated by the old versions must begin again
    now = clock.now()
    versions = await catalogue.versions(tx, ("building", "live", "failing"))
    recorded: list[Change] = []
    for build in done:
        if await builds.end_build(tx, build.id, at=now):
            recorded += await _take_over(tx, build, versions, now)
    await changes.append_changes(tx, recorded)
    return True


async def _take_over(tx: Connection, build: Build, versions: Sequence[Version], now: datetime) -> list[Change]:
    taking_over = [version for version in versions if version.build_id == build.id and version.status == "building"]
    recorded: list[Change] = []
    for version in taking_over:
        old = [v.id for v in versions if v.segment_id == version.segment_id and v.number < version.number]
        await catalogue.mark_replaced(tx, old)
        if build.kind == "edit":
            recorded += await _replace(tx, version, now)
    await catalogue.mark_live(tx, [version.id for version in taking_over], at=now)
    return recorded


async def _replace(tx: Connection, version: Version, now: datetime) -> list[Change]:
    """Make the new version's truths the memberships. Returns the changes that this is."""
    found = await builds.differences(tx, segment_id=version.segment_id, version_id=version.id)
    made = [_change(version, difference, now) for difference in found]
    await memberships.leave(tx, [(c.lane, c.segment_id, c.profile_id) for c in made if c.change == "left"])
    await memberships.enter(
        tx, [Membership(c.lane, c.segment_id, c.profile_id, c.at) for c in made if c.change == "entered"]
    )
    return made


def _change(version: Version, difference: Difference, now: datetime) -> Change:
    """At the instant to which the profile has been brought where time has passed it since: what time changed
    meanwhile is still to be recorded, each change at its own, later instant."""
    due = difference.next_due_at is not None and difference.next_due_at <= now
    return Change(
        difference.lane,
        difference.profile_id,
        difference.user_id,
        version.segment_id,
        version.number,
        "entered" if difference.enters else "left",
        difference.evaluated_at if due else max(now, difference.evaluated_at),
        {"kind": "edit", "version": version.number},
    )


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
