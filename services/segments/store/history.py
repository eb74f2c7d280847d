"""Every named event of every profile, each once: what a condition is read from, and rebuilt from."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from uuid import UUID

from msgspec import Struct

from services.segments.domain.facts import Event
from services.segments.store.profiles import lanes_of
from shared.plumbing.db import Connection
from shared.plumbing.lanes import by_lane, lane_of

EventKey = tuple[UUID, datetime, str, str]
"""Profile, timestamp, source, message id."""


class _Row(Struct):
    profile_id: UUID
    timestamp: datetime
    source: str
    message_id: str
    name: str
    properties: Mapping[str, object]
    context: Mapping[str, object]


async def insert_events(tx: Connection, events: Sequence[tuple[int, UUID, Event]]) -> set[EventKey] | None:
    """Keep these events of these (lane, profile). Returns those that were not there yet; None: all, and no two alike."""
    groups = by_lane(events, itemgetter(0))
    answers = await tx.fetchmany(
        """WITH new AS (
             INSERT INTO history (lane, profile_id, timestamp, source, message_id, name, properties, context)
             SELECT $1, * FROM jsonb_to_recordset($2) AS event (profile_id uuid, timestamp timestamptz, source text,
                                                                message_id text, name text, properties jsonb, context jsonb)
             ON CONFLICT DO NOTHING RETURNING profile_id, timestamp, source, message_id)
           SELECT $1, array_agg(new) FROM new HAVING count(*) < $3""",
        [(lane, [_row(profile_id, event) for _, profile_id, event in group], len(group)) for lane, group in groups],
    )
    some = {lane: news or () for lane, news in answers}
    if not some:
        return None
    whole = ((profile_id, event) for lane, profile_id, event in events if lane not in some)
    return {tuple(key) for news in some.values() for key in news} | {
        (profile_id, event.timestamp, event.source, event.message_id) for profile_id, event in whole
    }


def _row(profile_id: UUID, e: Event) -> _Row:
    return _Row(profile_id, e.timestamp, e.source, e.message_id, e.name, e.properties, e.context)


async def events_of(
    tx: Connection, profiles: Iterable[UUID], *, names: Collection[str] | None = None
) -> dict[UUID, list[Event]]:
    """The events of each of these profiles; only those of `names`, if given."""
    lanes = lanes_of(profiles)
    found: dict[UUID, list[Event]] = {profile_id: [] for _, ids in lanes for profile_id in ids}
    rows = await tx.fetchmany(
        """SELECT profile_id, timestamp, message_id, source, name, properties, context FROM history
           WHERE lane = $1 AND profile_id = ANY($2::uuid[]) AND ($3::text[] IS NULL OR name = ANY($3))""",
        [(lane, ids, None if names is None else list(names)) for lane, ids in lanes],
    )
    for profile_id, *event in rows:
        found[profile_id].append(Event(*event))
    return found


async def move_events(tx: Connection, *, loser: UUID, survivor: UUID) -> None:
    """Give the loser's events to the survivor."""
    await tx.execute(
        """INSERT INTO history (lane, profile_id, timestamp, source, message_id, name, properties, context)
           SELECT $1, $2, timestamp, source, message_id, name, properties, context FROM history
           WHERE lane = $3 AND profile_id = $4 ON CONFLICT DO NOTHING""",
        lane_of(survivor),
        survivor,
        lane_of(loser),
        loser,
    )
    await delete_events(tx, [loser])


async def delete_events(tx: Connection, profiles: Iterable[UUID]) -> None:
    """Forget all events of these profiles."""
    await tx.executemany("DELETE FROM history WHERE lane = $1 AND profile_id = ANY($2::uuid[])", lanes_of(profiles))
