"""Worker processes killed in the middle of everything: who comes after them finds nothing lost, nothing twice."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from shared.plumbing.clock import SystemClock
from tests.services.segments.standing import SECRET, HandClock, Others, Standing
from tests.services.segments.test_generated import CONDITIONS, EDITS, Life, agree, lives
from tests.support.ports import free_ports
from tests.support.seeds import seeds

CHECKOUT = Path(__file__).resolve().parents[3]
AT_ONCE: dict[str, Any] = {
    "just-now": {"event": "A", "within": "PT1S", "op": ">=", "value": 1},
    "not-at-once": {"sequence": [{"event": "A"}, {"event": "B", "absent": True}], "gap": "PT1S", "within": "PT2S"},
    "quiet": {"for": "PT1S", "of": {"event": ["A", "B"], "within": "PT1S", "op": "=", "value": 0}},
}
KEYS = ["count", "spent", "trait", "ref", "viewed-today", "spent-this-month", "same-again", "never-that-one", "active"]
KILLS = 5


class StoppingClock(HandClock):
    """The machine's, until it is stopped."""

    stopped: datetime | None = None

    def now(self) -> datetime:
        return self.stopped or SystemClock().now()


@asynccontextmanager
async def _answering(others: Others) -> AsyncIterator[str]:
    """The other services, where processes reach them."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        asked = Request(scope, receive)
        request = httpx.Request(asked.method, str(asked.url), content=await asked.body())
        answered = await others.handle_async_request(request)
        await Response(answered.content, answered.status_code)(scope, receive, send)

    [port] = free_ports(1)
    config = uvicorn.Config(answer, port=port, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())  # no signal is its business
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving


class Process:
    """A worker as it is deployed."""

    def __init__(self, name: str, url: str, others: str, out: Path) -> None:
        [port] = free_ports(1)
        self.out = out / name
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("REGULARS_")},
            "REGULARS_DATABASE_URL": url,
            "REGULARS_SECRET": SECRET,
            "REGULARS_WORKER_NAME": name,
            "REGULARS_LEASE_TTL": "PT0.5S",
            "REGULARS_SEGMENTS_PORT": str(port),
            "REGULARS_SEGMENTS_FEED_BATCH": "20",
            "REGULARS_SEGMENTS_BACKFILL_BATCH": "3",
            "REGULARS_SEGMENTS_RECONCILE_HOUR": "-1",
            **{f"REGULARS_{service}_URL": others for service in ("EVENTS", "PROFILES", "MESSAGING")},
        }

    async def start(self) -> None:
        with self.out.open("ab") as out:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "services", "segments", "--role", "worker",
                cwd=CHECKOUT, env=self._environment, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip

    async def kill(self) -> None:
        assert self.process.returncode is None, self.out.read_text()
        os.kill(self.process.pid, signal.SIGKILL)
        await self.process.wait()


async def _tell(segments: Standing, life: Life, rng: random.Random) -> None:
    while True:
        segments.tell(*lives(rng, life, segments.clock.now()))
        await asyncio.sleep(0.05)


async def _define(segments: Standing, conditions: dict[str, Any], rng: random.Random) -> None:
    """One new segment after the other, and edits of those that are there."""
    for key in KEYS:
        conditions[key] = CONDITIONS[key]
        await asyncio.shield(segments.define(key, CONDITIONS[key], build=False))
        await asyncio.sleep(0.1)
    while True:
        key, edited = rng.choice([(key, edit) for key, edit in EDITS if key in conditions])
        conditions[key] = rng.choice([edited, {"not": edited}, CONDITIONS[key]])
        await asyncio.shield(segments.call("PUT", f"/v1/segments/{key}", {"condition": conditions[key]}))
        await asyncio.sleep(0.3)


async def _time_passes(segments: Standing) -> None:
    """Until the workers, which have just been started, have got as far as to record what time changed."""
    found = False
    while not found:
        await asyncio.sleep(0.05)
        found = await segments.db.fetchval("SELECT EXISTS (SELECT FROM changes WHERE cause ->> 'kind' = 'time')")


@pytest.mark.slow
@pytest.mark.parametrize("seed", seeds(1))
async def test_what_killed_workers_leave_behind_is_taken_up_where_they_were(
    url: str, seed: int, tmp_path: Path
) -> None:
    rng, life, conditions = random.Random(seed), Life(), dict(AT_ONCE)
    segments = Standing(url, batch=20, backfill_batch=3)
    segments.clock = clock = StoppingClock()
    async with segments, _answering(segments.others) as others:
        for leases in (segments.worker.feed_leases, segments.worker.work_leases):
            await leases.release()
        for key, condition in conditions.items():
            await segments.define(key, condition, build=False)
        workers = [Process(name, url, others, tmp_path) for name in ("one", "two")]
        for worker in workers:
            await worker.start()
        busy = [asyncio.create_task(_tell(segments, life, rng))]
        busy.append(asyncio.create_task(_define(segments, conditions, rng)))
        try:
            await _time_passes(segments)
            for _ in range(KILLS):
                worker = rng.choice(workers)
                await asyncio.sleep(rng.uniform(0.2, 1.2))
                await worker.kill()
                await worker.start()
        finally:
            for task in busy:
                task.cancel()
            ended = await asyncio.gather(*busy, return_exceptions=True)
            for worker in workers:
                await worker.kill()
        assert [type(end) for end in ended] == [asyncio.CancelledError] * 2, ended
        assert not any("Traceback" in worker.out.read_text() for worker in workers)
        await asyncio.sleep(0.6)  # their leases are over
        await segments.db.execute("DELETE FROM workers")  # and nobody counts on them
        clock.stopped = clock.now()
        await agree(segments, life, conditions)
