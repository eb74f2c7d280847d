"""Who is in which segment."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from uuid import UUID

from services.segments.store.profiles import FIRST, lanes_of
from shared.plumbing.db import Connection, Database
from shared.plumbing.lanes import LANES, by_lane, lane_of

LANES_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Membership:
    lane: int
    segment_id: UUID
    profile_id: UUID
    entered_at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    lane: int
    profile_id: UUID
    user_id: str | None
    entered_at: datetime


@dataclass(frozen=True, slots=True)
class SegmentOfProfile:
    key: str
    name: str
    entered_at: datetime


async def enter(tx: Connection, memberships: Iterable[Membership]) -> None:
    """Make members, or members anew."""
    await tx.executemany(
        """INSERT INTO memberships (lane, segment_id, profile_id, entered_at)
           SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::timestamptz[])
           ON CONFLICT (lane, segment_id, profile_id) DO UPDATE SET entered_at = excluded.entered_at""",
        [
            (lane, [m.segment_id for m in group], [m.profile_id for m in group], [m.entered_at for m in group])
            for lane, group in by_lane(memberships, lambda m: m.lane)
        ],
    )


async def leave(tx: Connection, gone: Iterable[tuple[int, UUID, UUID]]) -> None:
    """End the memberships of these (lane, segment, profile)."""
    await tx.executemany(
        """DELETE FROM memberships USING unnest($2::uuid[], $3::uuid[]) AS gone (segment_id, profile_id)
           WHERE memberships.lane = $1 AND memberships.segment_id = gone.segment_id
             AND memberships.profile_id = gone.profile_id""",
        [
            (lane, [segment for _, segment, _ in group], [profile for *_, profile in group])
            for lane, group in by_lane(gone, itemgetter(0))
        ],
    )


async def listed_in(tx: Connection, segments: Sequence[UUID], profiles: Iterable[UUID]) -> set[tuple[UUID, UUID]]:
    """Those of these profiles that are members of any of these segments, as (segment, profile)."""
    rows = await tx.fetchmany(
        """SELECT segment_id, profile_id FROM memberships
           WHERE lane = $1 AND segment_id = ANY($2::uuid[]) AND profile_id = ANY($3::uuid[])""",
        [(lane, list(segments), ids) for lane, ids in lanes_of(profiles)],
    )
    return {(row["segment_id"], row["profile_id"]) for row in rows}


async def delete_memberships(tx: Connection, profiles: Iterable[UUID]) -> None:
    """End all memberships of these profiles."""
    await tx.executemany("DELETE FROM memberships WHERE lane = $1 AND profile_id = ANY($2::uuid[])", lanes_of(profiles))


async def members_after(db: Database, segment_id: UUID, after: tuple[int, UUID], *, limit: int) -> list[Member]:
    """The next members in the order of lane and id, with the user id each has now."""
    found: list[Member] = []
    first, cursor = after
    for start in range(first, LANES, LANES_AT_ONCE):
        lanes = range(start, min(start + LANES_AT_ONCE, LANES))
        cursors = [cursor if lane == first else FIRST for lane in lanes]
        found += await _members(db, segment_id, lanes, cursors, limit=limit - len(found))
        if len(found) >= limit:
            break
    return found


async def _members(
    db: Database, segment_id: UUID, lanes: Sequence[int], cursors: Sequence[UUID], *, limit: int
) -> list[Member]:
    rows = await db.fetch(
        """SELECT next.lane, next.profile_id, profiles.user_id, next.entered_at
           FROM unnest($2::smallint[], $3::uuid[]) AS after (lane, id),
           LATERAL (SELECT lane, profile_id, entered_at FROM memberships
                    WHERE memberships.lane = after.lane AND segment_id = $1 AND profile_id > after.id
                    ORDER BY profile_id LIMIT $4) AS next
           JOIN profiles ON profiles.lane = next.lane AND profiles.profile_id = next.profile_id
           ORDER BY next.lane, next.profile_id LIMIT $4""",
        segment_id,
        list(lanes),
        list(cursors),
        limit,
    )
    return [Member(*row) for row in rows]


async def sizes(db: "Connection | Database", segments: Sequence[UUID]) -> dict[UUID, int]:
    """How many members each has."""
    rows = await db.fetch(
        """SELECT wanted.id, sum(counted.members)::bigint FROM unnest($1::uuid[]) AS wanted (id), generate_series(0, $2) AS each (lane),
           LATERAL (SELECT count(*) AS members FROM memberships
                    WHERE memberships.lane = each.lane::smallint AND segment_id = wanted.id) AS counted
           GROUP BY wanted.id""",
        list(segments),
        LANES - 1,
    )
    return {row[0]: row[1] for row in rows}


async def segments_of(db: Database, profile_id: UUID) -> list[SegmentOfProfile]:
    """The segments a profile is in, by key."""
    rows = await db.fetch(
        """SELECT key, name, entered_at FROM memberships JOIN segments ON segments.id = segment_id
           WHERE lane = $1 AND profile_id = $2 ORDER BY key""",
        lane_of(profile_id),
        profile_id,
    )
    return [SegmentOfProfile(*row) for row in rows]


async def segment_keys_of(tx: Connection, profiles: Iterable[UUID]) -> dict[UUID, tuple[str, ...]]:
    """The keys of the segments that each of these profiles is in."""
    rows = await tx.fetchmany(
        """SELECT profile_id, array_agg(key ORDER BY key) AS keys
           FROM memberships JOIN segments ON segments.id = segment_id
           WHERE lane = $1 AND profile_id = ANY($2::uuid[]) GROUP BY profile_id""",
        lanes_of(profiles),
    )
    return {row["profile_id"]: tuple(row["keys"]) for row in rows}


async def remove_some(tx: Connection, segment_id: UUID, lane: int, *, limit: int) -> int:
    """Delete memberships of a segment that is gone. Returns how many."""
    status = await tx.execute(
        """DELETE FROM memberships WHERE lane = $1 AND segment_id = $2 AND profile_id IN (
             SELECT profile_id FROM memberships WHERE lane = $1 AND segment_id = $2 LIMIT $3)""",
        lane,
        segment_id,
        limit,
    )
    return int(status.rsplit(" ", 1)[-1])
