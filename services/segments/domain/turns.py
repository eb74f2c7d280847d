"""Every instant at which a condition may turn, straight from all that is known; between two of them it stays as it is."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import assert_never

from services.segments.domain.condition import (
    Bucket,
    EventAggregate,
    Leaf,
    LifeEvent,
    SegmentRef,
    Sequence,
    Spend,
    Trait,
    TraitDate,
    leaves,
)
from services.segments.domain.definition import Definition
from services.segments.domain.facts import EPOCH, MICROSECOND, Event, ProfileFacts, micros, micros_of
from services.segments.domain.local_time import local_date, period_at, starts_of, zone_of
from services.segments.domain.occurrences import dates_meant, turning_days
from services.segments.domain.past import Past


def turns(definition: Definition, events: Iterable[Event], past: Past, since: int, until: int) -> list[int]:
    """Those later than `since` and up to `until`, in order; some at which nothing turns are among them."""
    marks = {micros(event.timestamp) for event in events}
    known = [past.facts_at(at) for at in (since, *past.instants)]
    found = marks | set(past.instants)
    for condition in (*definition.segments.values(), definition.condition):
        for leaf in leaves(condition):
            if not isinstance(leaf, SegmentRef):
                found |= {mark + micros_of(length) for length in _lengths(leaf) for mark in marks}
                found |= {at for facts in known for at in _midnights(leaf, facts, since, until)}
                found |= {at for facts in known for at in _ends(leaf, facts, marks)}
    return sorted(at for at in found if since < at <= until)


def _lengths(leaf: Leaf) -> list[timedelta]:
    match leaf:
        case EventAggregate(within=within) | Spend(within=within):
            return [within] if isinstance(within, timedelta) else []
        case Sequence(gap=gap, within=within):
            return [gap] if within is None else [gap, within]
        case Trait() | LifeEvent() | TraitDate() | Bucket():
            return []
        case _:
            assert_never(leaf)


def _ends(leaf: Leaf, facts: ProfileFacts, marks: Iterable[int]) -> Iterator[int]:
    """Of the periods in which something happened."""
    if isinstance(leaf, EventAggregate | Spend) and isinstance(leaf.within, str):
        place = zone_of(facts.traits, facts.default_zone)
        for mark in marks:
            yield period_at(mark, leaf.within, place)[1]


def _midnights(leaf: Leaf, facts: ProfileFacts, since: int, until: int) -> Iterator[int]:
    if not isinstance(leaf, LifeEvent | TraitDate):
        return
    place = zone_of(facts.traits, facts.default_zone)
    first, last = (local_date(EPOCH + at * MICROSECOND, place) for at in (since, until))
    for fact in dates_meant(leaf, facts, place):
        for year in range(first.year, last.year + 1):
            for day in turning_days(leaf, fact, date(year, 7, 1)):
                yield from starts_of(day, place)
