"""Rebuilds of what is kept of the profiles: asked for, done lane by lane, a few profiles at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.plumbing.db import Connection, Database
from shared.plumbing.lanes import LANES

COLUMNS = "id, requested_at, profile_ids, lane, cursor, profiles, repaired, finished_at"


@dataclass(frozen=True, slots=True)
class Rebuild:
    """`profile_ids`: None for all. `lane`: the one it is at; `cursor`: the last profile of it that is done. `profiles`: how
    many are done; `repaired`: of how many something was not as their history says."""

    id: UUID
    requested_at: datetime
    profile_ids: list[UUID] | None
    lane: int = 0
    cursor: UUID | None = None
    profiles: int = 0
    repaired: int = 0
    finished_at: datetime | None = None


async def insert_rebuild(tx: Connection, new: Rebuild) -> None:
    await tx.execute(
        "INSERT INTO rebuilds (id, requested_at, profile_ids, lane, profiles, repaired) VALUES ($1, $2, $3, 0, 0, 0)",
        new.id,
        new.requested_at,
        new.profile_ids,
    )


async def find_unfinished(tx: "Connection | Database") -> Rebuild | None:
    """The one that was asked for first."""
    row = await tx.fetchrow(
        f"SELECT {COLUMNS} FROM rebuilds WHERE finished_at IS NULL ORDER BY requested_at, id LIMIT 1"
    )
    return None if row is None else Rebuild(**dict(row))


async def list_rebuilds(tx: "Connection | Database", before: UUID, *, limit: int) -> list[Rebuild]:
    """The newest first."""
    rows = await tx.fetch(f"SELECT {COLUMNS} FROM rebuilds WHERE id < $1 ORDER BY id DESC LIMIT $2", before, limit)
    return [Rebuild(**dict(row)) for row in rows]


async def next_profiles(tx: Connection, known: Rebuild, *, limit: int) -> list[UUID]:
    """Those of its lane that come next."""
    rows = await tx.fetch(
        """SELECT profile_id FROM profiles
           WHERE lane = $1 AND profile_id > $2 AND ($3::uuid[] IS NULL OR profile_id = ANY ($3::uuid[]))
             AND merged_into IS NULL AND NOT erased
           ORDER BY profile_id LIMIT $4""",
        known.lane,
        known.cursor or UUID(int=0),
        known.profile_ids,
        limit,
    )
    return [row["profile_id"] for row in rows]


async def note_progress(tx: Connection, known: Rebuild, done: Sequence[UUID], *, repaired: int, now: datetime) -> None:
    """With the effect: these are done; none of them, and so is the lane. Nothing is kept of whose they were."""
    is_last = not done and known.lane == LANES - 1
    await tx.execute(
        """UPDATE rebuilds SET lane = $2, cursor = $3, profiles = profiles + $4, repaired = repaired + $5, finished_at = $6,
                  profile_ids = CASE WHEN $6::timestamptz IS NULL THEN profile_ids END
           WHERE id = $1""",
        known.id,
        known.lane if done else known.lane + 1,
        done[-1] if done else None,
        len(done),
        repaired,
        now if is_last else None,
    )
