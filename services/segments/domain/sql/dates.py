"""Life events: at one instant the whole world has two or three local dates, so everything but the profile is known."""

from calendar import isleap
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from services.segments.domain.condition import LifeEvent
from services.segments.domain.local_time import local_date, zone, zone_names
from services.segments.domain.sql.parameters import Parameters
from services.segments.domain.sql.plan import Plan

_OCCURRENCES = """SELECT CASE WHEN recurs THEN make_date(year, month, CASE WHEN month = 2 AND day = 29 AND NOT is_leap THEN 28 ELSE day END)
                ELSE date END AS day
    FROM (SELECT (fact.value ->> 'date')::date AS date, coalesce(fact.value ->> 'recurs' = 'yearly', false) AS recurs) AS known,
        LATERAL (SELECT extract(year FROM date)::int AS first_year, extract(month FROM date)::int AS month,
                        extract(day FROM date)::int AS day) AS parts,
        LATERAL generate_series(greatest(first_year, {year} - 2),
                                CASE WHEN recurs THEN greatest(first_year, {year} + 2) + 1
                                     ELSE greatest(first_year, {year} - 2) END) AS year,
        LATERAL (SELECT year % 4 = 0 AND (year % 100 <> 0 OR year % 400 = 0) AS is_leap) AS leap"""
FARTHEST = "interval '14 hours'"  # that a local midnight lies from that of UTC, at most


def life_event_due(leaf: LifeEvent, plan: Plan) -> str:
    """The first instant at which it may turn anywhere in the world: up to a day before it does where the profile is."""
    add = plan.parameters.add
    as_of = add(plan.as_of, "timestamptz")
    occurrences = _OCCURRENCES.format(year=add(plan.as_of.year, "int"))
    turns = (
        f"(VALUES (occurrence.day + {add(leaf.first_day, 'int')}), (occurrence.day + {add(leaf.last_day + 1, 'int')}))"
    )
    return f"""(SELECT min(greatest(turn.day::timestamp AT TIME ZONE 'UTC' - {FARTHEST}, {as_of}))
        FROM jsonb_array_elements(profile.life_events) AS fact, LATERAL ({occurrences}) AS occurrence,
            LATERAL {turns} AS turn (day)
        WHERE {_is_meant(leaf, plan)} AND turn.day <= date '9999-12-30'
          AND turn.day::timestamp AT TIME ZONE 'UTC' + {FARTHEST} > {as_of})"""


def _is_meant(leaf: LifeEvent, plan: Plan) -> str:
    kind = f"fact.value ->> 'kind' = {plan.parameters.add(leaf.kind, 'text')}"
    if leaf.subject is None:
        return kind
    return f"{kind} AND fact.value ->> 'subject' = {plan.parameters.add(leaf.subject, 'text')}"


def life_event_holds(leaf: LifeEvent, plan: Plan) -> str:
    parameters = plan.parameters
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
        WHERE {_is_meant(leaf, plan)} AND {holds})"""


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
