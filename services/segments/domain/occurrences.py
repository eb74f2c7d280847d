"""When a date in somebody's life occurs, and on which days a condition on it holds."""

from calendar import isleap
from collections.abc import Iterator
from datetime import MAXYEAR, MINYEAR, date, timedelta
from zoneinfo import ZoneInfo

from services.segments.domain.condition import LifeEvent, TraitDate
from services.segments.domain.facts import LifeEventFact, ProfileFacts
from services.segments.domain.trait_dates import fact_in


def is_meant(leaf: LifeEvent, fact: LifeEventFact) -> bool:
    return fact.kind == leaf.kind and (leaf.subject is None or fact.subject == leaf.subject)


def dates_meant(leaf: LifeEvent | TraitDate, facts: ProfileFacts, place: ZoneInfo) -> list[LifeEventFact]:
    """The dates that the leaf looks at."""
    if isinstance(leaf, LifeEvent):
        return [fact for fact in facts.life_events if is_meant(leaf, fact)]
    fact = fact_in(leaf, facts.traits, place)
    return [] if fact is None else [fact]


def occurrence_in(year: int, fact: LifeEventFact) -> date:
    """29 February occurs on 28 February in other years."""
    if fact.date.month == 2 and fact.date.day == 29 and not isleap(year):
        return date(year, 2, 28)
    return fact.date.replace(year=year)


def occurrences_around(fact: LifeEventFact, day: date) -> Iterator[date]:
    """From the last that can still hold on the day to the first that can't yet, days reaching 366 either way."""
    if fact.recurs is None:
        yield fact.date
        return
    first, last = max(fact.date.year, day.year - 2), max(fact.date.year, day.year + 2) + 1
    for year in range(max(first, MINYEAR), min(last, MAXYEAR) + 1):
        yield occurrence_in(year, fact)


def holds_on(leaf: LifeEvent | TraitDate, fact: LifeEventFact, day: date) -> date | None:
    """The occurrence of a date that is meant by which the condition holds on the local date, if one does."""
    for occurrence in occurrences_around(fact, day):
        if leaf.first_day <= (day - occurrence).days <= leaf.last_day:
            return occurrence
    return None


def turning_days(leaf: LifeEvent | TraitDate, fact: LifeEventFact, day: date) -> Iterator[date]:
    """The days around `day` on which the condition begins to hold or no longer holds."""
    for occurrence in occurrences_around(fact, day):
        for days in (leaf.first_day, leaf.last_day + 1):
            try:
                yield occurrence + timedelta(days=days)
            except OverflowError:  # before the year 1 or after 9999
                continue
