"""Every named event of every profile, each once: what a condition is read from, and rebuilt from."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

from services.segments.domain.facts import Event
from services.segments.store.profiles import lanes_of
from shared.plumbing.db import Connection
from shared.plumbing.lanes import by_lane, lane_of

EventKey = tuple[UUID, datetime, str, str]
"""Profile, timestamp, source, message id."""


async def insert_events(tx: Connection, events: Sequence[tuple[int, UUID, Event]]) -> set[EventKey] | None:
    """Keep these events of these (lane, profile). Returns those that were not there yet; None: all, and no two alike."""
    answers = await tx.fetchmany(
        """INSERT INTO history (lane, profile_id, timestamp, source, message_id, name, properties, context)
           SELECT $1, * FROM unnest($2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::jsonb[])
           ON CONFLICT DO NOTHING RETURNING profile_id, timestamp, source, message_id""",
        [(lane, *_columns(group)) for lane, group in by_lane(events, itemgetter(0))],
    )
    rows: list[Any] = list(answers)
    return None if len(rows) == len(events) else {tuple(row) for row in rows}


def _columns(events: Sequence[tuple[int, UUID, Event]]) -> tuple[list[Any], ...]:
    return (
        [profile_id for _, profile_id, _ in events],
        [event.timestamp for *_, event in events],
        [event.source for *_, event in events],
        [event.message_id for *_, event in events],
        [event.name for *_, event in events],
        [event.properties for *_, event in events],
        [event.context for *_, event in events],
    )


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
