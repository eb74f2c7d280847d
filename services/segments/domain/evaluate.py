"""Whether a condition is true of one profile at an instant, straight from all its events: the reference."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never
from uuid import UUID

from services.segments.domain.binding import bound
from services.segments.domain.condition import (
    All,
    Any,
    Bucket,
    Condition,
    EventAggregate,
    For,
    Leaf,
    LifeEvent,
    Not,
    SegmentRef,
    Selection,
    Sequence,
    Spend,
    Trait,
    TraitDate,
    Window,
)
from services.segments.domain.definition import Definition, closed
from services.segments.domain.facts import EARLIEST, EPOCH, MICROSECOND, Event, ProfileFacts, micros, micros_of
from services.segments.domain.local_time import local_date, zone_of
from services.segments.domain.occurrences import dates_meant, holds_on
from services.segments.domain.past import Past
from services.segments.domain.spending import spend_at
from services.segments.domain.turns import turns
from services.segments.domain.windows import stands
from shared.language.compare import compare, holds, kind_of
from shared.language.exact import Number, add, is_number, multiply, normal, subtract
from shared.language.paths import find_all, find_one
from shared.language.predicates import all_hold, bind


def is_true(definition: Definition, events: Iterable[Event], facts: ProfileFacts, t: datetime) -> bool:
    """`events` are the profile's, each once, in any order; those after `t` have not happened yet."""
    known, definition = list(events), bound(definition, facts.traits)
    happened = [event for event in known if event.timestamp <= t]
    segments: dict[str, bool] = {}

    def holds_now(condition: Condition) -> bool:
        match condition:
            case All(of):
                return all(holds_now(child) for child in of)
            case Any(of):
                return any(holds_now(child) for child in of)
            case Not(child):
                return not holds_now(child)
            case For(length, child):
                return has_been_true(closed(child, definition.segments), known, facts, t, length)
            case SegmentRef(key):
                return segments[key]
            case Trait() | EventAggregate() | Spend() | LifeEvent() | TraitDate() | Sequence() | Bucket():
                return leaf_is_true(condition, happened, facts, t)
            case _:
                assert_never(condition)

    for key, condition in definition.segments.items():
        segments[key] = holds_now(condition)
    return holds_now(definition.condition)


def has_been_true(
    definition: Definition, events: list[Event], facts: ProfileFacts, t: datetime, length: timedelta
) -> bool:
    """At every instant from `t` less the length to `t`, with the traits of then."""
    past, until = Past(facts, events), micros(t)
    since = max(until - micros_of(length), EARLIEST)
    return all(
        is_true(definition, events, past.facts_at(at), EPOCH + at * MICROSECOND)
        for at in (since, *turns(definition, events, past, since, until))
    )


def leaf_is_true(leaf: Leaf, happened: list[Event], facts: ProfileFacts, t: datetime) -> bool:
    """`happened` holds nothing later than `t`."""
    match leaf:
        case Trait(path, op, value):
            return holds(op, find_all(facts.traits, path), value)
        case EventAggregate():
            return aggregate_holds(leaf, in_window(happened, leaf.within, t, facts))
        case Spend():
            return compare(leaf.op, spend_at(leaf, happened, t, facts), leaf.value)
        case LifeEvent() | TraitDate():
            place = zone_of(facts.traits, facts.default_zone)
            day = local_date(t, place)
            return any(holds_on(leaf, fact, day) for fact in dates_meant(leaf, facts, place))
        case Sequence():
            return sequence_holds(leaf, happened, t)
        case Bucket(start, end, salt):
            return start <= bucket_of(salt, facts.id) < end
        case _:
            assert_never(leaf)


def in_window(happened: Iterable[Event], within: Window | None, t: datetime, facts: ProfileFacts) -> list[Event]:
    return [event for event in happened if stands(event.timestamp, within, t, facts)]


def selected(selection: Selection, events: Iterable[Event]) -> list[Event]:
    return [
        event
        for event in events
        if event.name in selection.names and all_hold(selection.where, event.properties, event.context)
    ]


def numbers_of(selection: Selection, path: str, events: Iterable[Event]) -> list[Number]:
    found = (find_one(event.properties, path) for event in selected(selection, events))
    return [value for value in found if is_number(value)]


def total(numbers: Iterable[Number]) -> Number:
    result: Number = 0
    for number in numbers:
        result = add(result, number)
    return result


def distinct_values(selection: Selection, path: str, events: Iterable[Event]) -> set[tuple[str, object]]:
    found = (find_one(event.properties, path) for event in selected(selection, events))
    kinds = ((kind_of(value), normal(value) if is_number(value) else value) for value in found)
    return {(kind, value) for kind, value in kinds if kind is not None}


def aggregate_holds(leaf: EventAggregate, events: list[Event]) -> bool:
    if leaf.aggregate == "count" or leaf.path is None:
        return compare(leaf.op, len(selected(leaf.selection, events)), leaf.value)
    if leaf.aggregate == "distinct":
        return compare(leaf.op, len(distinct_values(leaf.selection, leaf.path, events)), leaf.value)
    numbers = numbers_of(leaf.selection, leaf.path, events)
    if leaf.aggregate == "sum":
        less = total(numbers_of(leaf.minus.selection, leaf.minus.path, events)) if leaf.minus else 0
        return compare(leaf.op, subtract(total(numbers), less), leaf.value)
    if not numbers:
        return False
    if leaf.aggregate == "avg":  # without dividing, which would round
        return compare(leaf.op, total(numbers), multiply(leaf.value, len(numbers)))
    return compare(leaf.op, min(numbers) if leaf.aggregate == "min" else max(numbers), leaf.value)


def sequence_holds(leaf: Sequence, happened: list[Event], t: datetime) -> bool:
    seconds = [event for event in happened if event.name in leaf.second.names]
    for first in selected(leaf.first, happened):
        age, following = t - first.timestamp, followers(leaf, first, seconds)
        if leaf.absent:
            if age >= leaf.gap and (leaf.within is None or age < leaf.within) and not following:
                return True
        elif any(leaf.within is None or t - second.timestamp < leaf.within for second in following):
            return True
    return False


def followers(leaf: Sequence, first: Event, events: Iterable[Event]) -> list[Event]:
    """The second-step events that follow that one in time."""
    near = [e for e in events if e.timestamp > first.timestamp and e.timestamp - first.timestamp <= leaf.gap]
    where = tuple(bind(predicate, "first", first.properties) for predicate in leaf.second.where)
    return selected(replace(leaf.second, where=where), near)


def bucket_of(salt: str, profile_id: UUID) -> int:
    return int.from_bytes(hashlib.sha256(f"{salt}:{profile_id}".encode()).digest(), "big") % 100
