"""Whose the rows of the log are: the index by profile, merges, erasure. Fed by the profiles feed."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.events.store.violations import forget_examples
from shared.plumbing.db import Connection, Database
from shared.plumbing.lanes import by_lane, lane_of


class Owned(NamedTuple):
    """A row of the log that belongs to a profile."""

    profile_id: UUID
    timestamp: datetime
    lane: int
    seq: int
    received_at: datetime


async def insert_owned(tx: Connection, rows: Iterable[Owned]) -> None:
    """Index rows of the log."""
    await tx.executemany(
        """INSERT INTO profile_events (lane, profile_id, timestamp, log_lane, log_seq, received_at)
           SELECT $1, * FROM unnest($2::uuid[], $3::timestamptz[], $4::smallint[], $5::bigint[], $6::timestamptz[])
           ON CONFLICT DO NOTHING""",
        [
            (lane, *map(list, zip(*group, strict=True)))
            for lane, group in by_lane(rows, lambda r: lane_of(r.profile_id))
        ],
    )


async def find_indexed(db: "Database | Connection", places: Sequence[tuple[int, int]]) -> dict[tuple[int, int], UUID]:
    """Whose these rows of the log (lane, seq) were when they were resolved; those that are not yet are missing."""
    rows = await db.fetch(
        """SELECT log_lane, log_seq, profile_id FROM unnest($1::smallint[], $2::bigint[]) AS wanted (log_lane, log_seq)
           JOIN profile_events USING (log_lane, log_seq)""",
        [lane for lane, _ in places],
        [seq for _, seq in places],
    )
    return {(row["log_lane"], row["log_seq"]): row["profile_id"] for row in rows}


async def find_erased(tx: Connection, profile_ids: Iterable[UUID]) -> set[UUID]:
    """Which of these profiles are to be forgotten."""
    ids = list(profile_ids)
    rows = await tx.fetch(
        "SELECT profile_id FROM erased_profiles WHERE lane = ANY($1::smallint[]) AND profile_id = ANY($2::uuid[])",
        list({lane_of(profile_id) for profile_id in ids}),
        ids,
    )
    return {row["profile_id"] for row in rows}


async def delete_log_row(tx: Connection, lane: int, seq: int, received_at: datetime) -> None:
    """Forget one row of the log."""
    rows = await tx.fetch(
        "DELETE FROM log WHERE lane = $1 AND seq = $2 AND received_at = $3 RETURNING message_id", lane, seq, received_at
    )
    await forget_examples(tx, [row["message_id"] for row in rows])


async def insert_merged(tx: Connection, profile_id: UUID, survivor_id: UUID) -> None:
    """The one profile became part of the other."""
    await tx.execute(
        """INSERT INTO merged_profiles (lane, profile_id, survivor_id) VALUES ($1, $2, $3)
           ON CONFLICT (lane, profile_id) DO UPDATE SET survivor_id = excluded.survivor_id""",
        lane_of(profile_id),
        profile_id,
        survivor_id,
    )


async def find_group(db: Database, profile_id: UUID) -> list[UUID]:
    """All profiles that are one person with this one today, it among them."""
    root = profile_id
    while True:
        survivor = await db.fetchval(
            "SELECT survivor_id FROM merged_profiles WHERE lane = $1 AND profile_id = $2", lane_of(root), root
        )
        if survivor is None:
            break
        root = survivor
    group, newest = [root], [root]
    while newest:
        rows = await db.fetch("SELECT profile_id FROM merged_profiles WHERE survivor_id = ANY($1::uuid[])", newest)
        newest = [row["profile_id"] for row in rows]
        group += newest
    return group


async def owners_of(db: Database, places: Sequence[tuple[int, int]]) -> dict[tuple[int, int], UUID]:
    """Whose these rows of the log (lane, seq) are today; those that are not resolved yet are missing."""
    owners = await find_indexed(db, places)
    survivors = await _survivors_of(db, set(owners.values()))
    return {place: survivors[owner] for place, owner in owners.items()}


async def _survivors_of(db: Database, profile_ids: set[UUID]) -> dict[UUID, UUID]:
    """Whom each of these profiles is today."""
    current = {profile_id: profile_id for profile_id in profile_ids}
    while current:
        ids = list(set(current.values()))
        rows = await db.fetch(
            """SELECT profile_id, survivor_id FROM merged_profiles
               WHERE lane = ANY($1::smallint[]) AND profile_id = ANY($2::uuid[])""",
            list({lane_of(profile_id) for profile_id in ids}),
            ids,
        )
        if not rows:
            break
        merged = {row["profile_id"]: row["survivor_id"] for row in rows}
        current = {first: merged.get(now, now) for first, now in current.items()}
    return current


async def erase_profile(tx: Connection, profile_id: UUID, *, at: datetime) -> None:
    """Forget every row of the log that is this profile's, and whatever may still come."""
    lane = lane_of(profile_id)
    await tx.execute(
        """INSERT INTO erased_profiles (lane, profile_id, erased_at) VALUES ($1, $2, $3)
           ON CONFLICT (lane, profile_id) DO NOTHING""",
        lane,
        profile_id,
        at,
    )
    rows = await tx.fetch(
        """DELETE FROM log USING profile_events AS mine
           WHERE mine.lane = $1 AND mine.profile_id = $2
             AND log.lane = mine.log_lane AND log.seq = mine.log_seq AND log.received_at = mine.received_at
           RETURNING log.message_id""",
        lane,
        profile_id,
    )
    await forget_examples(tx, [row["message_id"] for row in rows])
    await tx.execute("DELETE FROM profile_events WHERE lane = $1 AND profile_id = $2", lane, profile_id)
    await tx.execute("DELETE FROM merged_profiles WHERE lane = $1 AND profile_id = $2", lane, profile_id)
    await tx.execute("DELETE FROM parked WHERE lane = $1 AND profile_id = $2", lane, profile_id)


async def erase_words(
    tx: Connection, *, ids: Sequence[str], in_bytes: Sequence[str], in_text: Sequence[str], before: datetime
) -> None:
    """Forget rejected and parked messages of these ids, or with one of these traces in what they hold.

    Both kinds of traces are in lower case: `in_bytes` as PostgreSQL's `escape` format shows bytes, `in_text` as jsonb's text.
    """
    rows = await tx.fetch(
        """DELETE FROM rejected WHERE received_at <= $3 AND (user_id = ANY($1::text[]) OR anonymous_id = ANY($1::text[])
             OR EXISTS (SELECT FROM unnest($2::text[]) AS trace WHERE strpos(lower(encode(raw, 'escape')), trace) > 0))
           RETURNING message_id""",
        list(ids),
        list(in_bytes),
        before,
    )
    await forget_examples(tx, [row["message_id"] for row in rows if row["message_id"] is not None])
    await tx.execute(
        """DELETE FROM parked WHERE parked_at <= $2
             AND EXISTS (SELECT FROM unnest($1::text[]) AS trace WHERE strpos(lower(message::text), trace) > 0)""",
        list(in_text),
        before,
    )
