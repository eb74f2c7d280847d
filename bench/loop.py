"""The whole loop, at 20 and at 1,000 events a second: from the 200 to the change, and to the message in the mailbox."""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.figures import Figure, percentile
from bench.wire import Line, look, prepare
from shared.plumbing import json
from tests.flow.story import consenting, order, thank_spenders
from tests.support.deployment import Deployment

RATE, SECONDS, PROBES_A_SECOND = 1_000, 30, 10
SLOW_RATE, SLOW_COUNT = 20, 420


class Watch:
    """Notes when a probe was sent, when its change was visible and when its message was in the mailbox."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self.sent: dict[str, float] = {}
        self.changed: dict[str, float] = {}
        self.mailed: dict[str, float] = {}

    async def changes(self) -> None:
        """Follow the changes feed, as an integrator would."""
        line, cursor = await Line.open(self._deployment.urls["segments"]), ""
        while True:
            for item in await self._items(line, "segments", f"/v1/segments/spenders/changes?limit=1000&wait=5{cursor}"):
                self.changed.setdefault(item["user_id"], perf_counter())
                cursor = f"&cursor={item['cursor']}"

    async def mails(self) -> None:
        """Look into the mailbox."""
        line = await Line.open(self._deployment.urls["messaging"])
        while True:
            for item in await self._items(line, "messaging", "/v1/mailbox?limit=20"):
                self.mailed.setdefault(item["to"].split("@")[0], perf_counter())
            await asyncio.sleep(0.1)

    async def _items(self, line: Line, service: str, path: str) -> list[Any]:
        status, body = await line.ask(look(self._deployment.urls[service] + path, api_key=self._deployment.api_key))
        assert status == 200, body
        items: list[Any] = json.loads(body)["items"]
        return items

    async def probes(self, users: list[str]) -> None:
        """One order over the threshold after the other."""
        line = await Line.open(self._deployment.urls["events"])
        for number, user in enumerate(users):
            await _send(self._deployment, line, [order(user, f"probe-{number}", 150)])
            self.sent[user] = perf_counter()
            await asyncio.sleep(1 / PROBES_A_SECOND)


async def _send(deployment: Deployment, line: Line, batch: Sequence[Mapping[str, Any]]) -> None:
    body = json.dumps({"batch": batch, "sentAt": datetime.now(UTC)})
    status = await line.send(prepare(deployment.urls["events"] + "/v1/batch", body, write_key=deployment.write_key))
    assert status == 200, status


async def _load(deployment: Deployment, stop: asyncio.Event) -> int:
    """Batches of 50 views and small orders by 2,000 people, at the rate; returns how many were sent."""
    line = await Line.open(deployment.urls["events"])
    loop = asyncio.get_running_loop()
    started, number = loop.time(), 0
    while not stop.is_set():
        batch = []
        for _ in range(50):
            number += 1
            message = order(f"load-{number % 2000}", f"load-{number}", 0.01)
            batch.append(message if number % 5 == 0 else message | {"event": "Product Viewed"})
        await _send(deployment, line, batch)
        await asyncio.sleep(max(0, started + number / RATE - loop.time()))
    line.close()
    return number


async def _watch(deployment: Deployment, users: list[str]) -> tuple[Watch, float]:
    watch, stop = Watch(deployment), asyncio.Event()
    watching = [asyncio.create_task(watch.changes()), asyncio.create_task(watch.mails())]
    started = perf_counter()
    load = asyncio.create_task(_load(deployment, stop))
    await asyncio.sleep(5)
    await watch.probes(users)
    stop.set()
    rate = await load / (perf_counter() - started)
    await deployment.settle()
    await asyncio.sleep(1)
    for task in watching:
        task.cancel()
    return watch, rate


async def _one_by_one(deployment: Deployment, users: Sequence[str]) -> list[float]:
    """20 orders a second, each looked for until its change is there; milliseconds."""
    sending, looking = [await Line.open(deployment.urls[name]) for name in ("events", "segments")]
    loop, cursor, waited = asyncio.get_running_loop(), "", []
    begun = loop.time()
    for number, user in enumerate(users):
        await asyncio.sleep(max(0.0, begun + number / SLOW_RATE - loop.time()))
        await _send(deployment, sending, [order(user, f"single-{number}", 150)])
        accepted, path = perf_counter(), deployment.urls["segments"] + "/v1/segments/spenders/changes?limit=100&wait=5"
        seen: set[str] = set()
        while user not in seen:
            _, body = await looking.ask(look(path + cursor, api_key=deployment.api_key))
            for item in json.loads(body)["items"]:
                seen.add(item["user_id"])
                cursor = f"&cursor={item['cursor']}"
        waited.append(1000 * (perf_counter() - accepted))
    return waited[SLOW_RATE:]


def _slow(waited: Sequence[float]) -> list[Figure]:
    beside, p50, p99 = f"{len(waited)} orders", percentile(waited, 0.5), percentile(waited, 0.99)
    return [
        Figure("event to membership change at 20 events/s, p50", f"{p50:.0f} ms", beside, "< 20 ms", p50 < 20),
        Figure("event to membership change at 20 events/s, p99", f"{p99:.0f} ms", beside, "< 50 ms", p99 < 50),
    ]


async def measure() -> list[Figure]:
    """`SECONDS` of load with probes in it."""
    users = [f"probe{number}" for number in range(SECONDS * PROBES_A_SECOND)]
    single = [f"single{number}" for number in range(SLOW_COUNT)]
    with tempfile.TemporaryDirectory(prefix="regulars-bench-") as folder:
        async with Deployment(Path(folder) / "home") as deployment:
            await thank_spenders(deployment)
            for user in (*single, *users):
                await consenting(deployment, user)
            slow = _slow(await _one_by_one(deployment, single))
            watch, rate = await _watch(deployment, users)
    changed = [1000 * (watch.changed[user] - watch.sent[user]) for user in users]
    mailed = [1000 * (watch.mailed[user] - watch.sent[user]) for user in users]
    beside = f"{rate:,.0f} events/s beside {len(users)} probes"
    p50, p99, mail99 = percentile(changed, 0.5), percentile(changed, 0.99), percentile(mailed, 0.99)
    return [
        *slow,
        Figure("event to membership change at 1,000 events/s, p50", f"{p50:.0f} ms", beside, "< 100 ms", p50 < 100),
        Figure("event to membership change at 1,000 events/s, p99", f"{p99:.0f} ms", beside, "< 500 ms", p99 < 500),
        Figure("event to message in the mailbox, p99", f"{mail99:.0f} ms", beside, "< 2 s", mail99 < 2000),
    ]
