"""Every entry and exit, for good: appended once, read by other services as the feed and by callers as a list."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from asyncpg import Record

from services.segments.store.profiles import lanes_of
from shared.plumbing import json
from shared.plumbing.db import Connection, Database
from shared.plumbing.feed import BEHIND, Item
from shared.plumbing.ids import new_id
from shared.plumbing.lanes import LANES, by_lane, take_sequences
from shared.schemas.history import ChangesPage, ChangesRequest
from shared.schemas.membership import MembershipChanged


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be recorded. `version`: the number of the segment's version that decided."""

    lane: int
    profile_id: UUID
    user_id: str | None
    segment_id: UUID
    version: int
    change: Literal["entered", "left"]
    at: datetime
    cause: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RecordedChange:
    lane: int
    seq: int
    profile_id: UUID
    user_id: str | None
    version: int
    change: str
    at: datetime
    cause: dict[str, Any]


async def append_changes(tx: Connection, changes: Iterable[Change]) -> None:
    """Record these, in their order. Call it last in a transaction: it takes the lanes' counters."""
    groups = by_lane(changes, lambda change: change.lane)
    first = await take_sequences(tx, {lane: len(group) for lane, group in groups})
    await tx.executemany(
        """INSERT INTO changes (lane, seq, id, segment_id, version, profile_id, user_id, change, at, cause)
           SELECT $1, $2 + row - 1, id, segment_id, version, profile_id, user_id, change, at, cause
           FROM unnest($3::uuid[], $4::uuid[], $5::int[], $6::uuid[], $7::text[], $8::text[], $9::timestamptz[], $10::jsonb[])
                WITH ORDINALITY AS new (id, segment_id, version, profile_id, user_id, change, at, cause, row)""",
        [(lane, first[lane], *_columns(group)) for lane, group in groups],
    )


def _columns(changes: Sequence[Change]) -> tuple[list[Any], ...]:
    return (
        [new_id() for _ in changes],
        [change.segment_id for change in changes],
        [change.version for change in changes],
        [change.profile_id for change in changes],
        [change.user_id for change in changes],
        [change.change for change in changes],
        [change.at for change in changes],
        [change.cause for change in changes],
    )


def applied(changes: str, *, behind: Sequence[str] = ()) -> str:
    """Further parts of a statement, which make of its part of that name memberships and records. That lists changes of the lane
    `$1`: `row` (from 1), `id`, `segment_id`, `number` (of the version), `profile_id`, `user_id`, `entered`, `at`, `cause`.

    Takes the lane's counter, once memberships and those of its parts that are named in `behind` (and return rows) are written:
    commit soon, for whoever records changes of the lane waits.
    """
    return f"""gone AS (
    DELETE FROM memberships USING {changes}
    WHERE lane = $1 AND NOT entered AND memberships.segment_id = {changes}.segment_id
      AND memberships.profile_id = {changes}.profile_id RETURNING true
), {entered(changes, behind=(*behind, "gone"))}"""


def entered(changes: str, *, behind: Sequence[str] = ()) -> str:
    """The same where all of them are entries."""
    # what a statement's parts return is there when they are through; left to itself, it goes from the last to the first
    written = " ".join(f"AND (SELECT count(*) FROM {part}) >= 0" for part in (*behind, "come"))
    return f"""come AS (
    INSERT INTO memberships (lane, segment_id, profile_id, entered_at)
    SELECT $1, segment_id, profile_id, at FROM {changes} WHERE entered
    ON CONFLICT (lane, segment_id, profile_id) DO UPDATE SET entered_at = excluded.entered_at RETURNING true
), head AS (
    UPDATE lane_heads SET seq = seq + (SELECT count(*) FROM {changes})
    WHERE lane = $1 AND EXISTS (SELECT FROM {changes}) {written} RETURNING seq
), told AS (
    INSERT INTO changes (lane, seq, id, segment_id, version, profile_id, user_id, change, at, cause)
    SELECT $1, head.seq - (SELECT count(*) FROM {changes}) + row, id, segment_id, number, profile_id, user_id,
           CASE WHEN entered THEN 'entered' ELSE 'left' END, at, cause
    FROM {changes}, head
)"""


async def changes_after(
    db: Database, segment_id: UUID, cursors: Sequence[int], *, per_lane: int
) -> list[RecordedChange]:
    """A segment's changes after the cursors (one for each lane), in order within each lane.

    With the user id each profile has now, or had then if it is no more.
    """
    rows = await db.fetch(
        """SELECT next.lane, next.seq, next.profile_id, coalesce(profiles.user_id, next.user_id), next.version, next.change,
                  next.at, next.cause
           FROM unnest($2::smallint[], $3::bigint[]) AS after (lane, seq)
           JOIN lane_heads ON lane_heads.lane = after.lane AND lane_heads.seq > after.seq,
           LATERAL (SELECT * FROM changes
                    WHERE changes.lane = after.lane AND segment_id = $1 AND changes.seq > after.seq
                    ORDER BY changes.seq LIMIT $4) AS next
           LEFT JOIN profiles ON profiles.lane = next.lane AND profiles.profile_id = next.profile_id
           ORDER BY next.lane, next.seq""",
        segment_id,
        list(range(len(cursors))),
        list(cursors),
        per_lane,
    )
    return [RecordedChange(*row) for row in rows]


async def read_changes(db: Database, cursors: Mapping[int, int], limit: int) -> list[Item]:
    """The feed: what comes after the cursors, and a `gap` where nothing is left of it (erased, or its segment deleted).

    Whatever is numbered up to a lane's head is committed with it, so what isn't there then never comes.
    """
    rows = await db.fetch(
        f"""{BEHIND}
           SELECT behind.lane, behind.head, next.seq, next.id, next.segment_id, segments.key, next.version,
                  next.profile_id, next.user_id, next.change, next.at, next.cause
           FROM behind
           LEFT JOIN LATERAL (SELECT * FROM changes WHERE changes.lane = behind.lane AND changes.seq > behind.seq
                              ORDER BY changes.seq LIMIT (SELECT share FROM shares)) AS next ON true
           LEFT JOIN segments ON segments.id = next.segment_id
           ORDER BY behind.lane, next.seq""",
        list(cursors),
        list(cursors.values()),
        limit,
    )
    return [Item(row["lane"], row["seq"] or row["head"], _message(row)) for row in rows]


async def changes_between(db: Database, segment_id: UUID, key: str, part: ChangesRequest) -> ChangesPage:
    """A segment's changes in a time, lane by lane in their order."""
    first, seq = part.after
    rows = await db.fetch(
        """SELECT next.lane, next.seq, next.id, next.segment_id, next.version, next.profile_id, next.user_id, next.change,
                  next.at, next.cause
           FROM unnest($2::smallint[], $3::bigint[]) AS after (lane, seq),
           LATERAL (SELECT * FROM changes
                    WHERE changes.lane = after.lane AND segment_id = $1 AND changes.seq > after.seq AND at >= $4 AND at < $5
                    ORDER BY changes.seq LIMIT $6) AS next
           ORDER BY next.lane, next.seq LIMIT $6""",
        segment_id,
        list(range(first, LANES)),
        [seq if lane == first else 0 for lane in range(first, LANES)],
        part.since,
        part.before,
        part.limit,
    )
    items = [MembershipChanged(segment=key, **_but(row, "lane", "seq")) for row in rows]
    more = len(rows) == part.limit
    return ChangesPage(items=tuple(items), next=(rows[-1]["lane"], rows[-1]["seq"]) if more else None)


def _but(row: Record, *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


async def find_oldest_change(db: Database, cursors: Mapping[int, int]) -> datetime | None:
    """Since when the oldest change beyond the cursors holds."""
    oldest: datetime | None = await db.fetchval(
        """SELECT min(next.at) FROM unnest($1::smallint[], $2::bigint[]) AS after (lane, seq),
           LATERAL (SELECT at FROM changes WHERE changes.lane = after.lane AND changes.seq > after.seq
                    ORDER BY changes.seq LIMIT 1) AS next""",
        list(cursors),
        list(cursors.values()),
    )
    return oldest


_GAP = json.dumps_text({"kind": "gap"})


def _message(row: Record) -> str:
    if row["key"] is None:
        return _GAP
    return json.dumps_text(
        {
            "kind": "membership",
            "id": row["id"],
            "segment_id": row["segment_id"],
            "segment": row["key"],
            "version": row["version"],
            "profile_id": row["profile_id"],
            "user_id": row["user_id"],
            "change": row["change"],
            "at": row["at"],
            "cause": row["cause"],
        }
    )


async def delete_changes(tx: Connection, profiles: Iterable[UUID]) -> None:
    """Forget what was recorded of these profiles."""
    await tx.executemany(
        """DELETE FROM changes
           USING (SELECT id FROM segments UNION SELECT segment_id FROM removals) AS known, unnest($2::uuid[]) AS gone (profile_id)
           WHERE lane = $1 AND changes.segment_id = known.id AND changes.profile_id = gone.profile_id""",
        lanes_of(profiles),
    )


async def remove_some_changes(tx: Connection, segment_id: UUID, lane: int, *, limit: int) -> int:
    """Delete changes of a segment that is gone. Returns how many."""
    status = await tx.execute(
        """DELETE FROM changes WHERE lane = $1 AND seq IN (
             SELECT seq FROM changes WHERE lane = $1 AND segment_id = $2 LIMIT $3)""",
        lane,
        segment_id,
        limit,
    )
    return int(status.rsplit(" ", 1)[-1])
