"""The segments there are and their versions: small tables that every transaction reads and few change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import asyncpg

from shared.language.exact import as_given
from shared.plumbing.db import Connection, Database

Status = Literal["building", "live", "replaced", "failing"]


class RevisionChanged(asyncpg.SerializationError):
    """The catalogue changed while something was evaluated by it: do it again by the new one, as after any conflict."""


@dataclass(frozen=True, slots=True)
class Segment:
    id: UUID
    key: str
    name: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Version:
    """One condition of a segment. `segments`: what it leads to, dependencies first. `build_kind`: create or edit.

    `revision`: the catalogue's when it was made; profiles behind it lack its first truth.
    """

    id: int
    segment_id: UUID
    key: str
    number: int
    condition: dict[str, Any]
    segments: list[tuple[str, dict[str, Any]]]
    build_id: UUID
    build_kind: str
    revision: int
    status: Status
    created_at: datetime
    live_at: datetime | None
    stale_since: datetime | None
    error: str | None

    @property
    def serves(self) -> bool:
        """Whether its truths become the segment's memberships: a first version's from the start, an edit's once it has taken over."""
        return self.status == "live" or (
            self.status in ("building", "failing") and (self.build_kind == "create" or self.live_at is not None)
        )

    @property
    def is_settling(self) -> bool:
        """Whether it has taken over, and there may be profiles that have not gone over to it yet."""
        return self.status == "building" and self.live_at is not None


async def is_built(db: "Connection | Database", key: str) -> bool:
    """Whether everybody was looked at for it once; edits since then do not matter, for the version before them serves meanwhile."""
    built: bool = await db.fetchval(
        """SELECT EXISTS (SELECT FROM segment_versions AS v JOIN segments ON segments.id = v.segment_id
           WHERE segments.key = $1 AND v.live_at IS NOT NULL)""",
        key,
    )
    return built


async def read_revision(tx: Connection) -> int:
    """The catalogue's revision now."""
    revision: int = await tx.fetchval("SELECT revision FROM catalogue WHERE id = 1")
    return revision


async def hold_revision(tx: Connection) -> int:
    """The same, and have it stay so to commit."""
    revision: int = await tx.fetchval("SELECT revision FROM catalogue WHERE id = 1 FOR SHARE")
    return revision


async def confirm_revision(tx: Connection, revision: int) -> None:
    """Hold the catalogue as it is to commit. Raises RevisionChanged when it is no longer at `revision`."""
    if await hold_revision(tx) != revision:
        raise RevisionChanged


async def change_catalogue(tx: Connection) -> int:
    """Begin a change of the catalogue, one at a time: its new revision. Call it first in a transaction."""
    revision: int = await tx.fetchval("UPDATE catalogue SET revision = revision + 1 WHERE id = 1 RETURNING revision")
    return revision


async def take_version_ids(tx: Connection, count: int) -> range:
    """Ids for new versions."""
    last: int = await tx.fetchval(
        "UPDATE catalogue SET last_version_id = last_version_id + $1 WHERE id = 1 RETURNING last_version_id", count
    )
    return range(last - count + 1, last + 1)


async def find_segment(tx: "Connection | Database", key: str) -> Segment | None:
    row = await tx.fetchrow("SELECT id, key, name, created_at, updated_at FROM segments WHERE key = $1", key)
    return None if row is None else Segment(*row)


async def all_segments(tx: Connection) -> list[Segment]:
    """By key."""
    rows = await tx.fetch("SELECT id, key, name, created_at, updated_at FROM segments ORDER BY key")
    return [Segment(*row) for row in rows]


async def segments_from(tx: Connection, after: str, *, limit: int) -> list[Segment]:
    """The next segments by key."""
    rows = await tx.fetch(
        "SELECT id, key, name, created_at, updated_at FROM segments WHERE key > $1 ORDER BY key LIMIT $2", after, limit
    )
    return [Segment(*row) for row in rows]


async def insert_segment(tx: Connection, segment: Segment) -> bool:
    """False if the key is taken."""
    inserted = await tx.fetchval(
        """INSERT INTO segments (id, key, name, created_at, updated_at) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (key) DO NOTHING RETURNING true""",
        segment.id,
        segment.key,
        segment.name,
        segment.created_at,
        segment.updated_at,
    )
    return bool(inserted)


async def update_segment(tx: Connection, segment_id: UUID, *, name: str, at: datetime) -> None:
    await tx.execute("UPDATE segments SET name = $2, updated_at = $3 WHERE id = $1", segment_id, name, at)


async def delete_segment(tx: Connection, segment_id: UUID) -> None:
    """With its versions; what hangs on it elsewhere is for a removal."""
    await tx.execute("DELETE FROM segments WHERE id = $1", segment_id)


async def versions(tx: Connection, statuses: Sequence[Status], *, segment_id: UUID | None = None) -> list[Version]:
    """Versions of these statuses, in the order in which they were made."""
    rows = await tx.fetch(
        """SELECT v.id, v.segment_id, segments.key, v.number, v.condition, v.segments, v.build_id, builds.kind AS build_kind,
                  v.revision, v.status, v.created_at, v.live_at, v.stale_since, v.error
           FROM segment_versions v JOIN segments ON segments.id = v.segment_id JOIN builds ON builds.id = v.build_id
           WHERE v.status = ANY($1::text[]) AND ($2::uuid IS NULL OR v.segment_id = $2) ORDER BY v.id""",
        list(statuses),
        segment_id,
    )
    return [_version(row) for row in rows]


def _version(row: asyncpg.Record) -> Version:
    segments = [(key, as_given(condition)) for key, condition in row["segments"]]
    return Version(**{**row, "condition": as_given(row["condition"]), "segments": segments})


async def insert_version(tx: Connection, version: Version) -> None:
    await tx.execute(
        """INSERT INTO segment_versions (id, segment_id, number, condition, segments, build_id, revision, status, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        version.id,
        version.segment_id,
        version.number,
        version.condition,
        version.segments,
        version.build_id,
        version.revision,
        version.status,
        version.created_at,
    )


async def mark_settling(tx: Connection, version_ids: Sequence[int], *, at: datetime) -> None:
    """From now on they serve, and profiles go over to them."""
    await tx.execute("UPDATE segment_versions SET live_at = $2 WHERE id = ANY($1::bigint[])", list(version_ids), at)


async def settled_versions(tx: Connection) -> list[int]:
    """Those that are settling, of builds of which every lane is through with that."""
    rows = await tx.fetch(
        """SELECT id FROM segment_versions WHERE status = 'building' AND live_at IS NOT NULL
             AND NOT EXISTS (SELECT FROM settlings WHERE settlings.build_id = segment_versions.build_id)"""
    )
    return [row["id"] for row in rows]


async def mark_settled(tx: Connection, version_ids: Sequence[int]) -> None:
    """They are live, and what was there before them is replaced."""
    await tx.execute(
        """UPDATE segment_versions AS before SET status = 'replaced' FROM segment_versions AS settled
           WHERE settled.id = ANY($1::bigint[]) AND settled.status = 'building'
             AND before.segment_id = settled.segment_id AND before.number < settled.number""",
        list(version_ids),
    )
    await tx.execute(
        "UPDATE segment_versions SET status = 'live' WHERE id = ANY($1::bigint[]) AND status = 'building'",
        list(version_ids),
    )


async def mark_live(tx: Connection, version_ids: Sequence[int], *, at: datetime) -> None:
    await tx.execute(
        "UPDATE segment_versions SET status = 'live', live_at = $2 WHERE id = ANY($1::bigint[]) AND status = 'building'",
        list(version_ids),
        at,
    )


async def mark_replaced(tx: Connection, version_ids: Sequence[int]) -> None:
    await tx.execute("UPDATE segment_versions SET status = 'replaced' WHERE id = ANY($1::bigint[])", list(version_ids))


async def mark_failing(tx: Connection, version_id: int, *, at: datetime, error: str) -> None:
    """It is no longer evaluated; its members stay as they were."""
    await tx.execute(
        """UPDATE segment_versions SET status = 'failing', stale_since = $2, error = $3
           WHERE id = $1 AND status IN ('building', 'live')""",
        version_id,
        at,
        error,
    )
