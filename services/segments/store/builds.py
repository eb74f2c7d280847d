"""Builds: versions that are made together, how far each lane is with them, and what deleted segments left behind."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from operator import itemgetter
from uuid import UUID

from shared.plumbing.db import Connection, Database
from shared.plumbing.lanes import LANES


@dataclass(frozen=True, slots=True)
class Build:
    """`number`: the revision that made it; builds finish in this order. `kind`: create or edit. `total`: profiles there were."""

    id: UUID
    number: int
    kind: str
    total: int


@dataclass(frozen=True, slots=True)
class BuildProgress:
    done_lanes: int

    @property
    def fraction(self) -> float:
        """Between 0 and 1; 1 only when it is done."""
        return round(self.done_lanes / LANES, 4)


async def insert_build(tx: Connection, build: Build, *, at: datetime) -> None:
    """With a row for each lane."""
    await tx.execute(
        "INSERT INTO builds (id, number, kind, total, created_at) VALUES ($1, $2, $3, $4, $5)",
        build.id,
        build.number,
        build.kind,
        build.total,
        at,
    )
    await tx.executemany(
        "INSERT INTO build_lanes (lane, build_id, done) VALUES ($1, $2, false)",
        [(lane, build.id) for lane in range(LANES)],
    )


async def anything_to_build(db: Database) -> bool:
    """Or members that have to go over to a version, or something to be removed after a deletion."""
    found: bool = await db.fetchval(
        """SELECT EXISTS (SELECT FROM builds WHERE done_at IS NULL) OR EXISTS (SELECT FROM settlings)
               OR EXISTS (SELECT FROM segment_versions WHERE status = 'building' AND live_at IS NOT NULL)
               OR EXISTS (SELECT FROM removals)"""
    )
    return found


async def next_build(tx: Connection) -> Build | None:
    """The oldest that is not done."""
    row = await tx.fetchrow("SELECT id, number, kind, total FROM builds WHERE done_at IS NULL ORDER BY number LIMIT 1")
    return None if row is None else Build(*row)


async def open_lanes(tx: Connection, lanes: Sequence[int]) -> dict[int, frozenset[UUID]]:
    """Of these lanes, those of which a build is not done, with the builds."""
    rows = await tx.fetch(
        """SELECT lane, array_agg(build_id) AS builds FROM build_lanes
           WHERE lane = ANY($1::smallint[]) AND NOT done GROUP BY lane ORDER BY lane""",
        list(lanes),
    )
    return {row["lane"]: frozenset(row["builds"]) for row in rows}


async def done_builds(tx: Connection) -> list[Build]:
    """Those that every lane is through with, the oldest first, up to one that is not done."""
    rows = await tx.fetch(
        """SELECT id, number, kind, total,
                  (SELECT count(*) FROM build_lanes WHERE build_id = builds.id AND done) = $1 AS is_done
           FROM builds WHERE done_at IS NULL ORDER BY number""",
        LANES,
    )
    return [Build(*row[:4]) for row in takewhile(itemgetter("is_done"), rows)]


async def lanes_done(tx: Connection, lanes: Sequence[int], builds: Collection[UUID]) -> None:
    """Note that these lanes are through with these builds."""
    await tx.executemany(
        "UPDATE build_lanes SET done = true WHERE lane = $1 AND build_id = ANY($2::uuid[])",
        [(lane, list(builds)) for lane in lanes],
    )


async def end_build(tx: Connection, build_id: UUID, *, at: datetime) -> bool:
    """False if it was ended before."""
    ended = await tx.fetchval(
        "UPDATE builds SET done_at = $2 WHERE id = $1 AND done_at IS NULL RETURNING true", build_id, at
    )
    await tx.executemany(
        "DELETE FROM build_lanes WHERE lane = $1 AND build_id = $2", [(lane, build_id) for lane in range(LANES)]
    )
    return bool(ended)


async def progress_of(tx: Connection, builds: Sequence[UUID]) -> Mapping[UUID, BuildProgress]:
    rows = await tx.fetch(
        """SELECT build_id, count(*) FILTER (WHERE done) AS done_lanes FROM build_lanes
           WHERE build_id = ANY($1::uuid[]) GROUP BY build_id""",
        list(builds),
    )
    return {row["build_id"]: BuildProgress(row["done_lanes"]) for row in rows}


async def request_removal(tx: Connection, segment_id: UUID, *, at: datetime) -> None:
    """Have what a deleted segment left behind removed."""
    await tx.execute("INSERT INTO removals (segment_id, lane, requested_at) VALUES ($1, 0, $2)", segment_id, at)


async def take_removal(tx: Connection) -> tuple[UUID, int] | None:
    """A segment that is gone and the lane to clear next; nobody else gets it meanwhile."""
    row = await tx.fetchrow(
        "SELECT segment_id, lane FROM removals ORDER BY requested_at LIMIT 1 FOR UPDATE SKIP LOCKED"
    )
    return None if row is None else (row["segment_id"], row["lane"])


async def removed_lane(tx: Connection, segment_id: UUID, lane: int) -> None:
    """This lane is clear; forget the removal after the last."""
    if lane + 1 < LANES:
        await tx.execute("UPDATE removals SET lane = $2 WHERE segment_id = $1", segment_id, lane + 1)
    else:
        await tx.execute("DELETE FROM removals WHERE segment_id = $1", segment_id)
