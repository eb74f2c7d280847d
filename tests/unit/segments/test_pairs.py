"""Second steps that are compared with the first, in whatever order they arrive."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.segments.domain.definition import define
from services.segments.domain.engine import pairs, steps
from services.segments.domain.engine.leaf import keeper_of
from services.segments.domain.evaluate import is_true
from services.segments.domain.explain import MOST_SHOWN, explain
from services.segments.domain.facts import Event, ProfileFacts
from services.segments.domain.parse import parse
from services.segments.domain.ruleset import Ruleset
from services.segments.domain.standing import Standing
from tests.unit.segments import generated, lively
from tests.unit.segments.settled import settled
from tests.unit.segments.test_incremental import Followed
from tests.unit.segments.test_sql import Profile, Run, connection, members, run

__all__ = ["connection", "run"]

HOUR = timedelta(hours=1)
START = generated.START
FACTS = ProfileFacts(UUID(int=1))
BOUGHT_IT = {"each": "products", "where": [{"property": "id", "op": "=", "value_of": {"first": "id"}}]}


def written(*, absent: bool, within: str | None) -> dict[str, object]:
    second = {"event": "Bought", "where": [BOUGHT_IT], "absent": absent}
    return {"sequence": [{"event": "Viewed"}, second], "gap": "P1D", **({} if within is None else {"within": within})}


DEFINITIONS = {
    number: define(parse(written(absent=absent, within=within)), {})
    for number, (absent, within) in enumerate(
        [(absent, within) for absent in (True, False) for within in (None, "P2D", "PT12H")]
    )
}


def viewed(hours: float, product: object) -> Event:
    return Event(START + hours * HOUR, f"v{hours}-{product}", "web", "Viewed", {"id": product})


def bought(hours: float, *products: object) -> Event:
    listed = [{"id": product} for product in products]
    return Event(START + hours * HOUR, f"b{hours}-{products}", "web", "Bought", {"products": listed})


@pytest.mark.parametrize(
    "events",
    [
        [viewed(0, 1), viewed(1, 2), bought(20, 2, 3), bought(30, 1)],
        [viewed(0, "a"), viewed(0, "b"), bought(24, "a"), bought(24, "b")],
        [viewed(0, 1), bought(24, Decimal("1.0")), viewed(30, Decimal("1.00")), bought(54.001, 1)],
        [viewed(0, 1), bought(0, 1), viewed(50, True), bought(60, 1)],
        [viewed(3, 1), viewed(40, None), bought(41), bought(72, 1, None)],
        [bought(1, 9), viewed(32, 1), bought(36, 1), bought(37, 2)],
        [viewed(1, 9), viewed(32, 1), viewed(33, 2), bought(36, 1)],
    ],
)
@pytest.mark.parametrize("looked_at", [START + 10 * HOUR, START + 42 * HOUR, START + 200 * HOUR])
def test_late_early_and_future_steps_come_to_the_same(events: list[Event], looked_at: datetime) -> None:
    ruleset = Ruleset.build(DEFINITIONS)
    for arriving in permutations(events):
        followed = Followed(DEFINITIONS, FACTS, looked_at, ruleset=ruleset)
        for event in arriving:
            followed.does(event, looked_at)
            followed.is_stored()
        followed.assert_right_until(looked_at + 200 * HOUR)


def test_the_same_step_twice_is_kept_once() -> None:
    ruleset = Ruleset.build(DEFINITIONS)
    once = [viewed(0, 1), viewed(1, 2), bought(2, 3)]
    again = [Event(e.timestamp, f"again-{e.message_id}", "pos", e.name, e.properties) for e in once]
    as_decimal = [viewed(0, Decimal("1.0")), bought(2, Decimal("3.00"))]
    other = [viewed(0, True), viewed(0, "1")]
    assert ruleset.refold([*once, *again, *as_decimal], START) == ruleset.refold(once, START)
    assert repr(ruleset.refold([*once, *other], START)) == repr(ruleset.refold([*other, *once], START))
    assert ruleset.refold([*once, *other], START) != ruleset.refold(once, START)


def test_what_can_not_matter_any_more_is_forgotten() -> None:
    ruleset = Ruleset.build({n: DEFINITIONS[n] for n in (1, 4)})
    states = ruleset.refold([viewed(0, 1), viewed(1, 2), bought(2, 1), bought(30, 9)], START + 30 * HOUR)
    assert len(states) == 2
    assert ruleset.trim(states, START + 31 * HOUR + timedelta(days=3)) == {}
    [kept] = (
        Ruleset.build({3: DEFINITIONS[3]})
        .refold([viewed(0, 1), viewed(1, 2), bought(2, 1)], START + 30 * HOUR)
        .values()
    )
    assert kept == [True, None, None, None, None, None, None, None]


def test_plain_sequences_are_kept_as_plain_ones() -> None:
    plain: Any = parse({"sequence": [{"event": "A"}, {"event": "B"}], "gap": "P1D"})
    compared: Any = parse(written(absent=False, within=None))
    assert type(keeper_of("x", plain, {})) is steps.Completed
    assert type(keeper_of("x", compared, {})) is pairs.Completed


class Asked(str):
    """A text that counts how often one is compared."""

    times = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Asked.times += 1
        return str.__eq__(self, other)

    def __lt__(self, other: str) -> bool:
        Asked.times += 1
        return str.__lt__(self, other)

    def __ge__(self, other: str) -> bool:
        Asked.times += 1
        return str.__ge__(self, other)


@pytest.mark.parametrize("op", ["=", "<", ">="])
@pytest.mark.parametrize("absent", [False, True])
def test_many_products_are_not_compared_with_each_of_many_views(op: str, absent: bool) -> None:
    each = {"each": "items", "where": [{"property": "id", "op": op, "value_of": {"first": "id"}}]}
    written = {"sequence": [{"event": "A"}, {"event": "B", "absent": absent, "where": [each]}], "gap": "P1D"}
    definition, second = define(parse(written), {}), timedelta(seconds=1)
    views = [Event(START + n * second, f"m{n}", "web", "A", {"id": Asked(f"b{n}")}) for n in range(400)]
    ids = [{"id": Asked(f"{'c' if op == '<' else 'a'}{n}")} for n in range(300)]
    order = Event(START + 400 * second, "o", "web", "B", {"items": ids})
    ruleset, standing = Ruleset.build({1: definition}), Standing({}, {})
    Asked.times = 0
    for event in (*views, order):
        ruleset.take(standing, event, order.timestamp, FACTS)
    assert Asked.times < 5 * (400 + 300)
    explain(definition, [*views, order], FACTS, order.timestamp + timedelta(hours=1))
    assert Asked.times < 2 * MOST_SHOWN * 300


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_the_query_the_states_and_the_reference_agree(connection: Any, run: Run, data: st.DataObject) -> None:
    definitions = {n: define(parse(data.draw(lively.pairs)), {}) for n in range(6)}
    drawn = data.draw(st.lists(st.tuples(generated.facts, lively.paired), min_size=3, max_size=3))
    profiles: list[Profile] = [
        (ProfileFacts(UUID(int=lane), facts.traits, facts.life_events), events)
        for lane, (facts, events) in enumerate(drawn)
    ]
    as_of = data.draw(generated.instants)
    lanes = list(range(len(profiles)))
    answers: Sequence[set[int]] = run(
        members(connection, profiles, [(lanes, definition, as_of, "UTC") for definition in definitions.values()])
    )
    ruleset = Ruleset.build(definitions)
    for lane, (facts, events) in enumerate(profiles):
        expected = {n: is_true(definition, events, facts, as_of) for n, definition in definitions.items()}
        assert {n: lane in found for n, found in enumerate(answers)} == expected
        states = ruleset.refold(events, as_of, facts)
        assert ruleset.evaluate(states, facts, as_of, events).truths == expected
        assert settled(ruleset, states, as_of) == states
