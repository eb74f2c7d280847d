"""Durable events a second through HTTP, as a ratio to the same rows COPYed by bare asyncpg."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import asyncpg
import httpx

from bench.figures import Figure
from bench.wire import prepare, send_all
from shared.plumbing import json
from shared.plumbing.ids import new_id
from shared.plumbing.migrate import upgrade

CHECKOUT = Path(__file__).resolve().parents[1]
BATCHES, BATCH, LINES = 600, 100, 32
WRITE_KEY = "cbenchbenchbenchbenchbenc"
COLUMNS = (
    "lane, seq, received_at, source, message_id, type, name, user_id, anonymous_id, previous_id, profile_id, "
    '"timestamp", original_timestamp, sent_at, imported, payload'
)


def _event(number: int, now: str) -> dict[str, Any]:
    """About 700 bytes, as a shop's SDK sends them."""
    return {
        "type": "track",
        "event": "Product Viewed",
        "messageId": str(new_id()),
        "userId": f"user-{number % 5000}",
        "anonymousId": f"3f1c9f5e-0000-4000-8000-{number % 5000:012d}",
        "timestamp": now,
        "properties": {
            "product_id": f"sku-{number % 700}",
            "name": "Wool blanket, checked, 130 × 170 cm",
            "price": 49.9,
            "currency": "EUR",
            "category": "home/textiles/blankets",
            "url": f"https://shop.example/p/{number % 700}?ref=list",
        },
        "context": {
            "library": {"name": "analytics.js", "version": "1.84.3"},
            "locale": "de-DE",
            "timezone": "Europe/Berlin",
            "page": {"path": f"/p/{number % 700}", "referrer": "https://search.example/", "title": "Wool blanket"},
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36",
        },
    }


def _bodies() -> list[bytes]:
    now = datetime.now(UTC).isoformat()
    return [
        json.dumps({"batch": [_event(b * BATCH + n, now) for n in range(BATCH)], "sentAt": now}) for b in range(BATCHES)
    ]


@asynccontextmanager
async def postgres(home: Path) -> AsyncIterator[str]:
    """A durable PostgreSQL as `make run` starts it; its URL."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deploy.local", "--with-parent", "postgres",
        cwd=CHECKOUT, env={**os.environ, "REGULARS_HOME": str(home)}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield str(json.loads((await process.stdout.readline()).strip())["url"])
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def _events(url: str, port: int) -> AsyncIterator[str]:
    """One process of the events service's API."""
    environment = {
        **os.environ,
        "REGULARS_DATABASE_URL": url,
        "REGULARS_EVENTS_PORT": str(port),
        "REGULARS_SECRET": "only for this benchmark",
        "REGULARS_BOOTSTRAP_WRITE_KEY": WRITE_KEY,
        "REGULARS_BOOTSTRAP_API_KEY": "only-for-this-benchmark",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services", "events", "--role", "api", cwd=CHECKOUT, env=environment
    )
    try:
        async with httpx.AsyncClient() as client:
            for _ in range(200):
                try:
                    if (await client.get(f"http://127.0.0.1:{port}/readyz")).is_success:
                        break
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def _ingest(base: str, bodies: list[bytes]) -> float:
    """Over 32 connections: 3,200 events under way at most, where bare COPY has 4,000. With fewer it is the disk's answer to
    each small group that is measured, and not what an event costs."""
    requests = [prepare(f"{base}/v1/batch", body, write_key=WRITE_KEY) for body in bodies]
    await send_all(base, requests[:20], lines=4)
    started = perf_counter()
    await send_all(base, requests[20:], lines=LINES)
    return (len(requests) - 20) * BATCH / (perf_counter() - started)


async def _copy(url: str, rows: list[asyncpg.Record]) -> float:
    """The same rows into the same table of another database, by 8 connections, 500 at a time."""
    connections = [await asyncpg.connect(url, server_settings={"search_path": "events"}) for _ in range(8)]
    columns = [column.strip().strip('"') for column in COLUMNS.split(",")]
    chunks = iter([[tuple(row) for row in rows[start : start + 500]] for start in range(0, len(rows), 500)])

    async def work(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        for chunk in chunks:
            await connection.copy_records_to_table("log", records=chunk, columns=columns)

    started = perf_counter()
    await asyncio.gather(*(work(connection) for connection in connections))
    rate = len(rows) / (perf_counter() - started)
    for connection in connections:
        await connection.close()
    return rate


async def _database(url: str, name: str) -> str:
    connection = await asyncpg.connect(url)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    made = url.rsplit("/", 1)[0] + f"/{name}"
    directory = CHECKOUT / "services" / "events" / "migrations"
    await asyncio.to_thread(upgrade, service="events", url=made, directory=directory)
    return made


async def measure() -> list[Figure]:
    """Three rounds of both, in turn; the median ratio counts."""
    ratios, ingested, copied = [], [], []
    with tempfile.TemporaryDirectory(prefix="regulars-bench-") as home:
        async with postgres(Path(home)) as url:
            for round_ in range(3):
                bodies = _bodies()
                real = await _database(url, f"ingest_{round_}")
                async with _events(real, 18002 + round_) as base:
                    ingested.append(await _ingest(base, bodies))
                rows = await _stored(real)
                assert len({row["message_id"] for row in rows}) == len(rows) == BATCHES * BATCH, "rows are missing"
                copied.append(await _copy(await _database(url, f"copy_{round_}"), rows))
                ratios.append(ingested[-1] / copied[-1])
    ratio, rate = sorted(ratios)[1], sorted(ingested)[1]
    return [
        Figure(
            "durable events/s over HTTP, batches of 100, one process",
            f"{rate:,.0f}",
            f"bare COPY of the same rows: {sorted(copied)[1]:,.0f}",
            "> 10,000",
            rate > 10_000,
        ),
        Figure("the same as a ratio", f"{ratio:.2f}", "1", "≥ 0.45", ratio >= 0.45),
    ]


async def _stored(url: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url, server_settings={"search_path": "events"})
    rows = await connection.fetch(f"SELECT {COLUMNS} FROM log")
    await connection.close()
    return rows
