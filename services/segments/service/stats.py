"""A segment in numbers: its size over time, what its members spend, whom it shares with other segments."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.segments.domain.figures import DAY, midnights
from services.segments.service.catalogue import get_segment
from services.segments.store import catalogue, memberships, stats
from services.segments.store.counting import plan_for_each
from services.segments.store.stats import Crowd, Sales
from shared.plumbing.db import Connection, Database


@dataclass(frozen=True, slots=True)
class Size:
    """How many were in at an instant, and how many came and went since the point before."""

    at: datetime
    size: int
    entered: int
    left: int


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many of the members another segment has, too."""

    key: str
    count: int
    size: int


@dataclass(frozen=True, slots=True)
class Stats:
    since: datetime
    until: datetime
    size: int
    sizes: Sequence[Size]
    sales: Sales
    overlap: Sequence[Overlap]


async def read_stats(db: Database, *, key: str, days: int, basis: str, now: datetime) -> Stats:
    """All in one snapshot. Raises NotFound."""
    since = now - days * DAY
    async with db.snapshot() as tx:
        segment = await get_segment(tx, key)
        others = {other.id: other.key for other in await catalogue.all_segments(tx)}
        sizes = await memberships.sizes(tx, list(others))
        crowd = Crowd(segment.id, sizes[segment.id])
        await plan_for_each(tx)
        return Stats(
            since,
            now,
            crowd.size,
            await _sizes(tx, crowd, now, days),
            await stats.sum_sales(tx, crowd, basis=basis, since=since, until=now),
            _overlaps(await stats.count_shared(tx, crowd), others, sizes, own=segment.id),
        )


async def _sizes(tx: Connection, crowd: Crowd, now: datetime, days: int) -> list[Size]:
    """At each midnight and now, by the recorded changes: what is recorded at a later instant counts as now."""
    bounds = midnights(now, days)
    (entered, left), *moves = await stats.count_moves(tx, crowd, bounds)
    size = entered - left
    points: list[Size] = []
    for at, (entered, left) in zip([*bounds[1:], now], moves, strict=True):
        size += entered - left
        points.append(Size(at, size, entered, left))
    return points


def _overlaps(shared: dict[UUID, int], keys: dict[UUID, str], sizes: dict[UUID, int], *, own: UUID) -> list[Overlap]:
    """Of every other segment, the most shared first."""
    found = [Overlap(key, shared.get(other, 0), sizes[other]) for other, key in keys.items() if other != own]
    return sorted(found, key=lambda overlap: (-overlap.count, overlap.key))
