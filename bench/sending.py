"""Decisions and sends a second through all four services, against a bare aiosmtplib loop with the same messages, and what a broadcast
to very many does to a transactional message.

The limit is aiosmtplib as its documentation has it used: `send_message` of messages that are built before the clock starts, over
one connection or over as many as the service has, whichever is quicker. Beside it stands a leaner loop: the bytes of one message,
ready on the wire, by `mail`, `rcpt` and `data`; nothing is written out for it. Both are measured right after the service and once more
at the end, and the better one counts, for a machine is not equally quick all the time.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from time import perf_counter, time
from typing import Any, TypeVar

import aiosmtplib
import psutil

from bench.figures import Figure, percentile
from bench.ingest import CHECKOUT, postgres
from bench.people import add_people, broadcast, offer
from services.messaging.domain.emails import Mail, write_mail
from shared.plumbing import json
from shared.plumbing.db import Database
from tests.support.deployment import Deployment
from tests.support.waiting import until

FEW = int(os.environ.get("REGULARS_BENCH_MAILS", "10000"))
MANY = int(os.environ.get("REGULARS_BENCH_AUDIENCE", "100000"))
PROBES = int(os.environ.get("REGULARS_BENCH_PROBES", "100"))
CONNECTIONS = 16  # as by default
T = TypeVar("T")


class Sink:
    """The mail server, in its own process."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port
        self.taken: list[tuple[str, float]] = []

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator["Sink"]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.sink", cwd=CHECKOUT, limit=2**28,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            yield cls(process, int(await process.stdout.readline()))
        finally:
            process.terminate()
            await process.wait()

    async def look(self) -> list[tuple[str, float]]:
        """Everything taken so far: to whom and when."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        self.taken += [(address, float(at)) for address, at in json.loads(await self._process.stdout.readline())]
        return self.taken

    async def times(self, kind: str) -> list[float]:
        """When those of this kind were taken, in order."""
        return sorted(at for address, at in await self.look() if address.startswith(f"{kind}-"))

    async def until(self, kind: str, count: int, *, seconds: float = 900) -> list[float]:
        """Until so many of a kind are taken; when each was."""

        async def all_are_there() -> bool:
            await asyncio.sleep(0.5)
            return len(await self.times(kind)) >= count

        await until(all_are_there, f"{count} mails for {kind}", seconds=seconds)
        return await self.times(kind)


def spent(deployment: Deployment) -> dict[str, float]:
    """Seconds of processor time so far, by process."""
    times = {}
    for name, pid in deployment.pids().items():
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        times[name] = sum(sum(one.cpu_times()[:2]) for one in family)
    return times


def steady(times: Sequence[float]) -> float:
    """A second, between the first tenth and the last."""
    first, last = len(times) // 10, len(times) * 9 // 10
    return (last - first) / (times[last] - times[first])


async def bare(sink: Sink, what: Sequence[T], send: Callable[[aiosmtplib.SMTP, T], Awaitable[object]]) -> float:
    """Messages a second of nothing but aiosmtplib: over one connection or over many, whichever is quicker."""
    return max([await _bare(sink, what, send, connections) for connections in (1, CONNECTIONS)])


async def _bare(
    sink: Sink, what: Sequence[T], send: Callable[[aiosmtplib.SMTP, T], Awaitable[object]], connections: int
) -> float:
    left = iter(what)

    async def work() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=sink.port, start_tls=False) as connection:
            for one in left:
                await send(connection, one)

    started = perf_counter()
    await asyncio.gather(*(work() for _ in range(connections)))
    return len(what) / (perf_counter() - started)


async def _send_message(connection: aiosmtplib.SMTP, message: EmailMessage) -> None:
    await connection.send_message(message)


async def _send_bytes(connection: aiosmtplib.SMTP, mail: Mail) -> None:
    await connection.mail(mail.sender)
    await connection.rcpt(mail.recipient)
    await connection.data(mail.content)


def as_message(content: Mapping[str, Any]) -> EmailMessage:
    """A mail that was sent, as the standard library has it."""
    message = EmailMessage()
    for name, value in content["headers"].items():
        message[name] = value
    message.set_content(content["text"])
    message.add_alternative(content["html"], subtype="html")
    return message


async def limits(sink: Sink, url: str, count: int) -> tuple[float, float]:
    """Messages a second of aiosmtplib with mails that were sent: as it is documented, and of ready bytes."""
    db = await Database.open(url, schema="messaging")
    sent = [
        row["content"] for row in await db.fetch("SELECT content FROM deliveries ORDER BY lane, id LIMIT $1", count)
    ]
    await db.close()
    lean = write_mail(sent[0]["headers"], text=sent[0]["text"], html=sent[0]["html"])
    documented = await bare(sink, [as_message(content) for content in sent], _send_message)
    return documented, await bare(sink, [lean] * count, _send_bytes)


async def decisions(deployment: Deployment, count: int) -> float:
    """A second, of which none leads to a message: nobody has agreed to it."""
    started = perf_counter()
    await broadcast(deployment, "silent")

    async def all_are_decided() -> bool:
        await asyncio.sleep(0.2)
        found = await deployment.call("GET", "messaging", "/v1/campaigns/silent/progress")
        return bool(found["outcomes"].get("skipped") == count)

    await until(all_are_decided, "all are decided", seconds=300)
    return count / (perf_counter() - started)


async def beside(deployment: Deployment, sink: Sink) -> list[float]:
    """Milliseconds from an event to its transactional message, one a second, while the many are told."""
    body = {"key": "receipt", "trigger": {"event": "Order Completed"}, "template": "offer", "purpose": "transactional"}
    await deployment.call("POST", "messaging", "/v1/campaigns", body | {"reentry": "always"}, status=201)
    await deployment.call("POST", "messaging", "/v1/campaigns/receipt/start")
    for number in range(PROBES):
        await deployment.send(
            {"type": "identify", "userId": f"probe{number}", "traits": {"email": f"probe-{number}@example.com"}}
        )
    await deployment.settle()
    await broadcast(deployment, "many")
    sent = {}
    for number in range(PROBES):
        await deployment.send({"type": "track", "event": "Order Completed", "userId": f"probe{number}"})
        sent[f"probe-{number}@example.com"] = time()
        await asyncio.sleep(1)
    await sink.until("probe", PROBES)
    return [1000 * (at - sent[address]) for address, at in sink.taken if address in sent]


async def measure() -> list[Figure]:
    """Sends, decisions, and the two beside each other."""
    with tempfile.TemporaryDirectory(prefix="regulars-bench-") as folder:
        async with postgres(Path(folder) / "postgres") as url, Sink.open() as sink:
            environment = {
                "REGULARS_DATABASE_URL": url,
                "REGULARS_SMTP_HOST": "127.0.0.1",
                "REGULARS_SMTP_PORT": str(sink.port),
                "REGULARS_SMTP_SECURITY": "none",
                "REGULARS_SMTP_CONNECTIONS": str(CONNECTIONS),
            }
            async with Deployment(Path(folder) / "home", **environment) as deployment:
                await add_people(url, "few", FEW)
                await add_people(url, "silent", FEW, consenting=False)
                await add_people(url, "many", MANY)
                await offer(deployment)
                await deployment.settle()
                before = spent(deployment)
                await broadcast(deployment, "few")
                sends = steady(await sink.until("few", FEW))
                costs = {name: 1e3 * (seconds - before[name]) / FEW for name, seconds in spent(deployment).items()}
                after = await limits(sink, url, FEW // 2)
                decided = await decisions(deployment, FEW)
                waited = await beside(deployment, sink)
                told = await sink.times("many")
            limit, lean = map(max, zip(after, await limits(sink, url, FEW // 2), strict=True))
    return [_sends(sends, limit, lean, costs), _decisions(decided), _beside(waited, told)]


def _sends(sends: float, limit: float, lean: float, costs: Mapping[str, float]) -> Figure:
    each = ", ".join(f"{name} {cost:.1f}" for name, cost in sorted(costs.items()))
    beside = (
        f"{limit:,.0f}/s by `send_message` of bare aiosmtplib ({sends / limit:.2f}), {lean:,.0f}/s of ready bytes "
        f"({sends / lean:.2f}); processor time of each in ms: {each}"
    )
    what = "e-mails of a broadcast to a local SMTP server (aiosmtpd)"
    return Figure(what, f"{sends:,.0f}/s", beside, "> 200/s; ≥ 0.70", sends > 200 and sends >= 0.7 * limit)


def _decisions(decided: float) -> Figure:
    return Figure("decisions of a broadcast, none to send", f"{decided:,.0f}/s", f"{FEW:,} people", "", True)


def _beside(waited: Sequence[float], told: Sequence[float]) -> Figure:
    p99 = percentile(waited, 0.99)
    beside = f"{PROBES} of them, one a second, beside a broadcast to {MANY:,} ({steady(told):,.0f}/s)"
    return Figure("event to its transactional e-mail, p99", f"{p99:,.0f} ms", beside, "< 2 s", p99 < 2000)
