"""One event at a time, in any order, with time and other knowledge between: what is judged again is enough."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import permutations, product
from typing import cast
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.segments.domain.condition import Trait
from services.segments.domain.definition import Definition, define
from services.segments.domain.engine.compile import compiled_traits
from services.segments.domain.engine.values import NOTHING
from services.segments.domain.evaluate import is_true
from services.segments.domain.facts import Event, ProfileFacts
from services.segments.domain.parse import parse
from services.segments.domain.ruleset import Ruleset
from services.segments.domain.standing import Standing
from shared.language.compare import holds
from shared.language.paths import find_all
from tests.unit.segments import generated, lively

thorough = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
Truths = dict[int, bool]


class Followed:
    """One profile as the service works on it, beside all that ever happened to it."""

    def __init__(
        self,
        definitions: Mapping[int, Definition],
        facts: ProfileFacts,
        now: datetime,
        *,
        ruleset: Ruleset[int] | None = None,
    ) -> None:
        self.definitions = definitions
        self.ruleset = ruleset or Ruleset.build(definitions)
        self.facts = facts
        self.events: list[Event] = []
        self.standing = Standing({}, {})
        self.ruleset.recall(self.standing, facts, now, ())
        self.truths = self.ruleset.judge(self.standing, facts, now)
        self.agrees(now)

    def agrees(self, now: datetime) -> None:
        expected = {n: is_true(definition, self.events, self.facts, now) for n, definition in self.definitions.items()}
        assert self.truths == expected, now

    def is_stored(self) -> None:
        self.standing = Standing.read(self.standing.written())

    def assert_right_until(self, now: datetime) -> None:
        for at, truths in self.ruleset.pass_time(self.standing, self.facts, now):
            self.truths |= truths
            self.agrees(at)
        self.agrees(now)

    def does(self, event: Event, now: datetime) -> None:
        [event] = generated.told_by([event], now)
        self.events.append(event)
        self.judges(self.ruleset.take(self.standing, event, now, self.facts) or {}, now)

    def becomes(self, facts: ProfileFacts, now: datetime) -> None:
        changed = self.ruleset.changed_by_facts(self.facts, facts)
        self.facts = facts
        self.judges(changed, now)

    def judges(self, touched: Mapping[str, None], now: datetime) -> None:
        known = [event for event in self.events if event.name in self.ruleset.recalled_names]
        self.ruleset.recall(self.standing, self.facts, now, known, touched)
        self.truths |= self.ruleset.judge(self.standing, self.facts, now, touched)
        self.agrees(now)


def assert_followed(data: st.DataObject, definitions: Mapping[int, Definition], events: list[Event]) -> None:
    looks = sorted(data.draw(st.lists(generated.instants, min_size=len(events), max_size=len(events))))
    followed = Followed(definitions, data.draw(generated.facts), looks[0] if looks else generated.START)
    for event, now in zip(data.draw(st.permutations(events)), looks, strict=True):
        followed.assert_right_until(now)
        if data.draw(st.integers(0, 3)) == 0:
            other = data.draw(generated.facts)
            followed.becomes(
                ProfileFacts(followed.facts.id, other.traits, other.life_events, followed.facts.default_zone), now
            )
        followed.does(event, now)
        followed.is_stored()
    followed.assert_right_until(generated.START + (generated.STEPS + 12) * generated.STEP)


@thorough
@given(st.data())
def test_since_when_something_has_been_so_is_followed(data: st.DataObject) -> None:
    written = data.draw(st.lists(lively.fors, min_size=3, max_size=5))
    definitions = {n: define(parse(condition), {}) for n, condition in enumerate(written)}
    assert_followed(data, definitions, data.draw(lively.histories))


@thorough
@given(st.data())
def test_events_are_compared_with_the_traits_of_now(data: st.DataObject) -> None:
    written = data.draw(st.lists(lively.comparisons, min_size=3, max_size=5))
    definitions = {n: define(parse(condition), {}) for n, condition in enumerate(written)}
    assert_followed(data, definitions, data.draw(lively.histories))


@thorough
@given(st.data())
def test_second_steps_are_compared_with_the_first(data: st.DataObject) -> None:
    written = data.draw(st.lists(lively.pairs, min_size=4, max_size=6))
    definitions = {n: define(parse(condition), {}) for n, condition in enumerate(written)}
    assert_followed(data, definitions, data.draw(lively.paired))


@thorough
@given(st.data())
def test_periods_are_those_of_the_zone_that_the_person_lives_in(data: st.DataObject) -> None:
    written = data.draw(st.lists(generated.by_calendar, min_size=3, max_size=6))
    definitions = {n: define(parse(condition), {}) for n, condition in enumerate(written)}
    now, travels = generated.START, data.draw(st.integers(0, 3)) > 0
    followed = Followed(definitions, data.draw(generated.travellers), now)
    for event in data.draw(generated.calendar_events(now)):
        now += data.draw(st.integers(0, 2)) * generated.STEP
        followed.assert_right_until(now)
        if travels and data.draw(st.integers(0, 2)):
            followed.becomes(data.draw(generated.travellers), now)
        followed.does(replace(event, timestamp=event.timestamp + (now - generated.START)), now)
        followed.is_stored()
    followed.assert_right_until(now + timedelta(days=40))


@pytest.mark.parametrize(
    "condition",
    [
        {"event": "Order Completed", "this": "day", "op": ">=", "value": 1},
        {"spend": "total", "this": "day", "op": ">=", "value": 1},
        {"event": "Order Completed", "aggregate": "max", "property": "total", "this": "day", "op": ">=", "value": 1},
    ],
)
def test_in_another_zone_what_had_left_may_count_again(condition: object) -> None:
    ordered, noon = generated.START - timedelta(hours=1), generated.START + timedelta(hours=12)
    followed = Followed({1: define(parse(condition), {})}, ProfileFacts(UUID(int=1)), ordered)
    followed.does(Event(ordered, "m1", "web", "Order Completed", {"order_id": 1, "total": 5}), ordered)
    followed.assert_right_until(noon)
    said = [followed.truths[1]]
    for zone in ("America/New_York", "Asia/Tokyo", "nowhere", "Asia/Kolkata"):
        followed.is_stored()
        followed.becomes(ProfileFacts(UUID(int=1), {"timezone": zone}), noon)
        said.append(followed.truths[1])
    assert said == [False, False, True, False, True]
    followed.assert_right_until(noon + timedelta(days=1))
    assert followed.truths == {1: False}


def test_another_default_zone_is_another_zone() -> None:
    definitions = {1: define(parse({"event": "A", "this": "day", "op": ">=", "value": 1}), {})}
    followed = Followed(definitions, ProfileFacts(UUID(int=1)), generated.START)
    followed.does(Event(generated.START - timedelta(hours=1), "m1", "web", "A"), generated.START)
    assert followed.truths == {1: False}
    followed.becomes(ProfileFacts(UUID(int=1), default_zone="America/New_York"), generated.START)
    assert followed.truths == {1: True}


@thorough
@given(st.data())
def test_running_totals_of_spend_are_those_of_all_orders(data: st.DataObject) -> None:
    written = data.draw(generated.several_spends)
    assert_followed(
        data, {n: define(parse(c), {}) for n, c in enumerate(written)}, data.draw(generated.order_histories)
    )


@thorough
@given(st.data())
def test_running_totals_of_aggregates_are_those_of_all_events(data: st.DataObject) -> None:
    aggregate = st.sampled_from(["count", "sum", "avg", "min", "max", "distinct"])
    written = [
        {"event": "A", "aggregate": data.draw(aggregate), "property": "v", "op": op, "value": value, "within": within}
        for within in ("P1D", "P2D")
        for op, value in data.draw(st.lists(st.tuples(generated.cmps, st.integers(-1, 3)), min_size=2, max_size=3))
    ]
    values = st.sampled_from([0, 1, 2, Decimal("0.5"), -1])
    times = data.draw(st.lists(st.tuples(generated.instants, values), min_size=3, max_size=10))
    events = [Event(at, f"m{n}", "web", "A", {"v": value}) for n, (at, value) in enumerate(times)]
    assert_followed(data, {n: define(parse(c), {}) for n, c in enumerate(written)}, events)


@pytest.mark.parametrize("aggregate", ["count", "sum", "avg", "min", "max", "distinct"])
def test_late_repeats_and_ties_in_a_window_leave_it_when_they_must(aggregate: str) -> None:
    leaf = {"event": "A", "aggregate": aggregate, "property": "v", "within": "P1D"}
    written = [{**leaf, "op": op, "value": value} for op in ("=", ">=", "<") for value in (1, 2, 3)]
    definitions = {n: define(parse(condition), {}) for n, condition in enumerate(written)}
    ruleset = Ruleset.build(definitions)
    for values in product((1, 2), repeat=4):
        events = [
            Event(generated.START + hours * timedelta(hours=1), f"m{hours}", source, "A", {"v": value})
            for value, (hours, source) in zip(values, [(0, "web"), (6, "web"), (6, "pos"), (20, "web")], strict=True)
        ]
        for arriving in permutations(events):
            now = generated.START + timedelta(hours=21)
            followed = Followed(definitions, ProfileFacts(UUID(int=1)), now, ruleset=ruleset)
            for event in arriving:
                followed.does(event, now)
            followed.assert_right_until(now + timedelta(days=1))


@thorough
@given(st.data())
def test_leaves_that_ask_a_property_to_equal_something_are_found_by_its_value(data: st.DataObject) -> None:
    asked = st.sampled_from([1, Decimal("1.0"), "1", "a", True, 2])
    tests = st.one_of(
        asked.map(lambda value: {"op": "=", "value": value}),
        st.lists(asked, max_size=3).map(lambda values: {"op": "in", "value": values}),
    )
    where = st.lists(st.builds(lambda test, path: {"property": path, **test}, tests, st.sampled_from("vw")), max_size=2)
    written = [{"event": "A", "where": data.draw(where), "op": ">=", "value": 1} for _ in range(8)]
    assert_followed(data, {n: define(parse(c), {}) for n, c in enumerate(written)}, data.draw(generated.histories))


@thorough
@given(st.lists(generated.traits, min_size=1, max_size=8), generated.properties)
def test_compiled_comparisons_say_what_the_language_says(written: list[object], traits: dict[str, object]) -> None:
    leaves = {str(n): cast(Trait, parse(each)) for n, each in enumerate(written)}
    for key, test in compiled_traits(leaves).items():
        leaf = leaves[key]
        assert test(traits, NOTHING) is holds(leaf.op, find_all(traits, leaf.path), leaf.value), leaf


def test_what_a_condition_says_is_never_read_as_python() -> None:
    hostile = "\"]) or __import__('os') # \n'"
    written = {
        "event": hostile,
        "where": [{"property": hostile, "op": "=", "value": hostile}, {"each": hostile, "where": []}],
        "op": ">=",
        "value": 1,
    }
    followed = Followed({1: define(parse(written), {})}, ProfileFacts(UUID(int=1)), generated.START)
    followed.does(Event(generated.START, "m1", "web", hostile, {hostile: hostile}), generated.START)
    assert followed.truths == {1: False}
