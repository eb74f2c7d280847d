"""Life events: at one instant the whole world has two or three local dates, so everything but the profile is known."""

from calendar import isleap
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from services.segments.domain.condition import LifeEvent
from services.segments.domain.local_time import local_date, zone, zone_names
from services.segments.domain.sql.parameters import Parameters
from services.segments.domain.sql.plan import Plan


def life_event_holds(leaf: LifeEvent, plan: Plan) -> str:
    parameters = plan.parameters
    kind = f"fact.value ->> 'kind' = {parameters.add(leaf.kind, 'text')}"
    subject = "true"
    if leaf.subject is not None:
        subject = f"fact.value ->> 'subject' = {parameters.add(leaf.subject, 'text')}"
    days = _days(plan.as_of)
    default = local_date(plan.as_of, zone(plan.default_zone))
    cases = " ".join(
        f"WHEN profile.traits -> 'timezone' = ANY ({parameters.add(names, 'jsonb[]')}) THEN {_on(leaf, day, parameters)}"
        for day, names in days.items()
        if day != default
    )
    known = parameters.add([name for day, names in days.items() if day != default for name in names], "jsonb[]")
    elsewhere = f"coalesce(profile.traits -> 'timezone' = ANY ({known}), false)"
    holds = f"CASE WHEN NOT {elsewhere} THEN {_on(leaf, default, parameters)} {cases} END"
    return f"""EXISTS (SELECT FROM jsonb_array_elements(profile.life_events) AS fact
        WHERE {kind} AND {subject} AND {holds})"""


def _days(as_of: datetime) -> dict[date, list[str]]:
    found: dict[date, list[str]] = {}
    for name in sorted(zone_names()):
        found.setdefault(local_date(as_of, zone(name)), []).append(name)
    return found


def _on(leaf: LifeEvent, day: date, parameters: Parameters) -> str:
    """Whether the life event `fact` has an occurrence by which the condition holds on that date."""
    first, last = _moved(day, -leaf.last_day), _moved(day, -leaf.first_day)
    on = "(fact.value ->> 'date') COLLATE \"C\""
    once = _between(on, first.isoformat(), last.isoformat(), parameters)
    yearly = " OR ".join(_in_year(year, start, end, parameters) for year, start, end in _by_year(first, last))
    return f"CASE WHEN fact.value ->> 'recurs' = 'yearly' THEN {yearly} ELSE {once} END"


def _by_year(first: date, last: date) -> Iterator[tuple[int, date, date]]:
    for year in range(first.year, last.year + 1):
        yield year, max(first, date(year, 1, 1)), min(last, date(year, 12, 31))


def _in_year(year: int, first: date, last: date, parameters: Parameters) -> str:
    """By month and day as text: 29 February occurs on 28 February in other years."""
    month_day = "substr(fact.value ->> 'date', 6) COLLATE \"C\""
    if not isleap(year):
        month_day = f"CASE {month_day} WHEN '02-29' THEN '02-28' ELSE {month_day} END"
    begun = f"substr(fact.value ->> 'date', 1, 4) COLLATE \"C\" <= {parameters.add(f'{year:04}', 'text')}"
    return f"({begun} AND {_between(month_day, first.isoformat()[5:], last.isoformat()[5:], parameters)})"


def _between(text: str, first: str, last: str, parameters: Parameters) -> str:
    return f"{text} BETWEEN {parameters.add(first, 'text')} AND {parameters.add(last, 'text')}"


def _moved(day: date, days: int) -> date:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return date.min if days < 0 else date.max
