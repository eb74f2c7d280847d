"""Those whom a query cannot judge, judged by all that is known of them."""

from collections.abc import Sequence
from uuid import UUID

from services.segments.domain.facts import facts_of
from services.segments.domain.ruleset import Ruleset
from services.segments.domain.sql.query import Doubts, Query
from services.segments.store import history
from services.segments.store.profiles import find_profiles
from shared.plumbing.db import Connection

AT_ONCE = 500


async def arguments_of(tx: Connection, query: Query, lanes: Sequence[int], *, timeout: float) -> list[object]:
    """What the query takes after the lanes."""
    if query.doubts is None:
        return query.arguments
    rows = await tx.fetch(query.doubts.sql, list(lanes), *query.arguments, timeout=timeout)
    unknown = [row["profile_id"] for row in rows]
    members: list[object] = []
    for start in range(0, len(unknown), AT_ONCE):
        members += await _members(tx, query.doubts, unknown[start : start + AT_ONCE])
    return [*query.arguments, members]


async def _members(tx: Connection, doubts: Doubts, ids: Sequence[UUID]) -> list[UUID]:
    ruleset, t = Ruleset.build({0: doubts.definition}), doubts.as_of
    events = await history.events_of(tx, ids, names=ruleset.event_names)
    found = []
    for stored in await find_profiles(tx, ids):
        facts = facts_of(stored.id, stored.traits, stored.life_events, doubts.default_zone)
        known = events[stored.id]
        if ruleset.evaluate(ruleset.refold(known, t, facts), facts, t, known).truths[0]:
            found.append(stored.id)
    return found
