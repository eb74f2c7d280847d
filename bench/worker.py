"""Events a second through the segments worker, against bare writes of the same rows."""

import asyncio
import random
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter, itemgetter
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple
from uuid import UUID

import uvloop

import services.segments
from bench.engine import conditions
from bench.feed import BATCH, Feed, live_message, pages
from bench.figures import Figure
from bench.ingest import CHECKOUT, postgres
from services.segments.service.catalogue import create_segment
from services.segments.service.rules import RuleBook
from services.segments.service.take_in import TakeIn
from services.segments.store import profiles as stored_profiles
from services.segments.store.profiles import StoredProfile
from services.segments.worker import Builder
from shared.plumbing import json
from shared.plumbing.clock import SystemClock
from shared.plumbing.db import Database, array_of
from shared.plumbing.garbage import collect_seldom
from shared.plumbing.ids import new_id
from shared.plumbing.lanes import LANES, by_lane
from shared.plumbing.leases import Leases
from shared.plumbing.migrate import upgrade
from shared.plumbing.reader import FeedReader

PROFILES, WARM_UP, EVENTS = 12_000, 36_000, 40_000  # so many people that a batch is of some hundreds
SAME = 10  # kinds of events that touch the same leaves, however many segments there are
MIGRATIONS = Path(services.segments.__file__).parent / "migrations"


@asynccontextmanager
async def database(url: str) -> AsyncIterator[Database]:
    """The service's, as its worker opens it."""
    db = await Database.open(url, schema="segments", size=6)
    try:
        yield db
    finally:
        await db.close()


async def build(db: Database, book: RuleBook, leases: Leases, definitions: Mapping[str, Any]) -> None:
    """Define these segments and wait until they are live."""
    clock = SystemClock()
    for key, condition in definitions.items():

        async def work(tx: Any, key: str = key, condition: Any = condition) -> None:
            await create_segment(tx, key=key, name=key, condition=condition, now=clock.now())

        await db.run(work)
    builder = Builder(db, book, leases, clock, due=asyncio.Event(), committed=lambda: None, batch=2000)
    while await builder.step():
        pass


def _reader(db: Database, book: RuleBook, leases: Leases, feed: Feed) -> FeedReader:
    return FeedReader(
        db,
        feed="resolved",
        consumer="segments",
        pull=feed.pull,
        leases=leases,
        apply=TakeIn(book, SystemClock()),
        committed=lambda: None,
        clock=SystemClock(),
        batch=BATCH,
    )


def _leases(db: Database, work: str, owner: str = "bench") -> Leases:
    return Leases(db, work=work, owner=owner, clock=SystemClock(), ttl=timedelta(minutes=10))


async def prepare(url: str, segments: int, path: Path, kinds: int = 100) -> None:
    """Segments, people who are known, and events of theirs that are yet to be taken in, at `path`."""
    rng, known = random.Random(5), set[UUID]()
    people = [new_id() for _ in range(PROFILES)]
    async with database(url) as db:
        book = RuleBook(db, clock=SystemClock(), default_zone="UTC")
        leases, feed_leases = _leases(db, "work"), _leases(db, "resolved")
        await leases.renew()
        await feed_leases.renew()
        await build(db, book, leases, {f"s{n}": condition for n, condition in enumerate(conditions(segments))})
        feed = Feed([[live_message(one, rng, known, kinds) for one in people]])  # nobody is new when it counts
        for page in pages(people, WARM_UP, rng=rng, known=known, kinds=kinds):
            feed.tell(page)
        reader = _reader(db, book, feed_leases, feed)
        while await reader.step():
            pass
        await feed_leases.release()
        for page in pages(people, EVENTS, rng=rng, known=known, kinds=kinds):
            feed.tell(page)
        feed.save(path)


async def work(url: str, path: Path, owner: str, lanes: int) -> None:
    """A process of the worker: says when it is ready, begins when it is told to, says what it took."""
    async with database(url) as db:
        leases = _leases(db, "resolved", owner)
        while len(leases.held) != lanes:
            await leases.renew()
            await asyncio.sleep(0.05)
        feed = Feed.load(path, lanes=leases.held)
        reader = _reader(db, RuleBook(db, clock=SystemClock(), default_zone="UTC"), leases, feed)
        collect_seldom()
        await reader.step()  # what is made of the rules is made with the first page
        feed.pulled.clear()
        print("ready", flush=True)
        sys.stdin.readline()
        worked, taken = process_time(), 0
        while count := await reader.step():
            taken += count
        print(json.dumps_text([taken, process_time() - worked, feed.pulled]), flush=True)
        await leases.release()


Page = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Run:
    """Events a second, and the processor time of each in microseconds; what each page of each process had, by lane and number."""

    rate: float
    spent: float
    pages: list[list[Page]]


async def run(url: str, path: Path, processes: int) -> Run:
    """That many processes of the worker side by side, each with its share of the lanes."""
    arguments = [(f"worker-{n}", str(LANES // processes)) for n in range(processes)]
    workers = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bench.worker",
            url,
            str(path),
            *each,
            cwd=CHECKOUT,
            limit=2**26,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for each in arguments
    ]
    for worker in workers:
        assert worker.stdout is not None
        await worker.stdout.readline()
    started = perf_counter()
    said = await asyncio.gather(*(worker.communicate(b"go\n") for worker in workers))
    elapsed = perf_counter() - started
    told = [json.loads(out) for out, _ in said]
    events = sum(taken for taken, _, _ in told)
    pages = [[page for page in pages if page] for _, _, pages in told]
    return Run(events / elapsed, 1e6 * float(sum(spent for _, spent, _ in told)) / events, pages)


_lane = attrgetter("lane")
KEPT = ("profile_id", "timestamp", "source", "message_id", "name", "properties", "context")
UPSERT = """
INSERT INTO profiles (lane, profile_id, user_id, version, traits, life_events, created_at, states, truths, revision,
                      states_revision, evaluated_at, next_due_at, merged_into, erased)
SELECT $1, profile_id, user_id, version, traits, '[]', created_at, states::json, truths::bigint[], revision, revision,
       evaluated_at, next_due_at, NULL, false
FROM unnest($2::uuid[], $3::text[], $4::bigint[], $5::jsonb[], $6::timestamptz[], $7::text[], $8::text[], $9::bigint[],
            $10::timestamptz[], $11::timestamptz[])
     AS new (profile_id, user_id, version, traits, created_at, states, truths, revision, evaluated_at, next_due_at)
ON CONFLICT (lane, profile_id) DO UPDATE SET revision = excluded.revision, states_revision = excluded.states_revision,
    truths = excluded.truths, states = excluded.states, evaluated_at = excluded.evaluated_at,
    next_due_at = excluded.next_due_at"""


QUICK_UPSERT = re.sub(r"(\$\d+)::(uuid|bigint|timestamptz)", r"\1::text::\2", UPSERT)
INSERT = """
INSERT INTO bare_history (lane, profile_id, timestamp, source, message_id, name, properties, context)
SELECT $1, * FROM jsonb_to_recordset($2) AS event (profile_id uuid, timestamp timestamptz, source text, message_id text, name text,
                                                   properties jsonb, context jsonb)
ON CONFLICT DO NOTHING"""


def _columns(
    rows: Sequence[StoredProfile], states: Mapping[UUID, Any], array: Callable[[list[Any]], Any]
) -> tuple[Any, ...]:
    return (
        array([row.id for row in rows]),
        [row.user_id for row in rows],
        array([row.version for row in rows]),
        [row.traits for row in rows],
        array([row.created_at for row in rows]),
        [json.dumps_text(states[row.id]) for row in rows],
        ["{" + ",".join(map(str, row.truths)) + "}" for row in rows],
        array([row.revision for row in rows]),
        array([row.evaluated_at for row in rows]),
        array([row.next_due_at for row in rows]),
    )


@dataclass(frozen=True, slots=True)
class Bare:
    """Events a second, if all that were done with each page were to write down rows, as they are in memory, in one transaction,
    over as many connections as there were processes.

    `rows`: what the worker writes for every event, the events and the states. `states` alone: passed as arrays, as one does it;
    `quick`: as the text of arrays, as the worker does it.
    """

    rows: float
    states: float
    quick: float


class Rows(NamedTuple):
    """Of a page. `states`: as they are in memory."""

    profiles: list[StoredProfile]
    states: dict[UUID, Any]
    events: list[tuple[int, dict[str, Any]]]


async def _bare(url: str, path: Path, processes: list[list[Page]]) -> Bare:
    feed, rates = Feed.load(path, lanes=range(LANES)), dict[str, float]()
    async with database(url) as db:
        await db.execute("CREATE TABLE bare_history (LIKE history INCLUDING ALL)")
        works = [[await _rows(db, feed, page) for page in pages] for pages in processes]
        count = sum(len(page.events) for pages in works for page in pages)
        for way, statement, array in (
            ("states", UPSERT, list),
            ("quick", QUICK_UPSERT, array_of),
            ("rows", QUICK_UPSERT, array_of),
        ):
            started = perf_counter()
            await asyncio.gather(*(_write(db, pages, statement, array, events=way == "rows") for pages in works))
            rates[way] = count / (perf_counter() - started)
    return Bare(**rates)


async def _rows(db: Database, feed: Feed, page: Page) -> Rows:
    told = [feed.told(lane, seq) for lane, seq in page]
    async with db.transaction() as tx:
        found = await stored_profiles.lock_profiles(tx, {UUID(message["profile_id"]) for message in told})
    states = {profile_id: json.loads(row.states) for profile_id, row in found.items()}
    events = [{"profile_id": message["profile_id"], **message["event"]} for message in told]
    kept = [{name: event[name] for name in KEPT} for event in events]
    return Rows(list(found.values()), states, [(lane, event) for (lane, _), event in zip(page, kept, strict=True)])


async def _write(
    db: Database, pages: list[Rows], statement: str, array: Callable[[list[Any]], Any], *, events: bool
) -> None:
    for page in pages:
        states = [(lane, *_columns(group, page.states, array)) for lane, group in by_lane(page.profiles, _lane)]
        async with db.transaction() as tx:
            if events:
                told = by_lane(page.events, itemgetter(0))
                await tx.executemany(INSERT, [(lane, [event for _, event in group]) for lane, group in told])
            await tx.executemany(statement, states)


class Setting(NamedTuple):
    """`kinds` of events."""

    segments: int
    processes: int
    kinds: int


async def measure() -> list[Figure]:
    """By number of segments and of processes."""
    found: dict[Setting, tuple[Run, Bare]] = {}
    for setting in (Setting(10, 1, SAME), Setting(1000, 1, SAME), Setting(100, 1, 100), Setting(100, 2, 100)):
        with tempfile.TemporaryDirectory(prefix="regulars-bench-") as home:
            async with postgres(Path(home)) as url:
                await asyncio.to_thread(upgrade, service="segments", url=url, directory=MIGRATIONS)
                events = Path(home) / "events"
                await prepare(url, setting.segments, events, setting.kinds)
                ran = await run(url, events, setting.processes)
                found[setting] = ran, await _bare(url, events, ran.pages)
    few, many = (ran.spent for setting, (ran, _) in found.items() if setting.kinds == SAME)
    return [*map(_figure, found.items()), _growth(few, many)]


def _figure(found: tuple[Setting, tuple[Run, Bare]]) -> Figure:
    (segments, processes, kinds), (ran, bare) = found
    what = f"events of {kinds} kinds through the segments worker, {segments:,} segments, {processes} process{'es' * (processes > 1)}"
    share = ran.rate / bare.rows
    limit = f"{bare.rows:,.0f}/s bare write of the same rows, states and events ({share:.2f}); {_of(ran, bare.states)} bare upsert of the "
    limit += (
        f"states alone, {_of(ran, bare.quick)} passed as the worker does; {ran.spent:.0f} µs of processor time each"
    )
    if processes == 1:
        return Figure(what, f"{ran.rate:,.0f}/s", limit, "", True)
    return Figure(what, f"{ran.rate:,.0f}/s", limit, "> 8,000/s; 0.5", ran.rate > 8000 and share >= 0.5)


def _of(ran: Run, rate: float) -> str:
    return f"{rate:,.0f}/s ({ran.rate / rate:.2f})"


def _growth(few: float, many: float) -> Figure:
    growth = many / few
    return Figure(
        "processor time of an event that touches the same leaves, 10 to 1,000 segments",
        f"{growth:.2f} ×",
        "",
        "< 1.5 ×",
        growth < 1.5,
    )


if __name__ == "__main__":
    uvloop.run(work(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])))  # as uvicorn does
