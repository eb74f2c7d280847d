"""Comparisons of what is kept with what the history says: asked for, taken on lane by lane, and their results."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from asyncpg import Record

from services.segments.domain.drift import Drift
from services.segments.domain.sql.query import Query
from services.segments.store.undecided import arguments_of
from shared.plumbing.db import Connection, Database
from shared.plumbing.lanes import LANES

KEPT = timedelta(days=90)
TIMEOUT = 120.0  # seconds for one question about a lane
COLUMNS = "id, day, requested_at, lane, sample, profiles, drift, finished_at"


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """`day`: of a nightly one. `lane`: the next one to be looked at. `sample`: profiles of each lane, at most.
    `profiles`: how many were looked at."""

    id: UUID
    day: date | None
    requested_at: datetime
    lane: int
    sample: int
    profiles: int
    drift: list[Drift]
    finished_at: datetime | None


def _read(row: Record) -> Reconciliation:
    drift = [Drift.of(each) for each in row["drift"]]
    return Reconciliation(**{**dict(row), "drift": drift})


async def insert_reconciliation(tx: Connection, new: Reconciliation) -> bool:
    """False if that day has had its own."""
    await tx.execute("DELETE FROM reconciliations WHERE requested_at < $1", new.requested_at - KEPT)
    inserted = await tx.fetchval(
        f"""INSERT INTO reconciliations ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            ON CONFLICT (day) DO NOTHING RETURNING true""",
        new.id,
        new.day,
        new.requested_at,
        new.lane,
        new.sample,
        new.profiles,
        [drift.to_json() for drift in new.drift],
        new.finished_at,
    )
    return bool(inserted)


async def find_unfinished(tx: "Connection | Database") -> Reconciliation | None:
    """The one that was asked for first."""
    row = await tx.fetchrow(
        f"SELECT {COLUMNS} FROM reconciliations WHERE finished_at IS NULL ORDER BY requested_at, id LIMIT 1"
    )
    return None if row is None else _read(row)


async def list_reconciliations(tx: "Connection | Database", before: UUID, *, limit: int) -> list[Reconciliation]:
    """The newest first."""
    rows = await tx.fetch(
        f"SELECT {COLUMNS} FROM reconciliations WHERE id < $1 ORDER BY id DESC LIMIT $2", before, limit
    )
    return [_read(row) for row in rows]


async def note_lane(
    tx: Connection, known: Reconciliation, *, profiles: int, drift: Sequence[Drift], now: datetime
) -> bool:
    """That a lane was looked at, and what `drift` there is in all. False if somebody else noted it meanwhile."""
    noted = await tx.fetchval(
        """UPDATE reconciliations SET lane = lane + 1, profiles = profiles + $3, drift = $4, finished_at = $5
           WHERE id = $1 AND lane = $2 AND finished_at IS NULL RETURNING true""",
        known.id,
        known.lane,
        profiles,
        [each.to_json() for each in drift],
        now if known.lane == LANES - 1 else None,
    )
    return bool(noted)


async def pick_profiles(tx: Connection, lane: int, *, salt: str, limit: int) -> list[UUID]:
    """Some of those that live in a lane: other ones for another salt."""
    rows = await tx.fetch(
        """SELECT profile_id FROM profiles WHERE lane = $1 AND merged_into IS NULL AND NOT erased
           ORDER BY md5(profile_id::text || $2) LIMIT $3""",
        lane,
        salt,
        limit,
    )
    return [row["profile_id"] for row in rows]


async def members_among(tx: Connection, query: Query, lane: int, ids: Collection[UUID]) -> set[UUID]:
    """Which of these profiles of a lane a query names."""
    these = f"ANY ('{{{','.join(map(str, ids))}}}'::uuid[])"
    sql = f"SELECT profile_id FROM ({query.sql}) AS member WHERE profile_id = {these}"
    doubts = query.doubts
    if doubts is not None:
        unknown = f"SELECT lane, profile_id FROM ({doubts.sql}) AS unknown WHERE profile_id = {these}"
        doubts = replace(doubts, sql=unknown)
    arguments = await arguments_of(tx, replace(query, sql=sql, doubts=doubts), [lane], timeout=TIMEOUT)
    return {row["profile_id"] for row in await tx.fetch(sql, [lane], *arguments, timeout=TIMEOUT)}


async def memberships_among(tx: Connection, lane: int, ids: Collection[UUID]) -> set[tuple[UUID, UUID]]:
    """Their memberships, as (segment, profile)."""
    rows = await tx.fetch(
        "SELECT segment_id, profile_id FROM memberships WHERE lane = $1 AND profile_id = ANY ($2::uuid[])",
        lane,
        list(ids),
    )
    return {(row["segment_id"], row["profile_id"]) for row in rows}
