"""One door to the state of any leaf. `state` is None where no event has mattered."""

from collections.abc import Iterable
from typing import assert_never, cast

from services.segments.domain.condition import Bucket, EventAggregate, Leaf, LifeEvent, Sequence, Spend, Trait
from services.segments.domain.engine import orders, points, steps
from services.segments.domain.engine.verdict import Verdict, earliest
from services.segments.domain.evaluate import bucket_of
from services.segments.domain.facts import EPOCH, MICROSECOND, Event, ProfileFacts
from services.segments.domain.local_time import local_date, next_start, zone_of
from services.segments.domain.occurrences import holds_on, is_meant, turning_days
from services.segments.domain.spending import SPEND_EVENTS
from shared.language.compare import holds
from shared.language.paths import find_all

State = object  # plain JSON, of a shape only the leaf's own module knows


def event_names(leaf: Leaf) -> frozenset[str]:
    """The names of the events that can matter to it."""
    match leaf:
        case EventAggregate():
            return frozenset(leaf.selection.names).union(leaf.minus.selection.names if leaf.minus else ())
        case Sequence():
            return frozenset((*leaf.first.names, *leaf.second.names))
        case Spend():
            return SPEND_EVENTS
        case Trait() | LifeEvent() | Bucket():
            return frozenset()
        case _:
            assert_never(leaf)


def fold(leaf: Leaf, state: State, events: Iterable[Event]) -> State:
    """In any order of time; each event once."""
    match leaf:
        case EventAggregate():
            return points.fold(leaf, cast(points.Points | None, state), events)
        case Sequence():
            return steps.fold(leaf, cast(steps.Steps | None, state), events)
        case Spend():
            return orders.fold(leaf, cast(orders.Orders | None, state), events)
        case Trait() | LifeEvent() | Bucket():
            return None
        case _:
            assert_never(leaf)


def trim(leaf: Leaf, state: State, t: int) -> State:
    """Without what can't matter at `t` or later, whatever events still arrive."""
    match leaf:
        case EventAggregate():
            return points.trim(leaf, cast(points.Points, state), t)
        case Sequence():
            return steps.trim(leaf, cast(steps.Steps, state), t)
        case Spend():
            return orders.trim(leaf, cast(orders.Orders, state), t)
        case Trait() | LifeEvent() | Bucket():
            return None
        case _:
            assert_never(leaf)


def evaluate(leaf: Leaf, state: State, facts: ProfileFacts, t: int) -> Verdict:
    match leaf:
        case EventAggregate():
            return points.evaluate(leaf, cast(points.Points | None, state), t)
        case Sequence():
            return steps.evaluate(leaf, cast(steps.Steps | None, state), t)
        case Spend():
            return orders.evaluate(leaf, cast(orders.Orders | None, state), t)
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
    meant = [fact for fact in facts.life_events if is_meant(leaf, fact)]
    turning = {turn for fact in meant for turn in turning_days(leaf, fact, day)}
    return Verdict(
        any(holds_on(leaf, fact, day) for fact in meant), earliest(next_start(turn, place, after=t) for turn in turning)
    )
