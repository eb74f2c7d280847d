"""A new segment over a million profiles with ten million events, against one sequential scan of their history."""

import asyncio
import os
import random
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import UUID

from rich.progress import Progress

from bench.figures import Figure
from bench.ingest import postgres
from bench.worker import MIGRATIONS, build, database
from services.segments.service.rules import RuleBook
from shared.plumbing.clock import SystemClock
from shared.plumbing.db import Database
from shared.plumbing.lanes import lane_of
from shared.plumbing.leases import Leases
from shared.plumbing.migrate import upgrade

PROFILES = int(os.environ.get("REGULARS_BENCH_PROFILES", "1000000"))
EVENTS_EACH = 10
SPENT = {"spend": "total", "within": "P90D", "op": ">", "value": 60}
ACTIVE = {
    "all": [
        {"event": "Order Completed", "within": "P180D", "op": ">=", "value": 1},
        {"not": {"event": "Order Refunded", "op": ">=", "value": 1}},
        {"trait": "country", "op": "in", "value": ["AT", "DE"]},
    ]
}


SCAN = "SELECT count(*) FROM history WHERE properties IS NOT NULL"


def _profiles() -> Iterator[tuple[int, UUID, dict[str, str]]]:
    rng = random.Random(3)
    for _ in range(PROFILES):
        profile_id = UUID(int=rng.getrandbits(128), version=4)
        country = rng.choice(["AT", "DE", "CH", "FR"])
        yield lane_of(profile_id), profile_id, {"country": country, "email": f"{profile_id}@example.com"}


async def _fill(db: Database) -> None:
    """Made-up profiles and events, in the order of time as they would have come."""
    rows, now = _profiles(), datetime.now(UTC)
    with Progress(transient=True) as progress:
        task = progress.add_task("filling", total=PROFILES * (1 + EVENTS_EACH))
        while chunk := list(islice(rows, 20_000)):
            await db.execute(_PROFILES, *map(list, zip(*chunk, strict=True)), now)
            progress.advance(task, len(chunk))
        for number in range(EVENTS_EACH):
            async with db.pool.acquire() as connection:
                await connection.execute(_EVENTS, number, now, timeout=1800)
            progress.advance(task, PROFILES)
    async with db.pool.acquire() as connection:
        await connection.execute("VACUUM ANALYZE", timeout=1800)


_PROFILES = """
INSERT INTO profiles (lane, profile_id, user_id, version, traits, life_events, created_at, states, truths, revision,
                      evaluated_at, erased)
SELECT lane, id, 'user-' || id, 1, traits, '[]', $4, '{}', '{}', 0, $4, false
FROM unnest($1::smallint[], $2::uuid[], $3::jsonb[]) AS new (lane, id, traits)"""
_EVENTS = """
INSERT INTO history (lane, profile_id, timestamp, source, message_id, name, properties, context)
SELECT lane, profile_id, $2::timestamptz - interval '400 days' * random(), 'web', 'm' || $1::int || '-' || profile_id, name,
       jsonb_build_object('order_id', 'o' || $1::int || '-' || profile_id, 'total', round((random() * 120)::numeric, 2),
                          'currency', 'EUR', 'product_id', 'sku-' || (random() * 1000)::int, 'category', 'c' || (random() * 40)::int),
       '{"locale": "de-DE", "page": {"path": "/p/1", "referrer": "https://search.example/"}}'
FROM (SELECT *, (ARRAY['Order Completed', 'Product Viewed', 'Product Viewed', 'Product Added', 'Order Completed',
                       'Product Viewed', 'Order Refunded', 'Product Viewed', 'Product Viewed', 'Product Viewed']
                )[1 + ($1::int + (random() * 3)::int) % 10] AS name FROM profiles) AS profile"""


async def _scan(db: Database) -> float:
    """Seconds of one sequential scan; the second of two."""
    async with db.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off")
        await connection.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        await connection.fetchval(SCAN, timeout=600)
        started = perf_counter()
        await connection.fetchval(SCAN, timeout=600)
        return perf_counter() - started


async def _build(db: Database, key: str, condition: Any) -> tuple[float, int]:
    """Seconds until it is live, and its members."""
    clock = SystemClock()
    leases = Leases(db, work="work", owner="bench", clock=clock)
    await leases.renew()
    renewing = asyncio.create_task(leases.run())
    started = perf_counter()
    await build(db, RuleBook(db, clock=clock, default_zone="UTC"), leases, {key: condition})
    spent = perf_counter() - started
    renewing.cancel()
    return spent, await db.fetchval(
        "SELECT count(*) FROM memberships JOIN segments ON id = segment_id WHERE key = $1", key
    )


async def measure() -> list[Figure]:
    """By what is paid, and by what is counted."""
    with tempfile.TemporaryDirectory(prefix="regulars-bench-") as home:
        async with postgres(Path(home)) as url:
            await asyncio.to_thread(upgrade, service="segments", url=url, directory=MIGRATIONS)
            async with database(url) as db:
                await _fill(db)
                scan = await _scan(db)
                found = {key: await _build(db, key, one) for key, one in [("spent", SPENT), ("active", ACTIVE)]}
    figures = []
    for key, (spent, members) in found.items():
        what = f"new segment, {PROFILES:,} profiles, {PROFILES * EVENTS_EACH:,} events: {key}, {members:,} members"
        limit = f"sequential scan {scan:.1f} s ({spent / scan:.1f} ×)"
        figures.append(Figure(what, f"{spent:.1f} s", limit, "< 60 s; ≤ 12 ×", spent < 60 and spent <= 12 * scan))
    return figures
