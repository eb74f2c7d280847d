"""Generated lives, told in an unkind order: the changes replayed, the members, the preview and the reference agree."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from services.segments.domain.condition import Condition
from services.segments.domain.definition import define
from services.segments.domain.evaluate import is_true
from services.segments.domain.facts import Event, LifeEventFact, ProfileFacts
from services.segments.domain.parse import parse
from services.segments.service.told import change_of_traits
from shared.schemas.resolved import EventResolved, ProfileChanged, ProfileSnapshot
from tests.services.segments.standing import NOW, Standing
from tests.services.segments.told import birthday, did, known, merged, person, told_change
from tests.support.seeds import seeds

PEOPLE = [f"person-{number}" for number in range(12)]
NAMES = ["A", "B", "Order Completed", "Order Refunded", "Ignored"]
CONDITIONS: dict[str, Any] = {
    "count": {"event": "A", "within": "PT6H", "op": ">=", "value": 2},
    "never": {"not": {"event": ["A", "B"], "op": ">", "value": 0}},
    "sum": {"event": "A", "aggregate": "sum", "property": "v", "within": "P1D", "op": ">", "value": 1},
    "avg": {"event": "B", "aggregate": "avg", "property": "v", "op": "<", "value": 1},
    "where": {
        "event": "A",
        "where": [{"property": "v", "op": ">=", "value": 2}],
        "within": "PT9H",
        "op": "=",
        "value": 1,
    },
    "vast": {
        "event": "A",
        "where": [{"property": "v", "op": "<", "value": Decimal("12e59")}],
        "aggregate": "max",
        "property": "v",
        "op": ">",
        "value": Decimal("-1e100"),
    },
    "spent": {"spend": "total", "within": "P1D", "op": ">=", "value": 2},
    "spent-today": {"spend": "total", "within": "PT6H", "op": ">", "value": 1},
    "viewed-today": {"event": "A", "this": "day", "op": ">=", "value": 2},
    "spent-this-month": {"spend": "total", "this": "month", "op": ">", "value": 2},
    "most-this-week": {"event": "B", "aggregate": "max", "property": "v", "this": "week", "op": "<=", "value": 1},
    "spent-euros": {"spend": "total", "currency": "EUR", "within": "PT9H", "op": "<=", "value": 3},
    "absent": {"sequence": [{"event": "A"}, {"event": "B", "absent": True}], "gap": "PT3H", "within": "PT8H"},
    "same-again": {
        "sequence": [
            {"event": "A"},
            {"event": "B", "where": [{"property": "v", "op": "=", "value_of": {"first": "v"}}]},
        ],
        "gap": "PT9H",
        "within": "P1D",
    },
    "never-that-one": {
        "sequence": [
            {"event": "A"},
            {
                "event": "Order Completed",
                "absent": True,
                "where": [{"each": "items", "where": [{"property": "v", "op": "=", "value_of": {"first": "v"}}]}],
            },
        ],
        "gap": "PT5H",
        "within": "PT20H",
    },
    "followed": {"sequence": [{"event": "A"}, {"event": "B"}], "gap": "PT3H", "within": "P1D"},
    "trait": {"trait": "plan", "op": "in", "value": ["pro", 1]},
    "birthday": {"life_event": "birthday", "from": "P0D", "until": "P0D"},
    "bucket": {"all": [{"bucket": [0, 60], "salt": "x"}, {"event": "B", "within": "PT4H", "op": "=", "value": 0}]},
    "moved": {"trait_changed": "plan", "to": "pro", "within": "PT12H"},
    "renews": {"trait_date": "renews", "from": "-P1D", "until": "P0D"},
    "lasting": {
        "for": "PT6H",
        "of": {"any": [{"event": "A", "within": "PT9H", "op": ">=", "value": 1}, {"segment": "trait"}]},
    },
    "active": {"for": "PT9H", "of": {"event": ["A", "B"], "this": "day", "op": ">=", "value": 1}},
    "silent": {
        "all": [{"for": "P1D", "of": {"event": "B", "within": "PT2H", "op": "=", "value": 0}}, {"segment": "trait"}]
    },
    "ref": {"any": [{"all": [{"segment": "count"}, {"segment": "trait"}]}, {"not": {"segment": "spent"}}]},
}
EDITS: list[tuple[str, Any]] = [
    ("count", {"event": "A", "within": "PT3H", "op": ">=", "value": 1}),
    ("trait", {"trait": "plan", "op": "exists"}),
    ("spent", {"spend": "total", "op": ">=", "value": 1}),
]


@dataclass
class Life:
    """What is known of the people, kept beside the service."""

    events: dict[str, dict[tuple[str, datetime], Event]] = field(default_factory=dict)
    snapshots: dict[str, ProfileSnapshot] = field(default_factory=dict)
    merged: dict[str, str] = field(default_factory=dict)

    def target(self, name: str) -> str:
        while name in self.merged:
            name = self.merged[name]
        return name

    def learn(self, name: str, rng: random.Random, now: datetime) -> ProfileChanged:
        name = self.target(name)
        before = self.snapshots.get(name)
        traits = dict(before.traits if before else {}) | {"plan": rng.choice(["pro", "free", 1, True])}
        traits |= {"timezone": rng.choice(["Europe/Berlin", "Asia/Tokyo", "nowhere"])}
        traits |= {"renews": rng.choice(["2026-05-02", "2026-05-03T20:00:00Z", "2026-05-02T15:30:00+02:00", 5])}
        day = birthday(f"1990-05-0{rng.randint(1, 4)}")
        version = before.version + 1 if before else 1
        snapshot = self.snapshots[name] = known(name, version=version, life_events=(day,), **traits)
        told = told_change(before.traits if before else {}, traits, now)
        change = change_of_traits(told)
        self.events.setdefault(name, {})[change.message_id, change.timestamp] = change
        return ProfileChanged(profile_id=snapshot.id, profile=snapshot, at=now, traits_changed=told)

    def does(self, name: str, message: EventResolved) -> None:
        e = message.event
        assert e.name is not None
        event = Event(e.timestamp, e.message_id, e.source, e.name, e.properties, e.context)
        self.events.setdefault(self.target(name), {}).setdefault((e.message_id, e.timestamp), event)

    def merge(self, loser: str, survivor: str) -> ProfileSnapshot:
        self.merged[loser] = survivor
        self.events.setdefault(survivor, {}).update(self.events.pop(loser, {}))
        before, lost = self.snapshots[survivor], self.snapshots.pop(loser)
        version = max(before.version, lost.version) + 1
        self.snapshots[survivor] = known(survivor, version=version, life_events=before.life_events, **before.traits)
        return self.snapshots[survivor]

    def members(self, conditions: dict[str, Any], key: str, t: datetime) -> set[UUID]:
        """By the reference, from everything that happened."""
        parsed: dict[str, Condition] = {name: parse(condition) for name, condition in conditions.items()}
        definition = define(parsed[key], parsed, key=key)
        return {
            person(name)
            for name, snapshot in self.snapshots.items()
            if is_true(definition, self.events.get(name, {}).values(), _facts(snapshot), t)
        }


def _facts(snapshot: ProfileSnapshot) -> ProfileFacts:
    dates = tuple(LifeEventFact(e.kind, e.date, e.recurs, e.subject) for e in snapshot.life_events)
    return ProfileFacts(snapshot.id, snapshot.traits, dates)


def lives(rng: random.Random, life: Life, now: datetime) -> Iterator[Any]:
    """Some messages: new, late, dated in the future, repeated; changes; a merge now and then."""
    for _ in range(rng.randint(1, 12)):
        name = rng.choice(PEOPLE)
        if life.target(name) not in life.snapshots:
            yield life.learn(name, rng, now)
        kind = rng.random()
        if kind < 0.7:
            at = now + timedelta(
                hours=rng.choice([-40, -20, -5, -3, -1, 0, 0, 0, 2, 7]), minutes=rng.choice([0, 0, 30])
            )
            order: dict[str, Any] = {"order_id": rng.choice("123"), "total": rng.choice([1, 2, 0])}
            order["items"] = [{"v": value} for value in rng.sample([0, 1, 2, "x"], rng.randint(0, 3))]
            order["currency"] = rng.choice(["EUR", "EUR", "USD"])
            message = did(name, rng.choice(NAMES), at, v=rng.choice([0, 1, 2, "x"]), **order)
            life.does(name, message)
            yield from [message] * rng.choice([1, 1, 1, 2])
        elif kind < 0.9:
            yield life.learn(name, rng, now)
        else:
            living = [other for other in PEOPLE if other not in life.merged and other in life.snapshots]
            if len(living) > 6:
                loser, survivor = rng.sample(living, 2)
                snapshot = life.merge(loser, survivor)
                yield replace(merged(loser, survivor), profile=snapshot)


@pytest.mark.parametrize("seed", seeds(1, 2, 3))
async def test_incremental_truths_are_those_of_the_whole_history(url: str, seed: int) -> None:
    assert await live(url, seed, CONDITIONS) > 100


async def live(url: str, seed: int, every: Mapping[str, Any]) -> int:
    """One life of a service, with every of these conditions. Returns how often one of them was compared for somebody."""
    rng = random.Random(seed)
    life = Life()
    conditions = dict(list(every.items())[: rng.randint(4, 8)])
    later = {key: condition for key, condition in every.items() if key not in conditions}
    compared = 0
    ahead = rng.choice([timedelta(minutes=10), timedelta(hours=5), timedelta(days=400)])
    async with Standing(url, batch=20, backfill_batch=3, plans_ahead=ahead) as segments:
        for key, condition in conditions.items():
            await segments.define(key, condition)
        for step in range(30):
            segments.tell(*lives(rng, life, segments.clock.now()))
            await segments.worker.reader.step()
            if later and step % 2 == 0:
                key = next(iter(later))
                conditions[key] = later.pop(key)
                await segments.define(key, conditions[key], build=False)
            if step % 10 == 7:
                key, condition = EDITS[step // 10]
                if key in conditions:
                    await segments.call("PUT", f"/v1/segments/{key}", {"condition": condition})
                    conditions[key] = condition
            await segments.worker.builder.step()
            if rng.random() < 0.5:
                await segments.worker.planner.step()
            if rng.random() < 0.1:
                segments.worker = await segments.hire("one")  # as a process that was killed and started again
            if rng.random() < 0.4:
                segments.clock.step(minutes=rng.choice([1, 30, 150, 600]))
            if step % 10 == 9:
                compared += await agree(segments, life, conditions)
        await segments.later(days=3)
        compared += await agree(segments, life, conditions)
        assert segments.clock.now() > NOW
    return compared


async def live_through(segments: Standing, life: Life, rng: random.Random, *, steps: int) -> None:
    """Messages and passing time, and all of it taken in."""
    for _ in range(steps):
        await segments.take(*lives(rng, life, segments.clock.now()))
        if rng.random() < 0.4:
            await segments.later(minutes=rng.choice([1, 30, 150, 600]))


async def agree(segments: Standing, life: Life, conditions: dict[str, Any]) -> int:
    await segments.worker.work()
    await segments.worker.work()
    assert await segments.items("/v1/parked") == []
    for key, condition in conditions.items():
        assert (await segments.call("GET", f"/v1/segments/{key}"))["status"] == "live"
        expected = life.members(conditions, key, segments.clock.now())
        assert await segments.members(key) == expected, key
        assert await segments.replayed(key) == expected, key
        preview = await segments.call("POST", "/v1/segments/preview", {"condition": {"segment": key}})
        assert preview["count"] == len(expected), key
        tried = await segments.call("PUT", f"/v1/segments/{key}?dry_run=true", {"condition": condition})
        assert (tried["enter"]["count"], tried["leave"]["count"], tried["stay"]) == (0, 0, len(expected)), key
        await _in_order(segments, key)
        await _looks_back(segments, key)
    return len(conditions) * len(life.snapshots)


async def _in_order(segments: Standing, key: str) -> None:
    """Each profile's instants never run backwards, and what it enters it leaves before entering again."""
    last: dict[str, tuple[datetime, str]] = {}
    for change in await segments.items(f"/v1/segments/{key}/changes"):
        at = datetime.fromisoformat(change["at"])
        before = last.get(change["profile_id"])
        assert before is None or (at >= before[0] and change["change"] != before[1])
        last[change["profile_id"]] = (at, change["change"])


async def _looks_back(segments: Standing, key: str) -> None:
    """The members at an instant are those of the changes until then."""
    changes = await segments.items(f"/v1/segments/{key}/changes")
    for at in {changes[len(changes) * part // 4]["at"] for part in range(4)} if changes else ():
        replayed: set[str] = set()
        for change in changes:
            if datetime.fromisoformat(change["at"]) <= datetime.fromisoformat(at):
                (replayed.add if change["change"] == "entered" else replayed.remove)(change["profile_id"])
        found = await segments.items(f"/v1/segments/{key}/members", at=at)
        assert {member["profile_id"] for member in found} == replayed, (key, at)
