"""New and edited versions: evaluated over all profiles lane by lane while everything goes on, then taking over in one step."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.segments.service.batch import begin, taking_turns
from services.segments.service.rules import RuleBook, VersionFails
from services.segments.service.subject import catch_up
from services.segments.store import builds, catalogue, changes, memberships, profiles
from services.segments.store.builds import Build, Difference, LaneStep
from services.segments.store.catalogue import Version
from services.segments.store.changes import Change
from services.segments.store.memberships import Membership
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection
from shared.plumbing.lanes import LANES
from shared.plumbing.leases import Leases

REMOVED_AT_ONCE = 5000
LANES_AT_ONCE = 8  # few, so that a statement writes many rows of one lane


async def build_some(
    tx: Connection, book: RuleBook, leases: Leases, build: Build, lanes: Sequence[int], *, now: datetime, limit: int
) -> bool:
    """Give the next profiles of these lanes their first truths in the new versions. False when the lanes are done."""
    cursors = dict(list((await builds.open_lanes(tx, build.id, lanes)).items())[:LANES_AT_ONCE])
    if not cursors:
        return False
    await leases.check(tx, list(cursors))
    batch = await begin(tx, book, now)
    per_lane = max(1, limit // len(cursors))
    found = dict(await profiles.ids_after(tx, cursors, per_lane=per_lane))
    await batch.lock_only(profile_id for ids in found.values() for profile_id in ids)
    living = [s for s in batch.subjects.values() if s.merged_into is None and not s.erased and s.is_behind(batch.rules)]
    past = await batch.histories(living)
    try:
        async for subject in taking_turns(living):
            catch_up(subject, batch.rules, now, past.get(subject.id, []))
        await batch.write()
    except VersionFails as failure:
        await book.set_aside(failure)
    await builds.move_on(tx, build.id, [_step(lane, cursors[lane], found.get(lane, []), per_lane) for lane in cursors])
    return True


def _step(lane: int, cursor: UUID | None, passed: Sequence[UUID], per_lane: int) -> LaneStep:
    return LaneStep(lane, passed[-1] if passed else cursor, len(passed), done=len(passed) < per_lane)


async def find_build(tx: Connection) -> Build | None:
    """The one to work on: builds finish in the order in which they were made."""
    return await builds.next_build(tx)


async def finish_build(tx: Connection, build: Build, *, clock: Clock) -> bool:
    """Let the new versions take over, all together, when every lane is done. False if it isn't time yet."""
    if await builds.count_done_lanes(tx, build.id) < LANES:
        return False
    await catalogue.change_catalogue(tx)  # from here on, whoever evaluated by the old versions must begin again
    now = clock.now()
    if not await builds.end_build(tx, build.id, at=now):
        return False
    versions = await catalogue.versions(tx, ("building", "live", "failing"))
    taking_over = [version for version in versions if version.build_id == build.id and version.status == "building"]
    recorded: list[Change] = []
    for version in taking_over:
        old = [v.id for v in versions if v.segment_id == version.segment_id and v.number < version.number]
        await catalogue.mark_replaced(tx, old)
        if build.kind == "edit":
            recorded += await _replace(tx, version, now)
    await catalogue.mark_live(tx, [version.id for version in taking_over], at=now)
    await changes.append_changes(tx, recorded)
    return True


async def _replace(tx: Connection, version: Version, now: datetime) -> list[Change]:
    """Make the new version's truths the memberships. Returns the changes that this is."""
    recorded: list[Change] = []
    for lane in range(LANES):
        found = await builds.differences(tx, lane=lane, segment_id=version.segment_id, version_id=version.id)
        made = [_change(lane, version, difference, now) for difference in found]
        await memberships.leave(tx, [(lane, c.segment_id, c.profile_id) for c in made if c.change == "left"])
        await memberships.enter(
            tx, [Membership(lane, c.segment_id, c.profile_id, c.at) for c in made if c.change == "entered"]
        )
        recorded += made
    return recorded


def _change(lane: int, version: Version, difference: Difference, now: datetime) -> Change:
    """At the instant to which the profile has been brought where time has passed it since: what time changed
    meanwhile is still to be recorded, each change at its own, later instant."""
    due = difference.next_due_at is not None and difference.next_due_at <= now
    return Change(
        lane,
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
    removed = await memberships.remove_some(tx, segment_id, lane, limit=REMOVED_AT_ONCE)
    removed = max(removed, await changes.remove_some_changes(tx, segment_id, lane, limit=REMOVED_AT_ONCE))
    if removed < REMOVED_AT_ONCE:
        await builds.removed_lane(tx, segment_id, lane)
    return True
