"""What was recorded, looked back at: who was in at an instant, and what became of one profile."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.segments.store.changes import RecordedChange
from services.segments.store.memberships import LANES_AT_ONCE, Member
from shared.plumbing.db import Connection, Database
from shared.plumbing.lanes import LANES, lane_of

LAST = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class ChangeOfProfile:
    """A change, and the segment it is about."""

    segment: str
    change: RecordedChange


async def members_at(
    db: Database, segment_id: UUID, at: datetime, after: tuple[int, UUID], *, limit: int
) -> list[Member]:
    """Those whose last change by `at` is an entry; by lane, and within it from the greatest id down.

    With the user id each has now, or had then if it is no more.
    """
    found: list[Member] = []
    first, cursor = after
    for start in range(first, LANES, LANES_AT_ONCE):
        lanes = range(start, min(start + LANES_AT_ONCE, LANES))
        cursors = [cursor if lane == first else LAST for lane in lanes]
        found += await _members_at(db, segment_id, at, lanes, cursors, limit=limit - len(found))
        if len(found) >= limit:
            break
    return found


async def _members_at(
    db: Database, segment_id: UUID, at: datetime, lanes: Sequence[int], cursors: Sequence[UUID], *, limit: int
) -> list[Member]:
    rows = await db.fetch(
        """SELECT next.lane, next.profile_id, coalesce(profiles.user_id, next.user_id), next.at
           FROM unnest($2::smallint[], $3::uuid[]) AS after (lane, id),
           LATERAL (SELECT * FROM (
                      SELECT DISTINCT ON (profile_id) lane, profile_id, user_id, change, at FROM changes
                      WHERE changes.lane = after.lane AND segment_id = $1 AND profile_id < after.id AND at <= $4
                      ORDER BY profile_id DESC, at DESC, seq DESC) AS last
                    WHERE change = 'entered' ORDER BY profile_id DESC LIMIT $5) AS next
           LEFT JOIN profiles ON profiles.lane = next.lane AND profiles.profile_id = next.profile_id
           ORDER BY next.lane, next.profile_id DESC LIMIT $5""",
        segment_id,
        list(lanes),
        list(cursors),
        at,
        limit,
    )
    return [Member(*row) for row in rows]


async def ids_leading_to(tx: Connection, profile_id: UUID) -> list[UUID]:
    """The living profile behind an id, first, and the ids that lead there from the one given. Empty if there is none."""
    ids: list[UUID] = []
    wanted: UUID | None = profile_id
    while wanted is not None:
        row = await tx.fetchrow(
            "SELECT merged_into, erased FROM profiles WHERE lane = $1 AND profile_id = $2", lane_of(wanted), wanted
        )
        if row is None or row["erased"]:
            return []
        ids.insert(0, wanted)
        wanted = row["merged_into"]
    return ids


async def changes_of(
    tx: Connection, profile_id: UUID, segment_id: UUID | None, *, before: int, limit: int
) -> list[ChangeOfProfile]:
    """A profile's changes, those of one segment if given, the last recorded first; from before a sequence number on.

    With the user id it has now, or had then if it is no more.
    """
    rows = await tx.fetch(
        """SELECT segments.key, own.lane, own.seq, own.profile_id, coalesce(profiles.user_id, own.user_id), own.version, own.change,
                  own.at, own.cause
           FROM segments, LATERAL (  -- segment by segment: there is no other way to those of one profile
             SELECT * FROM changes WHERE lane = $1 AND segment_id = segments.id AND profile_id = $2 OFFSET 0) AS own
           LEFT JOIN profiles ON profiles.lane = own.lane AND profiles.profile_id = own.profile_id
           WHERE ($3::uuid IS NULL OR segments.id = $3) AND own.seq < $4 ORDER BY own.seq DESC LIMIT $5""",
        lane_of(profile_id),
        profile_id,
        segment_id,
        before,
        limit,
    )
    return [ChangeOfProfile(key, RecordedChange(*change)) for key, *change in rows]
