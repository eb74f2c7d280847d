"""One door to all leaves: to the states of those that look at events, and to those that look at the profile alone."""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import assert_never, cast
from zoneinfo import ZoneInfo

from services.segments.domain.condition import (
    Bucket,
    EventAggregate,
    LifeEvent,
    OfEvents,
    OfFacts,
    Sequence,
    Spend,
    Trait,
)
from services.segments.domain.engine import orders, points, steps
from services.segments.domain.engine.verdict import Verdict
from services.segments.domain.evaluate import bucket_of
from services.segments.domain.facts import EPOCH, MICROSECOND, Event, LifeEventFact, ProfileFacts
from services.segments.domain.local_time import local_date, starts_of, zone_of
from services.segments.domain.occurrences import holds_on, is_meant, turning_days
from services.segments.domain.spending import SPEND_EVENTS
from shared.language.compare import holds
from shared.language.paths import find_all

State = object  # plain JSON, of a shape only the leaf's own module knows; None where no event has mattered


def event_names(leaf: OfEvents) -> frozenset[str]:
    """The names of the events that can matter to it."""
    match leaf:
        case EventAggregate():
            return frozenset(leaf.selection.names).union(leaf.minus.selection.names if leaf.minus else ())
        case Sequence():
            return frozenset((*leaf.first.names, *leaf.second.names))
        case Spend():
            return SPEND_EVENTS
        case _:
            assert_never(leaf)


def fold(leaf: OfEvents, state: State, events: Iterable[Event]) -> State:
    """Takes in events in any order of time, each once. The same object if none of them matters."""
    match leaf:
        case EventAggregate():
            return points.fold(leaf, cast(points.Points | None, state), events)
        case Sequence():
            return steps.fold(leaf, cast(steps.Steps | None, state), events)
        case Spend():
            return orders.fold(leaf, cast(orders.Orders | None, state), events)
        case _:
            assert_never(leaf)


def trim(leaf: OfEvents, state: State, t: int) -> State:
    """Without what can't matter at `t` or later, whatever events still arrive."""
    match leaf:
        case EventAggregate():
            return points.trim(leaf, cast(points.Points, state), t)
        case Sequence():
            return steps.trim(leaf, cast(steps.Steps, state), t)
        case Spend():
            return orders.trim(leaf, cast(orders.Orders, state), t)
        case _:
            assert_never(leaf)


def judge_state(leaf: OfEvents, state: State, t: int) -> Verdict:
    match leaf:
        case EventAggregate():
            return points.evaluate(leaf, cast(points.Points | None, state), t)
        case Sequence():
            return steps.evaluate(leaf, cast(steps.Steps | None, state), t)
        case Spend():
            return orders.evaluate(leaf, cast(orders.Orders | None, state), t)
        case _:
            assert_never(leaf)


def judge_facts(leaf: OfFacts, facts: ProfileFacts, t: int) -> Verdict:
    match leaf:
        case LifeEvent():
            return _life_event(leaf, facts, t)
        case Trait(path, op, value):
            return Verdict(holds(op, find_all(facts.traits, path), value))
        case Bucket(start, end, salt):
            return Verdict(start <= bucket_of(salt, facts.id) < end)
        case _:
            assert_never(leaf)


def _life_event(leaf: LifeEvent, facts: ProfileFacts, t: int) -> Verdict:
    place = zone_of(facts.traits, facts.default_zone)
    day = local_date(EPOCH + t * MICROSECOND, place)
    found = [_around(leaf, fact, day, place) for fact in facts.life_events if is_meant(leaf, fact)]
    next_at = min((at for _, turns in found for at in turns if at > t), default=None)
    return Verdict(any(holds for holds, _ in found), next_at)


@lru_cache(maxsize=50_000)
def _around(leaf: LifeEvent, fact: LifeEventFact, day: date, place: ZoneInfo) -> tuple[bool, tuple[int, ...]]:
    """Whether it holds on the local `day`, and the instants around it at which it begins to hold or no longer does."""
    turns = (at for turn in turning_days(leaf, fact, day) for at in starts_of(turn, place))
    return holds_on(leaf, fact, day) is not None, tuple(turns)
