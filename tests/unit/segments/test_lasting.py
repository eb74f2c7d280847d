"""Since when something has been so: all that matters is looked at, once, and nothing else."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from services.segments.domain import past
from services.segments.domain.definition import define
from services.segments.domain.engine.keeper import Kept
from services.segments.domain.evaluate import is_true
from services.segments.domain.facts import NOBODY, TRAITS_CHANGED, Event, ProfileFacts, micros
from services.segments.domain.lasting import true_since
from services.segments.domain.parse import parse
from services.segments.domain.past import Past
from services.segments.domain.rulebase import Rulebase
from services.segments.domain.ruleset import Ruleset
from tests.unit.segments.case import NOON, PROFILE_ID, TICK, days, event

ANN = ProfileFacts(PROFILE_ID)
THEN = {"sequence": [{"event": "A"}, {"event": "B"}], "gap": "P2D", "within": "P3D"}
WINDOWS: list[tuple[Any, float]] = [
    ({"event": "A", "within": "P3D", "op": "=", "value": 1}, 3),
    ({"event": "A", "aggregate": "sum", "property": "v", "within": "P3D", "op": "<", "value": 2}, 3),
    ({"any": [{"event": "B", "within": "P1D", "op": ">=", "value": 1}, {"not": THEN}]}, 5),
    ({**THEN, "sequence": [{"event": "A"}, {"event": "B", "absent": True}]}, 5),
]


class Watched(Ruleset[int]):
    """Says what it has folded."""

    folded: list[Event]

    def refold(self, events: Iterable[Event], t: datetime, facts: ProfileFacts = NOBODY) -> dict[str, Kept]:
        self.folded = list(events)
        return super().refold(self.folded, t, facts)


@pytest.mark.parametrize(("condition", "reach"), WINDOWS)
def test_what_can_no_longer_matter_is_left_alone(condition: Any, reach: float) -> None:
    events = [event(name, days(ago), v=1) for ago in range(20) for name in "AB"]
    [lasting] = Rulebase({1: define(parse({"for": "P7D", "of": condition}), {})}).fors.values()
    ruleset = Watched({0: lasting.definition})
    true_since(ruleset, events, ANN, micros(NOON), lasting)
    assert {NOON - one.timestamp for one in ruleset.folded} == {days(ago) for ago in range(7 + int(reach))}


@pytest.mark.parametrize(("condition", "reach"), WINDOWS)
@pytest.mark.parametrize("nudge", [-TICK, timedelta(0), TICK])
def test_what_still_matters_at_the_edge_is_looked_at(condition: Any, reach: float, nudge: timedelta) -> None:
    definition = define(parse({"for": "P7D", "of": condition}), {})
    for first, second in (("A", "B"), ("B", "A"), ("A", "A")):
        for gap in (0.5, 2, 2.5):
            events = [event(first, days(7 + reach) + nudge, v=1), event(second, days(7 + reach - gap) + nudge, v=1)]
            expected = is_true(definition, events, ANN, NOON)
            assert Ruleset({1: definition}).evaluate({}, ANN, NOON, events).truths == {1: expected}


def lived_through(seed: int) -> tuple[dict[str, object], list[Event], list[tuple[int, dict[str, object]]]]:
    """The traits of now, the changes that led to them, in no order, and the traits of each instant, none at the first."""
    drawn, traits = Random(seed), dict[str, object]()
    changes, then = list[Event](), [(micros(NOON - days(100)), traits)]
    for day in range(30):
        at = NOON - days(60 - day)
        for number in range(drawn.randint(1, 3)):
            after: dict[str, object] = {name: drawn.choice([1, 2, None]) for name in drawn.sample("pqrs", 2)}
            before = {name: traits.get(name) for name in after}
            changes.append(Event(at, f"m{number}", "web", TRAITS_CHANGED, {"before": before, "after": after}))
            traits = {name: value for name, value in (traits | after).items() if value is not None}
        then.append((micros(at), traits))
    drawn.shuffle(changes)
    return traits, changes, then


@pytest.mark.parametrize("seed", range(20))
def test_a_past_is_told_as_it_was_lived(seed: int) -> None:
    traits, changes, then = lived_through(seed)
    known = Past(ProfileFacts(PROFILE_ID, traits), changes)
    for first in range(len(then)):
        assert [(at, facts.traits) for at, facts in known.facts_since(then[first][0])] == then[first:]


def test_each_change_of_traits_is_gone_back_over_once(monkeypatch: pytest.MonkeyPatch) -> None:
    traits, changes, _ = lived_through(1)
    undone, undo = list[Event](), past._undo

    def watched(known: dict[str, object], change: Event) -> dict[str, object]:
        undone.append(change)
        return undo(known, change)

    monkeypatch.setattr(past, "_undo", watched)
    ruleset = Ruleset({1: define(parse({"for": "P90D", "of": {"trait": "p", "op": "exists"}}), {})})
    ruleset.evaluate({}, ProfileFacts(PROFILE_ID, traits), NOON, changes)
    assert len(undone) == len(changes)
