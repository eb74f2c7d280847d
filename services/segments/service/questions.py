"""What callers ask: members, changes, why, and what if."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.segments.domain.definition import Definition
from services.segments.domain.explain import explain
from services.segments.domain.facts import facts_of
from services.segments.domain.lists import show_lists
from services.segments.domain.ruleset import Ruleset
from services.segments.domain.sql.query import compile_query
from services.segments.service.catalogue import (
    SegmentState,
    get_segment,
    known_conditions,
    read_condition,
    states_of,
)
from services.segments.service.history_of import NEWEST
from services.segments.service.rules import definition_of
from services.segments.store import changes, history, memberships, past, profiles
from services.segments.store.catalogue import Version
from services.segments.store.changes import RecordedChange
from services.segments.store.preview import Preview, find_members
from services.segments.store.profiles import StoredProfile
from shared.language.errors import ConditionError
from shared.plumbing.db import Connection, Database
from shared.plumbing.errors import Conflict, NotFound
from shared.plumbing.lanes import LANES

SAMPLE = 10
START = (0,) * LANES
"""The cursor before the first change of every lane."""


@dataclass(frozen=True, slots=True)
class ListedChange:
    """A change, and the cursor that continues right after it."""

    change: RecordedChange
    cursor: tuple[int, ...]


async def list_changes(
    db: Database, segment_id: UUID, after: Sequence[int], *, limit: int
) -> tuple[list[ListedChange], bool]:
    """The next changes, in order for each profile, and whether there are more.

    A cursor holds a place in every lane, so that what is recorded later in a lane already read is not missed.
    """
    few = 4 * limit // LANES + 1
    found = await changes.changes_after(db, segment_id, after, per_lane=few)
    counts = Counter(change.lane for change in found)
    if len(found) <= limit and few in counts.values():  # a lane that has more than a few might fill the page
        found = await changes.changes_after(db, segment_id, after, per_lane=limit + 1)
    return _with_cursors(_interleaved(found)[:limit], after), len(found) > limit


def _interleaved(found: Sequence[RecordedChange]) -> list[RecordedChange]:
    """Roughly by time, strictly by sequence within a lane (where a boundary in the past may follow a later event's)."""
    placed: list[tuple[datetime, int, int, RecordedChange]] = []
    latest: dict[int, datetime] = {}
    for change in found:
        latest[change.lane] = max(change.at, latest.get(change.lane, change.at))
        placed.append((latest[change.lane], change.lane, change.seq, change))
    return [change for *_, change in sorted(placed, key=lambda place: place[:3])]


def _with_cursors(listed: Sequence[RecordedChange], after: Sequence[int]) -> list[ListedChange]:
    cursor = list(after)
    placed: list[ListedChange] = []
    for change in listed:
        cursor[change.lane] = change.seq
        placed.append(ListedChange(change, tuple(cursor)))
    return placed


async def explain_membership(
    tx: Connection, *, key: str, profile_id: UUID, now: datetime, default_zone: str
) -> dict[str, Any]:
    """The tree of the version that decides about it, with every node's value, and what was recorded last. Raises NotFound for either,
    and Conflict for a condition of a newer release."""
    segment = await get_segment(tx, key)
    [state] = await states_of(tx, [segment])
    stored = await profiles.find_profile(tx, profile_id)
    if stored is None:
        raise NotFound("There is no such profile here.")
    version = await _judged_by(tx, state, stored)
    definition = _readable(version)
    names = Ruleset.build({version.id: definition}).event_names
    events = (await history.events_of(tx, [stored.id], names=names))[stored.id]
    facts = facts_of(stored.id, stored.traits, stored.life_events, default_zone)
    tree = show_lists(explain(definition, events, facts, now))
    who = {"segment": key, "version": version.number, "profile_id": stored.id, "user_id": stored.user_id}
    return who | await _last_change(tx, segment.id, stored.id) | tree


async def _judged_by(tx: Connection, state: SegmentState, stored: StoredProfile) -> Version:
    """The version by whose truth the profile is in or not."""
    settling = state.settling
    if settling is None:
        return state.serving
    is_listed = bool(await memberships.listed_in(tx, [settling.segment_id], [stored.id]))
    return settling if is_listed is (settling.id in stored.truths) else state.serving


def _readable(version: Version) -> Definition:
    try:
        return definition_of(version.condition, version.segments)
    except ConditionError as error:
        raise Conflict("This release cannot read the segment's condition.", code="unreadable") from error


async def _last_change(tx: Connection, segment_id: UUID, profile_id: UUID) -> dict[str, Any]:
    found = await past.changes_of(tx, profile_id, segment_id, before=NEWEST, limit=1)
    if not found:
        return {"member_since": None, "last_change": None}
    last = found[0].change
    shown = {"change": last.change, "at": last.at, "version": last.version, "cause": last.cause}
    return {"member_since": last.at if last.change == "entered" else None, "last_change": shown}


async def preview(db: Database, *, condition: dict[str, Any], as_of: datetime, default_zone: str) -> Preview:
    """Who is a member at `as_of`, by event timestamps, among the profiles there are."""
    async with db.snapshot() as tx:
        definition = read_condition(condition, await known_conditions(tx), key=None)
        return await find_members(tx, compile_query(definition, as_of, default_zone), sample=SAMPLE)
