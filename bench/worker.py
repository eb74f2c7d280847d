"""Events a second through the segments worker, against a bare upsert of the same states."""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, process_time
from typing import Any
from uuid import UUID

import services.segments
from bench.engine import conditions
from bench.figures import Figure
from bench.ingest import postgres
from services.segments.service.catalogue import create_segment
from services.segments.service.rules import RuleBook
from services.segments.service.take_in import TakeIn
from services.segments.store import profiles as stored_profiles
from services.segments.store.profiles import StoredProfile
from services.segments.worker import Builder
from shared.plumbing import json
from shared.plumbing.clock import SystemClock
from shared.plumbing.db import Database
from shared.plumbing.ids import new_id
from shared.plumbing.lanes import LANES, lane_of
from shared.plumbing.leases import Leases
from shared.plumbing.migrate import upgrade
from shared.plumbing.reader import FeedReader

BATCH, ACTIVE, PROFILES = 500, 400, 4_000
WARM_UP, EVENTS = 24_000, 20_000
MIGRATIONS = Path(services.segments.__file__).parent / "migrations"


class Feed:
    """What profiles would tell, as it comes over the wire: each lane from where its reader is, all lanes alike."""

    def __init__(self, pages: Iterable[Iterable[dict[str, Any]]]) -> None:
        self._lanes: dict[int, list[tuple[UUID, json.Raw]]] = {lane: [] for lane in range(LANES)}
        self.pulled: list[set[UUID]] = []  # whom each page was about
        for page in pages:
            self.tell(page)

    def tell(self, messages: Iterable[dict[str, Any]]) -> None:
        for message in messages:
            profile_id = message["profile_id"]
            self._lanes[lane_of(profile_id)].append((profile_id, json.Raw(json.dumps(message))))

    async def pull(self, _: str, cursors: Mapping[int, int], *, limit: int, **__: Any) -> bytes:
        behind = [(lane, seq) for lane, seq in cursors.items() if seq < len(self._lanes[lane])]
        share = -(-limit // max(1, len(behind)))
        found = [
            (lane, number, *told)
            for lane, seq in behind
            for number, told in enumerate(self._lanes[lane][seq : seq + share], seq + 1)
        ]
        self.pulled.append({profile_id for _, _, profile_id, _ in found})
        items = [{"lane": lane, "seq": seq, "message": message} for lane, seq, _, message in found]
        return json.dumps({"items": items})


def pages(people: list[UUID], count: int, *, rng: random.Random, known: set[UUID]) -> Iterator[list[dict[str, Any]]]:
    """Batches of events of a few hundred people each: views that a leaf or two select, other views, orders."""
    for _ in range(count // BATCH):
        active = rng.sample(people, ACTIVE)
        yield [live_message(rng.choice(active), rng, known) for _ in range(BATCH)]


def live_message(profile_id: UUID, rng: random.Random, known: set[UUID]) -> dict[str, Any]:
    """An event as profiles tells it, with the profile if nobody has heard of it."""
    now = datetime.now(UTC)
    number = rng.randrange(100)
    name, properties = rng.choice(
        [
            ("Product Viewed", {"category": f"c{number}", "sku": f"p{number}", "price": 19.9, "url": "https://shop.example/p"}),
            ("Product Viewed", {"category": "elsewhere", "sku": "unknown", "price": 4.5, "url": "https://shop.example/q"}),
            ("Page Viewed", {"path": "/", "title": "Welcome", "url": "https://shop.example/"}),
            ("Product Added", {"sku": f"p{number}", "price": 19.9, "quantity": 1, "url": "https://shop.example/cart"}),
            ("Order Completed", {"order_id": str(new_id()), "total": rng.randrange(90), "shop": f"s{number}", "currency": "EUR"}),
        ]
    )  # fmt: skip
    event = {
        "name": name,
        "type": "track",
        "source": "web",
        "message_id": str(new_id()),
        "timestamp": now,
        "received_at": now,
        "user_id": f"user-{profile_id}",
        "properties": properties,
        "context": {
            "locale": "de-DE",
            "page": {"path": "/p/1", "referrer": "https://search.example/", "title": "Wool blanket"},
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36",
        },
    }
    message = {
        "kind": "event",
        "profile_id": profile_id,
        "event": event,
        "log": {"lane": 0, "seq": 1, "received_at": now},
    }
    if profile_id not in known:
        known.add(profile_id)
        traits = {"city": f"city{number}", "tier": "gold"}
        message["profile"] = {"id": profile_id, "version": 1, "traits": traits, "created_at": now, "updated_at": now}
    return message


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


async def _rate(url: str, segments: int) -> tuple[float, float, float]:
    """Events a second, the processor time of each in microseconds, and events a second that the bare upsert does."""
    rng, clock, known = random.Random(5), SystemClock(), set[UUID]()
    people = [new_id() for _ in range(PROFILES)]
    async with database(url) as db:
        book = RuleBook(db, clock=clock, default_zone="UTC")
        leases = Leases(db, work="work", owner="bench", clock=clock)
        feed_leases = Leases(db, work="resolved", owner="bench", clock=clock)
        await leases.renew()
        await feed_leases.renew()
        await build(db, book, leases, {f"s{n}": condition for n, condition in enumerate(conditions(segments))})
        made = list(pages(people, WARM_UP + EVENTS, rng=rng, known=known))
        feed = Feed(made[: -EVENTS // BATCH])
        reader = FeedReader(
            db, feed="resolved", consumer="segments", pull=feed.pull, leases=feed_leases, apply=TakeIn(book, clock),
            committed=lambda: None, clock=clock, batch=BATCH,
        )  # fmt: skip
        while await reader.step():  # until everybody is known
            pass
        await feed_leases.renew()
        for page in made[-EVENTS // BATCH :]:
            feed.tell(page)
        del made
        feed.pulled.clear()
        started, worked = perf_counter(), process_time()
        while await reader.step():
            pass
        elapsed, worked = perf_counter() - started, process_time() - worked
        bare = await _bare(db, feed.pulled)
    return EVENTS / elapsed, worked / EVENTS * 1e6, bare


async def _bare(db: Database, batches: list[set[UUID]]) -> float:
    """The same rows written in the same transactions, and nothing else."""
    async with db.transaction() as tx:
        found = await stored_profiles.lock_profiles(tx, {one for batch in batches for one in batch})
    elapsed = 0.0
    for batch in batches:
        rows: list[StoredProfile] = [found[one] for one in batch]
        started = perf_counter()
        async with db.transaction() as tx:
            await stored_profiles.update_states(tx, rows)
        elapsed += perf_counter() - started
    return EVENTS / elapsed


async def measure() -> list[Figure]:
    """By number of segments."""
    rates: dict[int, float] = {}
    figures = []
    for segments in (10, 100, 1000):
        with tempfile.TemporaryDirectory(prefix="regulars-bench-") as home:
            async with postgres(Path(home)) as url:
                await asyncio.to_thread(upgrade, service="segments", url=url, directory=MIGRATIONS)
                rate, spent, bare = await _rate(url, segments)
        rates[segments] = rate
        what = f"events through the segments worker, {segments:,} segments"
        limit = f"{bare:,.0f}/s bare upsert ({rate / bare:.2f}); {spent:.0f} µs of processor time each"
        if segments == 100:
            figures.append(Figure(what, f"{rate:,.0f}/s", limit, "> 8,000/s; 0.5", rate > 8000 and rate / bare >= 0.5))
        else:
            figures.append(Figure(what, f"{rate:,.0f}/s", limit, "", True))
    growth = rates[10] / rates[1000]
    figures.append(Figure("cost of an event, 10 to 1,000 segments", f"{growth:.2f} ×", "", "< 1.5 ×", growth < 1.5))
    return figures
