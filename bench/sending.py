"""Decisions and sends a second through all four services, against a bare aiosmtplib loop with the same messages, and what a broadcast
to very many does to a transactional message."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, time
from typing import Any

import aiosmtplib
import psutil

from bench.figures import Figure, percentile
from bench.ingest import CHECKOUT, postgres
from services.messaging.domain.emails import Mail, write_mail
from shared.plumbing import json
from shared.plumbing.db import Database
from shared.plumbing.ids import new_id
from shared.plumbing.lanes import lane_of
from tests.flow.story import until_live
from tests.support.deployment import Deployment
from tests.support.waiting import until

FEW = int(os.environ.get("REGULARS_BENCH_MAILS", "10000"))
MANY = int(os.environ.get("REGULARS_BENCH_AUDIENCE", "100000"))
PROBES = int(os.environ.get("REGULARS_BENCH_PROBES", "100"))
CONNECTIONS = 16  # as by default
BODY = """<p>Hello {{ profile.traits.first_name | default: "there" }},</p>
<p>Wool blankets are 20 % off until Sunday{% if profile.traits.city %} in {{ profile.traits.city }}{% endif %}.</p>
<p><a href="https://shop.example/blankets">To the blankets</a></p>
<p><a href="{{ unsubscribe_url }}">Unsubscribe</a> · <a href="{{ preferences_url }}">Preferences</a></p>"""


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


async def add_people(url: str, kind: str, count: int, *, consenting: bool = True) -> None:
    """As profiles and segments would know them had they been told long ago."""
    now = datetime.now(UTC)
    for start in range(0, count, 10_000):
        ids = [new_id() for _ in range(min(10_000, count - start))]
        lanes = [lane_of(one) for one in ids]
        for schema, statements in _PEOPLE.items():
            db = await Database.open(url, schema=schema)
            for statement in statements if consenting else statements[:1]:
                await db.execute(statement, lanes, ids, now, kind)
            await db.close()


_PEOPLE = {
    "profiles": [
        """INSERT INTO profiles (lane, id, version, user_id, traits, provenance, created_at, updated_at, absorbed)
           SELECT lane, id, 1, 'user-' || id, jsonb_build_object('email', $4::text || '-' || id || '@example.com', 'kind', $4::text,
                  'first_name', 'Ada', 'city', 'Vienna', 'timezone', 'Europe/Vienna', 'country', 'AT'), '{}', $3, $3, '{}'
           FROM unnest($1::smallint[], $2::uuid[]) AS new (lane, id)""",
        """INSERT INTO consents (lane, profile_id, id, purpose, channel, status, source, at, recorded_at)
           SELECT lane, id, id, 'marketing', 'email', 'granted', 'form ' || $4::text, $3, $3
           FROM unnest($1::smallint[], $2::uuid[]) AS new (lane, id)""",
        """INSERT INTO profile_identifiers (lane, profile_id, namespace, value, position, shown, first_seen_at)
           SELECT lane, id, 'user_id', 'user-' || id, 1, true, $3 FROM unnest($1::smallint[], $2::uuid[]) AS new (lane, id)
           WHERE $4::text <> ''""",
    ],
    "segments": [
        """INSERT INTO profiles (lane, profile_id, user_id, version, traits, life_events, created_at, states, truths,
                                 revision, evaluated_at, erased)
           SELECT lane, id, 'user-' || id, 1, jsonb_build_object('kind', $4::text), '[]', $3, '{}', '{}', 0, $3, false
           FROM unnest($1::smallint[], $2::uuid[]) AS new (lane, id)"""
    ],
}


async def broadcast(deployment: Deployment, kind: str, **fields: Any) -> None:
    """A segment of these people, and a broadcast to it now."""
    condition = {"trait": "kind", "op": "=", "value": kind}
    segment = {"key": kind, "name": kind, "condition": condition}
    await deployment.call("POST", "segments", "/v1/segments", segment, status=201)
    await until_live(deployment, kind)
    body = {
        "key": kind,
        "trigger": {"segment": kind, "at": (datetime.now(UTC) - timedelta(seconds=1)).isoformat()},
        "template": "offer",
        "purpose": "marketing",
    }
    await deployment.call("POST", "messaging", "/v1/campaigns", body | fields, status=201)
    await deployment.call("POST", "messaging", f"/v1/campaigns/{kind}/start")


async def offer(deployment: Deployment) -> None:
    template = {
        "key": "offer",
        "channel": "email",
        "subject": "20 % off, {{ profile.traits.first_name }}",
        "body": BODY,
    }
    await deployment.call("POST", "messaging", "/v1/templates", template, status=201)


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


async def bare(sink: Sink, mail: Mail, connections: int, count: int) -> float:
    """Messages a second of nothing but aiosmtplib."""
    left = iter(range(count))

    async def work() -> None:
        connection = aiosmtplib.SMTP(hostname="127.0.0.1", port=sink.port, start_tls=False)
        await connection.connect()
        for _ in left:
            await connection.mail(mail.sender)
            await connection.rcpt(mail.recipient)
            await connection.data(mail.content)
        connection.close()

    started = perf_counter()
    await asyncio.gather(*(work() for _ in range(connections)))
    return count / (perf_counter() - started)


async def a_mail(url: str) -> Mail:
    """One of those that were sent."""
    db = await Database.open(url, schema="messaging")
    content = await db.fetchval("SELECT content FROM deliveries LIMIT 1")
    await db.close()
    return write_mail(content["headers"], text=content["text"], html=content["html"])


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
                costs = {name: 1e6 * (seconds - before[name]) / FEW for name, seconds in spent(deployment).items()}
                print(costs)
                decided = await decisions(deployment, FEW)
                waited = await beside(deployment, sink)
                told = await sink.times("many")
            mail = await a_mail(url)
            limits = [await bare(sink, mail, connections, FEW // 2) for connections in (1, CONNECTIONS)]
    limit, p99 = max(limits), percentile(waited, 0.99)
    during = f"{len(told):,} of {MANY:,} told meanwhile, {steady(told):,.0f}/s"
    return [
        Figure(
            "sends",
            f"{sends:,.0f}/s",
            f"{limit:,.0f}/s bare ({sends / limit:.2f})",
            "> 200/s; ≥ 0.70",
            sends > 200 and sends >= 0.7 * limit,
        ),
        Figure("decisions", f"{decided:,.0f}/s", "", "", True),
        Figure("transactional, p99", f"{p99:,.0f} ms", during, "< 2 s", p99 < 2000),
    ]
