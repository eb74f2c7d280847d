"""What time alone changes: how long after its instant an exit or entry is recorded."""

import asyncio
import random
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar
from uuid import UUID

from bench.feed import live_message
from bench.figures import Figure, percentile
from bench.ingest import postgres
from bench.worker import MIGRATIONS, build, database
from services.segments.service.rules import RuleBook
from services.segments.service.take_in import TakeIn
from services.segments.worker import Planner, Timers
from shared.plumbing import json
from shared.plumbing.clock import ShiftedClock
from shared.plumbing.db import Database
from shared.plumbing.ids import new_id
from shared.plumbing.lanes import LANES, lane_of
from shared.plumbing.leases import Leases
from shared.plumbing.migrate import upgrade
from shared.plumbing.reader import Incoming

T = TypeVar("T")
AT_MIDNIGHT, IN_A_MINUTE = 200_000, 10_000
BIRTHDAY = {"life_event": "birthday", "from": "P0D", "until": "P0D"}
VIEWERS = {"event": "Product Viewed", "within": "P1D", "op": ">=", "value": 1}


async def add_profiles(db: Database, ids: Sequence[UUID], life_events: Any, now: datetime) -> None:
    """As if they had been told of long ago."""
    for start in range(0, len(ids), 10_000):
        some = ids[start : start + 10_000]
        await db.execute(
            """INSERT INTO profiles (lane, profile_id, user_id, version, traits, life_events, created_at, states, truths,
                                     revision, evaluated_at, erased)
               SELECT lane, id, 'user-' || id, 1, '{"plan": "free"}', $3::jsonb, $4, '{}', '{}', 0, $4, false
               FROM unnest($1::smallint[], $2::uuid[]) AS new (lane, id)""",
            [lane_of(one) for one in some],
            some,
            life_events,
            now,
        )


async def add_views(db: Database, ids: Sequence[UUID], first: datetime, apart: timedelta) -> None:
    """One view each, evenly apart."""
    await db.execute(
        """INSERT INTO history (lane, profile_id, timestamp, source, message_id, name, properties, context)
           SELECT lane, id, at, 'web', 'm-' || id, 'Product Viewed', '{"sku": "p1"}', '{}'
           FROM unnest($1::smallint[], $2::uuid[], $3::timestamptz[]) AS new (lane, id, at)""",
        [lane_of(one) for one in ids],
        list(ids),
        [first + n * apart for n in range(len(ids))],
    )


async def at_once(timers: Timers, clock: ShiftedClock, instant: datetime, count: int) -> list[float]:
    """Run until so many profiles that are due at one instant are done; seconds from it to each one's commit."""
    found: list[float] = []
    while len(found) < count:
        done = await timers.step()
        found += [(clock.now() - instant).total_seconds()] * done
        if not done:
            await asyncio.sleep(0.001)
    return found


@dataclass
class Beside:
    """What happens meanwhile, to people who are known: pages of 50 events, 20 a second; how long each took to be committed, in
    milliseconds."""

    db: Database
    book: RuleBook
    clock: ShiftedClock
    took: list[float] = field(default_factory=list)

    async def run(self) -> None:
        rng, known, people = random.Random(11), set[UUID](), [new_id() for _ in range(2_000)]
        take_in, numbers = TakeIn(self.book, self.clock), count(1)

        async def page(of: Sequence[UUID]) -> None:
            messages = [live_message(one, rng, known) for one in of]
            items = [
                Incoming(lane_of(message["profile_id"]), next(numbers), json.Raw(json.dumps(message)))
                for message in messages
            ]
            made = perf_counter()
            await self.db.run(partial(take_in, items=items))
            self.took.append(1000 * (perf_counter() - made))

        for start in range(0, len(people), 50):
            await page(people[start : start + 50])
        self.took.clear()
        while True:
            begun = perf_counter()
            await page(rng.choices(people, k=50))
            await asyncio.sleep(max(0.0, begun + 0.05 - perf_counter()))


@dataclass(frozen=True)
class Night:
    """Lags in seconds, and how long live pages took: before, beside a process that only counts, and at midnight; in milliseconds."""

    lags: list[float]
    calm: list[float]
    beside_counting: list[float]
    meanwhile: list[float]


@asynccontextmanager
async def counting() -> AsyncIterator[None]:
    """Keeps one processor busy with nothing: what that costs others, whoever it is."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "while True: pass")
    try:
        yield
    finally:
        process.kill()
        await process.wait()


async def _midnight(url: str) -> Night:
    clock = ShiftedClock()
    day = (clock.now() + timedelta(days=3)).date()
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    born = {"kind": "birthday", "date": day.replace(year=1990).isoformat(), "recurs": "yearly", "subject": "self"}
    async with database(url) as db:
        book, leases = await _made(db, clock)
        await add_profiles(db, [new_id() for _ in range(AT_MIDNIGHT)], [born], clock.now())
        await build(db, book, leases, {"birthday": BIRTHDAY, "viewers": VIEWERS})
        timers, planner = Timers(db, book, leases, clock, committed=lambda: None), Planner(db, book, leases, clock)
        looks: list[tuple[timedelta, Callable[[], Awaitable[int]]]] = [
            (timedelta(hours=10), timers.step),
            (timedelta(minutes=9), planner.step),
        ]
        for before, look in looks:
            clock.step(midnight - before - clock.now())
            await leases.renew()
            while await look():  # the first look, which finds the exact instant; then the plans
                await leases.renew()
        # what the database does by itself within the minutes that are passed over here
        await db.execute("VACUUM ANALYZE")
        await db.execute("CHECKPOINT")
        clock.step(midnight - timedelta(seconds=26) - clock.now())
        await leases.renew()
        beside = Beside(db, book, clock)
        tasks = [asyncio.create_task(leases.run()), asyncio.create_task(beside.run())]
        await asyncio.sleep(12)
        calm, beside.took = beside.took, []
        async with counting():
            await asyncio.sleep(8)
        beside_counting = beside.took
        await asyncio.sleep((midnight - clock.now()).total_seconds())
        beside.took = []
        lags = await at_once(timers, clock, midnight, AT_MIDNIGHT)
        for task in tasks:
            task.cancel()
    return Night(lags, calm, beside_counting, beside.took)


async def _in_a_minute(url: str) -> list[float]:
    """Everybody leaves a window within one minute, evenly."""
    clock = ShiftedClock()
    async with database(url) as db:
        book, leases = await _made(db, clock)
        people = [new_id() for _ in range(IN_A_MINUTE)]
        await add_profiles(db, people, [], clock.now())
        begins = clock.now() + timedelta(hours=1)
        await add_views(db, people, begins - timedelta(days=1), timedelta(minutes=1) / len(people))
        await build(db, book, leases, {"viewers": VIEWERS})
        timers, planner = Timers(db, book, leases, clock, committed=lambda: None), Planner(db, book, leases, clock)
        clock.step(begins - timedelta(minutes=5) - clock.now())
        await leases.renew()
        while await planner.step():
            pass
        clock.step(begins - timedelta(seconds=3) - clock.now())
        await leases.renew()
        tasks = [asyncio.create_task(leases.run()), asyncio.create_task(timers.run())]
        found = await _seen(db, clock, IN_A_MINUTE)
        for task in tasks:
            task.cancel()
    return found


async def _seen(db: Database, clock: ShiftedClock, count: int) -> list[float]:
    """Until so many changes by time are there: seconds from each one's instant until it is seen."""
    found: list[float] = []
    seqs = dict.fromkeys(range(LANES), 0)
    while len(found) < count:
        await asyncio.sleep(0.05)
        rows = await db.fetch(
            """SELECT changes.lane, changes.seq, changes.at, cause ->> 'kind' AS kind
               FROM unnest($1::smallint[], $2::bigint[]) AS after (lane, seq)
               JOIN changes ON changes.lane = after.lane AND changes.seq > after.seq""",
            list(seqs),
            list(seqs.values()),
        )
        now = clock.now()
        for row in rows:
            seqs[row["lane"]] = max(row["seq"], seqs[row["lane"]])
            if row["kind"] == "time":
                found.append((now - row["at"]).total_seconds())
    return found


async def _made(db: Database, clock: ShiftedClock) -> tuple[RuleBook, Leases]:
    book = RuleBook(db, clock=clock, default_zone="UTC")
    leases = Leases(db, work="work", owner="bench", clock=clock)
    await leases.renew()
    return book, leases


async def _with_postgres(work: Callable[[str], Awaitable[T]]) -> T:
    with tempfile.TemporaryDirectory(prefix="regulars-bench-") as home:
        async with postgres(Path(home)) as url:
            await asyncio.to_thread(upgrade, service="segments", url=url, directory=MIGRATIONS)
            return await work(url)


async def measure() -> list[Figure]:
    """Ten thousand deadlines in a minute, and two hundred thousand at one midnight."""
    spread = percentile(await _with_postgres(_in_a_minute), 0.99)
    night = await _with_postgres(_midnight)
    calm, counted, busy = (percentile(took, 0.5) for took in (night.calm, night.beside_counting, night.meanwhile))
    p99 = percentile(night.lags, 0.99)
    rate = f"{AT_MIDNIGHT / max(night.lags):,.0f} profiles/s"
    live = f"{busy:.1f} ms a page of 50 events, p50"
    limit = f"{calm:.1f} ms before; {counted:.1f} ms beside a process that only counts"
    return [
        Figure(f"{IN_A_MINUTE:,} deadlines in a minute: lag, p99", f"{spread:.2f} s", "", "< 1 s", spread < 1),
        Figure(f"{AT_MIDNIGHT:,} at one midnight: lag, p99", f"{p99:.1f} s", rate, "< 10 s", p99 < 10),
        Figure("live events meanwhile", live, limit, "< 1.2 ×", busy < 1.2 * calm),
    ]
