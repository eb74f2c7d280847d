"""A new segment over a million profiles with ten million events, against one sequential scan of their history."""

import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from shared.plumbing import json
from shared.plumbing.lanes import lane_of

PROFILES = int(os.environ.get("REGULARS_BENCH_PROFILES", "1000000"))
EVENTS_EACH = 10
CHECKOUT = Path(__file__).resolve().parents[1]
SECRET = "only for this benchmark"
SPENT = {"spend": "total", "within": "P90D", "op": ">", "value": 60}
ACTIVE = {
    "all": [
        {"event": "Order Completed", "within": "P180D", "op": ">=", "value": 1},
        {"not": {"event": "Order Refunded", "op": ">=", "value": 1}},
        {"trait": "country", "op": "in", "value": ["AT", "DE"]},
    ]
}


def _profiles(now: datetime) -> Iterator[tuple[Any, ...]]:
    rng = random.Random(3)
    for _ in range(PROFILES):
        profile_id = UUID(int=rng.getrandbits(128), version=4)
        traits = {"country": rng.choice(["AT", "DE", "CH", "FR"]), "email": f"{profile_id}@example.com", "plan": "free"}
        yield lane_of(profile_id), profile_id, f"user-{profile_id}", 1, traits, [], now, {}, [], 0, now, False


async def fill(url: str) -> None:
    """Made-up profiles and events, in the order of time as they would have come."""
    connection = await asyncpg.connect(url, server_settings={"search_path": "segments"})
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=json.dumps_text, decoder=json.loads, format="text"
    )
    rows = _profiles(datetime.now(UTC))
    while chunk := [row for _, row in zip(range(20_000), rows, strict=False)]:
        await connection.execute(
            """INSERT INTO profiles (lane, profile_id, user_id, version, traits, life_events, created_at, states, truths,
                                     revision, evaluated_at, erased)
               SELECT lane, profile_id, user_id, 1, traits, '[]', at, '{}', '{}', 0, at, false
               FROM unnest($1::smallint[], $2::uuid[], $3::text[], $4::jsonb[], $5::timestamptz[])
                 AS new (lane, profile_id, user_id, traits, at)""",
            [row[0] for row in chunk],
            [row[1] for row in chunk],
            [row[2] for row in chunk],
            [row[4] for row in chunk],
            [row[6] for row in chunk],
        )
    for n in range(EVENTS_EACH):
        await connection.execute(
            """INSERT INTO history (lane, profile_id, timestamp, source, message_id, name, properties, context)
               SELECT lane, profile_id, $2::timestamptz - interval '400 days' * random(), 'web',
                      'm' || $1::int || '-' || profile_id, name,
                      jsonb_build_object('order_id', 'o' || $1::int || '-' || profile_id, 'total', round((random() * 120)::numeric, 2),
                                         'currency', 'EUR', 'product_id', 'sku-' || (random() * 1000)::int,
                                         'category', 'c' || (random() * 40)::int),
                      '{"locale": "de-DE", "page": {"path": "/p/1", "referrer": "https://search.example/"}}'
               FROM (SELECT *, (ARRAY['Order Completed', 'Product Viewed', 'Product Viewed', 'Product Added', 'Order Completed',
                                      'Product Viewed', 'Order Refunded', 'Product Viewed', 'Product Viewed', 'Product Viewed']
                               )[1 + ($1::int + (random() * 3)::int) % 10] AS name FROM profiles) AS profile""",
            n,
            datetime.now(UTC),
            timeout=600,
        )
    await connection.execute("ANALYZE profiles")
    await connection.execute("ANALYZE history", timeout=600)
    await connection.close()
