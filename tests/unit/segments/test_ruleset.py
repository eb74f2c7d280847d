"""Many versions as one: shared leaves, what touches them, and states as they are stored."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from services.segments.domain.definition import Definition, define
from services.segments.domain.facts import Event, ProfileFacts
from services.segments.domain.parse import parse
from services.segments.domain.ruleset import MOST_ALONE, Ruleset
from shared.plumbing import json
from tests.unit.segments.settled import settled

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
FACTS = ProfileFacts(UUID(int=1))
COUNT = {"event": "A", "within": "P7D", "op": ">=", "value": 2}
SPEND = {"spend": "total", "op": ">", "value": 10}
BIRTHDAY = {"life_event": "birthday", "from": "P0D", "until": "P0D"}


def definition(written: object, **segments: object) -> Definition:
    return define(parse(written), {key: parse(condition) for key, condition in segments.items()})


def test_equal_leaves_of_different_versions_have_one_state() -> None:
    ruleset = Ruleset.build(
        {
            1: definition({"any": [COUNT, SPEND]}),
            2: definition({"not": {**COUNT, "within": "P1W"}}),
            3: definition({"segment": "x"}, x=COUNT),
        }
    )
    states = ruleset.fold({}, [Event(T0, "m", "web", "A")])
    assert len(states) == 1
    assert ruleset.touched_by_event("A") == {1, 2, 3}
    assert ruleset.touched_by_event("Order Completed") == {1}
    assert ruleset.touched_by_event("Completed Order") == {1}
    assert ruleset.touched_by_event("B") == frozenset()
    assert ruleset.versions == {1, 2, 3}


def test_traits_touch_by_their_top_level_key() -> None:
    ruleset = Ruleset.build(
        {1: definition({"trait": "a.b.c", "op": "exists"}), 2: definition(BIRTHDAY), 3: definition(COUNT)}
    )
    assert ruleset.touched_by_trait("a") == ruleset.touched_by_trait("a.b.c") == {1}
    assert ruleset.touched_by_trait("a.b") == frozenset()
    assert ruleset.touched_by_trait("timezone") == ruleset.touched_by_life_events() == {2}


def test_events_that_matter_to_no_leaf_leave_no_state() -> None:
    filtered = {**COUNT, "where": [{"property": "x", "op": "exists"}]}
    ruleset = Ruleset.build({1: definition(filtered), 2: definition(SPEND)})
    events = [
        Event(T0, "1", "web", "A"),
        Event(T0, "2", "web", "C"),
        Event(T0, "3", "web", "Order Updated", {"total": 1}),
    ]
    assert ruleset.fold({}, events) == {}


def test_folding_changes_no_state_in_place() -> None:
    ruleset = Ruleset.build({1: definition({"all": [COUNT, SPEND]})})
    order = {"order_id": "1", "total": 1}
    before = ruleset.fold({}, [Event(T0, "1", "web", "A"), Event(T0, "2", "web", "Order Completed", order)])
    kept = json.dumps(before)
    after = ruleset.fold(before, [Event(T0, "3", "web", "A"), Event(T0, "4", "web", "Order Completed", order)])
    assert json.dumps(before) == kept
    assert after != before


def test_states_survive_being_stored_as_json() -> None:
    ruleset = Ruleset.build(
        {
            1: definition(SPEND),
            2: definition({"event": "A", "aggregate": "distinct", "property": "p", "op": ">", "value": 1}),
            3: definition({"event": "A", "aggregate": "sum", "property": "p", "op": "=", "value": Decimal("1E-100")}),
            4: definition({"sequence": [{"event": "A"}, {"event": "A"}], "gap": "P1D"}),
        }
    )
    values = [Decimal("1E+100"), Decimal("1E-100"), Decimal("-1E+100"), True, "1", 1, -1]
    events = [
        *(Event(T0 + timedelta(hours=n), f"m{n}", "web", "A", {"p": value}) for n, value in enumerate(values)),
        Event(T0, "o", "web", "Order Completed", {"order_id": "1", "total": Decimal("10.01")}),
    ]
    states = ruleset.fold({}, events[4:])
    for at in (T0, T0 + timedelta(days=1)):
        states = json.loads(json.dumps(ruleset.trim(ruleset.fold(states, events[:4] if at == T0 else ()), at)))
    assert settled(ruleset, states, T0 + timedelta(days=1)) == settled(
        ruleset, ruleset.fold({}, events), T0 + timedelta(days=1)
    )
    assert ruleset.evaluate(states, FACTS, T0 + timedelta(days=1)).truths == dict.fromkeys((1, 2, 3, 4), True)


def test_trimming_forgets_leaves_of_no_version() -> None:
    ruleset = Ruleset.build({1: definition(COUNT)})
    states = ruleset.fold({}, [Event(T0, "m", "web", "A")])
    assert ruleset.trim({**states, "gone": [True, None, None, []]}, T0).keys() == states.keys()
    assert ruleset.trim(states, T0 + timedelta(days=7)) == {}


def test_traits_that_change_in_ever_other_company_leave_nothing_behind() -> None:
    paths = [f"trait{n}" for n in range(9)]
    at_home = [{"property": "at", "op": "=", "value_of": {"trait": path}} for path in paths]
    ruleset = Ruleset.build(
        {n: definition({"event": "A", "where": [one], "op": ">=", "value": 1}) for n, one in enumerate(at_home)}
    )
    events, known = [Event(T0, "m", "web", "A", {"at": "home"})], FACTS
    standing = ruleset.stand(ruleset.refold(events, T0, known), known, T0, events)
    companies = list(range(2 ** len(paths)))
    random.Random(1).shuffle(companies)
    for company in companies:
        home = {n for n in range(len(paths)) if company >> n & 1}
        facts = ProfileFacts(FACTS.id, {paths[n]: "home" for n in home})
        ruleset.recall(standing, facts, T0, events, ruleset.changed_by_facts(known, facts))
        assert {n for n, truth in ruleset.judge(standing, facts, T0).items() if truth} == home
        known = facts
    assert len(ruleset._inner) <= MOST_ALONE < len(companies)


def test_segments_that_double_at_every_step_are_judged_once_each() -> None:
    segments: dict[str, object] = {"s0": COUNT}
    for n in range(1, 200):
        segments[f"s{n}"] = {"all": [{"segment": f"s{n - 1}"}, {"segment": f"s{n - 1}"}]}
    ruleset = Ruleset.build({1: definition({"segment": "s199"}, **segments)})
    states = ruleset.fold({}, [Event(T0, f"m{n}", "web", "A") for n in range(2)])
    assert ruleset.evaluate(states, FACTS, T0).truths == {1: True}
