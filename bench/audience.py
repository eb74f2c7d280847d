"""Very many recipients, of whom one in a hundred has a broken zone and another a broken address: everybody has an outcome."""

import asyncio
import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.figures import Figure
from bench.ingest import postgres
from bench.people import add_people, broadcast, offer
from shared.plumbing.db import Database
from tests.support.deployment import Deployment

RECIPIENTS = int(os.environ.get("REGULARS_BENCH_RECIPIENTS", "600000"))
PATIENCE = 7200  # seconds
BREAK = """
UPDATE profiles SET traits = traits || CASE row % 100 WHEN 0 THEN zones[1 + row / 100 % 5] ELSE addresses[1 + row / 100 % 5] END
FROM (SELECT lane, id, row_number() OVER (ORDER BY id) AS row FROM profiles) AS numbered,
     (SELECT ARRAY['{"timezone": "Mars/Olympus"}', '{"timezone": ""}', '{"timezone": 5}', '{"timezone": null}',
                   '{"timezone": "../etc/passwd"}']::jsonb[] AS zones,
             ARRAY['{"email": null}', '{"email": 5}', '{"email": ""}', '{"email": ["a@example.com"]}',
                   '{"email": "nobody"}']::jsonb[] AS addresses) AS broken
WHERE profiles.lane = numbered.lane AND profiles.id = numbered.id AND row % 100 IN (0, 1)"""


async def _until_all_have_one(deployment: Deployment) -> dict[str, Any]:
    ends_at = perf_counter() + PATIENCE
    while True:
        found: dict[str, Any] = await deployment.call("GET", "messaging", "/v1/campaigns/all/progress")
        if (found["audience"] is not None and not found["remaining"]) or perf_counter() > ends_at:
            return found
        await asyncio.sleep(5)


async def measure() -> list[Figure]:
    """A broadcast to all by their own clocks, which have all come to its time, into the local mailbox."""
    with tempfile.TemporaryDirectory(prefix="regulars-bench-") as folder:
        async with (
            postgres(Path(folder) / "postgres") as url,
            Deployment(Path(folder) / "home", REGULARS_DATABASE_URL=url) as deployment,
        ):
            await add_people(url, "all", RECIPIENTS)
            db = await Database.open(url, schema="profiles", timeout=600)
            await db.execute(BREAK)
            await db.close()
            await offer(deployment)
            started = perf_counter()
            wall = (datetime.now(UTC) - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
            await broadcast(deployment, "all", trigger={"segment": "all", "local": wall}, stale_after="P9D")
            found = await _until_all_have_one(deployment)
            spent = perf_counter() - started
    decided = sum(found["outcomes"].values())
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(found["reasons"].items()))
    share = decided / RECIPIENTS
    return [
        Figure(
            f"{RECIPIENTS:,} recipients, 1 % with broken zones and 1 % with broken addresses: with an outcome",
            f"{100 * share:.2f} %",
            f"{reasons}; {decided / spent:,.0f}/s",
            "100 %",
            decided == found["audience"] == RECIPIENTS,
        )
    ]
