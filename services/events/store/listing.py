"""What is stored, newest first."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from shared.plumbing.db import Database
from shared.plumbing.lanes import lane_of

COLUMNS = """log.lane, log.seq, log.source, log.message_id, log.type, log.name, log.user_id, log.anonymous_id,
             log.previous_id, log.timestamp, log.original_timestamp, log.sent_at, log.received_at, log.imported, log.payload"""


class Place(NamedTuple):
    """A row's place in the list: by the time that counts, then by where it lies."""

    timestamp: datetime
    lane: int
    seq: int


class Conditions:
    """The parts of a WHERE, with their parameters numbered."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.values: list[Any] = []

    def add(self, text: str, *values: Any) -> None:
        """`text` has a `{}` for each value."""
        first = len(self.values) + 1
        self.values += values
        self.parts.append(text.format(*(f"${first + n}" for n in range(len(values)))))

    def parameter(self, value: Any) -> str:
        """A parameter of its own."""
        self.values.append(value)
        return f"${len(self.values)}"

    def where(self) -> str:
        """The condition, true if there are no parts."""
        return " AND ".join(self.parts) or "true"


def _before(conditions: Conditions, table: str, lane: str, seq: str, place: Place | None) -> None:
    if place is not None:
        conditions.add(
            f"{table}.timestamp <= {{}} AND ({table}.timestamp, {table}.{lane}, {table}.{seq}) < ({{}}, {{}}, {{}})",
            place.timestamp,
            *place,
        )


async def list_log(
    db: Database,
    *,
    equal: dict[str, str],
    received: Iterable[datetime] | None = None,
    received_before: datetime | None = None,
    before: Place | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Rows whose columns have these values; `received`: only those received at one of these instants."""
    conditions = Conditions()
    for column, value in equal.items():
        conditions.add(f"log.{column} = {{}}", value)
    if received is not None:
        conditions.add("log.received_at = ANY({}::timestamptz[])", list(received))
    if received_before is not None:
        conditions.add("log.received_at < {}", received_before)
    _before(conditions, "log", "lane", "seq", before)
    return await db.fetch(
        f"""SELECT {COLUMNS}, log.profile_id FROM log WHERE {conditions.where()}
            ORDER BY log.timestamp DESC, log.lane DESC, log.seq DESC LIMIT {conditions.parameter(limit)}""",
        *conditions.values,
    )


async def list_named(
    db: Database, name: str, *, since: datetime, until: datetime, after: Place | None, limit: int
) -> list[asyncpg.Record]:
    """Events of a name with a timestamp from `since` on and before `until`, oldest first."""
    place = after or Place(since, -1, -1)
    return await db.fetch(
        f"""SELECT {COLUMNS}, log.profile_id FROM log
            WHERE log.name = $1 AND log.timestamp >= $2 AND log.timestamp < $3
              AND (log.timestamp, log.lane, log.seq) > ($2, $4, $5)
            ORDER BY log.timestamp, log.lane, log.seq LIMIT $6""",
        name,
        place.timestamp,
        until,
        place.lane,
        place.seq,
        limit,
    )


async def list_profile(
    db: Database, profile_ids: Sequence[UUID], *, equal: dict[str, str], before: Place | None, limit: int
) -> list[asyncpg.Record]:
    """The rows of these profiles, of which all but one became part of it."""
    conditions = Conditions()
    lanes = conditions.parameter([lane_of(profile_id) for profile_id in profile_ids])
    ids = conditions.parameter(list(profile_ids))
    many = conditions.parameter(limit)
    for column, value in equal.items():
        conditions.add(f"log.{column} = {{}}", value)
    _before(conditions, "mine", "log_lane", "log_seq", before)
    return await db.fetch(
        f"""SELECT next.* FROM unnest({lanes}::smallint[], {ids}::uuid[]) AS whose (lane, profile_id),
            LATERAL (SELECT {COLUMNS}, mine.profile_id FROM profile_events AS mine
                     JOIN log ON log.lane = mine.log_lane AND log.seq = mine.log_seq AND log.received_at = mine.received_at
                     WHERE mine.lane = whose.lane AND mine.profile_id = whose.profile_id AND {conditions.where()}
                     ORDER BY mine.timestamp DESC, mine.log_lane DESC, mine.log_seq DESC LIMIT {many}) AS next
            ORDER BY next.timestamp DESC, next.lane DESC, next.seq DESC LIMIT {many}""",
        *conditions.values,
    )


async def received_of_keys(db: Database, keys: Sequence[tuple[int, bytes]]) -> list[datetime]:
    """When the messages of these dedup keys (with their lanes) were received."""
    rows = await db.fetch(
        """SELECT received_at FROM unnest($1::smallint[], $2::bytea[]) AS wanted (lane, key)
           JOIN event_keys USING (lane, key)""",
        [lane for lane, _ in keys],
        [key for _, key in keys],
    )
    return [row["received_at"] for row in rows]


async def source_names(db: Database) -> list[str]:
    """Every source there ever was."""
    return [row["name"] for row in await db.fetch("SELECT name FROM sources")]
