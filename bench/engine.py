"""What one event costs in the segment engine: one profile, many segments, no database."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import process_time
from uuid import UUID

from bench.figures import Figure
from services.segments.domain.definition import Definition, define
from services.segments.domain.facts import Event, ProfileFacts
from services.segments.domain.parse import parse
from services.segments.domain.ruleset import Ruleset
from services.segments.domain.standing import Standing

START = datetime(2026, 1, 1, tzinfo=UTC)
FACTS = ProfileFacts(UUID(int=1), {"city": "city3", "tier": "gold"})
BROAD = 10  # segments with leaves that every order touches; the others look at one category, one shop, one product
EVENTS = 2_000


def conditions(count: int) -> Iterator[object]:
    """Conditions of four leaves each, no two alike."""
    for n in range(count):
        days = f"P{7 + n % 60}D"
        view = {"event": "Product Viewed", "where": [_is("category", f"c{n}")], "within": days, "op": ">=", "value": 3}
        spent: dict[str, object] = {"spend": "total", "within": days, "op": ">", "value": 100 + n}
        if n % 2:
            del spent["within"]
        bought = {"event": "Order Completed", "aggregate": "sum", "property": "total", "within": days}
        shop = {**bought, "where": [_is("shop", f"s{n}")], "op": ">=", "value": 50}
        added = {"event": "Product Added", "where": [_is("sku", f"p{n}")]}
        left = {"sequence": [added, {"event": "Order Completed", "absent": True}], "gap": "PT4H", "within": days}
        viewed = {"event": "Product Viewed", "where": [_is("sku", f"p{n}")], "op": ">", "value": 1}
        lives = {"trait": "city", "op": "=", "value": f"city{n}"}
        broad = n < BROAD
        yield {"any": [{"all": [view, left if broad else viewed]}, {"all": [lives, spent if broad else shop]}]}


def _is(path: str, value: str) -> dict[str, object]:
    return {"property": path, "op": "=", "value": value}


def ruleset_of(count: int) -> Ruleset[int]:
    """That many segments."""
    definitions: dict[int, Definition] = {n: define(parse(c), {}) for n, c in enumerate(conditions(count))}
    return Ruleset.build(definitions)


def events_of(count: int, *, kind: str, since: datetime = START) -> list[Event]:
    """One profile's, an hour apart: `views` each of which some leaf selects, `others` that none does, `orders`, or a `mix`."""
    rng = random.Random(7)
    made = []
    for n in range(count):
        chosen = rng.choice(["views", "views", "views", "others", "orders"]) if kind == "mix" else kind
        number = rng.randrange(BROAD)
        order = {"order_id": f"{since:%Y%m%d}{n}", "total": rng.randrange(100), "shop": f"s{number}"}
        kinds: dict[str, tuple[str, dict[str, object]]] = {
            "views": ("Product Viewed", {"category": f"c{number}", "sku": f"p{number}"}),
            "others": ("Product Viewed", {"category": "elsewhere", "sku": "unknown"}),
            "orders": ("Order Completed", order),
        }
        name, properties = kinds[chosen]
        made.append(Event(since + timedelta(hours=n), f"m{since:%Y%m%d}{n}", "web", name, properties))
    return made


def take_in(ruleset: Ruleset[int], standing: Standing, events: list[Event]) -> None:
    """As the service does: let time pass, take the event in, judge what it touched."""
    for event in events:
        for _ in ruleset.pass_time(standing, FACTS, event.timestamp):
            pass
        touched = ruleset.take(standing, event, event.timestamp)
        if touched:
            ruleset.judge(standing, FACTS, event.timestamp, touched)


def cost(segments: int, history: int, kind: str) -> float:
    """Microseconds of processor time per event, after that many events of history; the best of three."""
    ruleset = ruleset_of(segments)
    past = events_of(history, kind="mix", since=START - timedelta(hours=history))
    best = float("inf")
    for _ in range(3):
        standing = ruleset.stand(ruleset.refold(past, START), FACTS, START)
        take_in(ruleset, standing, events_of(1, kind=kind, since=START - timedelta(hours=1)))
        events = events_of(EVENTS, kind=kind)
        started = process_time()
        take_in(ruleset, standing, events)
        best = min(best, (process_time() - started) / EVENTS * 1e6)
    return best


async def measure() -> list[Figure]:
    """By kind of event, by number of segments, by length of history."""
    figures = []
    for kind, what, aim in [
        ("others", "no leaf selects it", 40),
        ("views", "two leaves select it", 150),
        ("orders", "21 leaves select it", 400),
    ]:
        spent = cost(100, 60, kind)
        figures.append(
            Figure(f"an event, 100 segments: {what}", f"{spent:.0f} µs", "400 leaves", f"< {aim} µs", spent < aim)
        )
    for segments in (10, 100, 1000):
        spent = cost(segments, 60, "mix")
        figures.append(Figure(f"a mix, {segments:,} segments", f"{spent:.0f} µs", "", "< 150 µs", spent < 150))
    for history in (1_000, 10_000):
        spent = cost(100, history, "mix")
        what = f"a mix, 100 segments, after {history:,} events"
        figures.append(Figure(what, f"{spent:.0f} µs", "", "< 150 µs", spent < 150))
    return figures
