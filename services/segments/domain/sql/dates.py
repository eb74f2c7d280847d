"""Dates of life events and traits: at one instant the whole world has two or three local dates, so everything but the profile is known."""

from calendar import isleap
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from services.segments.domain.condition import LifeEvent, TraitDate
from services.segments.domain.local_time import local_date, zone, zone_names
from services.segments.domain.sql.parameters import Parameters
from services.segments.domain.sql.plan import Plan
from services.segments.domain.sql.values import one_at
from services.segments.domain.trait_dates import INSTANT, OFFSET

_OCCURRENCES = """SELECT CASE WHEN recurs THEN make_date(year, month, CASE WHEN month = 2 AND day = 29 AND NOT is_leap THEN 28 ELSE day END)
                ELSE date END AS day
    FROM (SELECT (fact.value ->> 'date')::date AS date, coalesce(fact.value ->> 'recurs' = 'yearly', false) AS recurs) AS known,
        LATERAL (SELECT extract(year FROM date)::int AS first_year, extract(month FROM date)::int AS month,
                        extract(day FROM date)::int AS day) AS parts,
        LATERAL generate_series(greatest(first_year, {year} - 2),
                                CASE WHEN recurs THEN greatest(first_year, {year} + 2) + 1
                                     ELSE greatest(first_year, {year} - 2) END) AS year,
        LATERAL (SELECT year % 4 = 0 AND (year % 100 <> 0 OR year % 400 = 0) AS is_leap) AS leap"""
# A text that begins with a day there is.
_DAY = (
    "^(?!0000)(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    "|02-(?:0[1-9]|1[0-9]|2[0-8]))|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)"
)
FARTHEST = "interval '14 hours'"  # that a local midnight lies from that of UTC, at most


def life_event_due(leaf: LifeEvent | TraitDate, plan: Plan) -> str:
    """The first instant at which it may turn anywhere in the world: up to a day before it does where the profile is."""
    add = plan.parameters.add
    as_of = add(plan.as_of, "timestamptz")
    occurrences = _OCCURRENCES.format(year=add(plan.as_of.year, "int"))
    turns = (
        f"(VALUES (occurrence.day + {add(leaf.first_day, 'int')}), (occurrence.day + {add(leaf.last_day + 1, 'int')}))"
    )
    return f"""(SELECT min(greatest(turn.day::timestamp AT TIME ZONE 'UTC' - {FARTHEST}, {as_of}))
        FROM {_facts(leaf, plan)} AS fact, LATERAL ({occurrences}) AS occurrence,
            LATERAL {turns} AS turn (day)
        WHERE turn.day <= date '9999-12-30'
          AND turn.day::timestamp AT TIME ZONE 'UTC' + {FARTHEST} > {as_of})"""


def _facts(leaf: LifeEvent | TraitDate, plan: Plan) -> str:
    """The dates that the leaf looks at, each a `value` as life events have it."""
    if isinstance(leaf, TraitDate):
        return _days_it_may_be(leaf, plan)
    meant = f"value ->> 'kind' = {plan.parameters.add(leaf.kind, 'text')}"
    if leaf.subject is not None:
        meant += f" AND value ->> 'subject' = {plan.parameters.add(leaf.subject, 'text')}"
    return f"(SELECT value FROM jsonb_array_elements(profile.life_events) WHERE {meant} OFFSET 0)"


def _days_it_may_be(leaf: TraitDate, plan: Plan) -> str:
    """Of an instant the date in UTC, the day before and the day after: it is another one elsewhere. CASE, for AND promises
    no order: a cast of anything else would fail."""
    add = plan.parameters.add
    found = f"({one_at('profile.traits', leaf.path, plan.parameters)})"
    text = f"({found} #>> '{{}}')"
    at = f"(substr({text}, 1, 19) || substring({text} FROM {add(f'{OFFSET}$', 'text')}))::timestamptz"
    day = f"""CASE WHEN jsonb_typeof({found}) = 'string' AND {text} ~ {add(_DAY, "text")} THEN
        CASE WHEN length({text}) = 10 THEN {text}::date
             WHEN {text} ~ {add(f"^{INSTANT}$", "text")} THEN ({at} AT TIME ZONE 'UTC')::date END END"""
    value = f"jsonb_build_object('date', to_char(day + near, 'YYYY-MM-DD'), 'recurs', {add(leaf.recurs, 'text')})"
    return f"""(SELECT {value} AS value
        FROM (SELECT {day} AS day, CASE WHEN length({text}) > 10 THEN 1 ELSE 0 END AS apart OFFSET 0) AS kept,
             generate_series(-apart, apart) AS near
        WHERE day IS NOT NULL)"""


def life_event_holds(leaf: LifeEvent | TraitDate, plan: Plan) -> str:
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
    if isinstance(leaf, LifeEvent):
        return f"EXISTS (SELECT FROM {_facts(leaf, plan)} AS fact WHERE {holds})"
    plan.doubts = True  # not by the zones that the database knows: they may be of another time
    return f"""SELECT CASE WHEN bool_or(holds) IS NOT true THEN false WHEN bool_and(holds) THEN true END
        FROM (SELECT {holds} AS holds FROM {_facts(leaf, plan)} AS fact) AS day"""


def _days(as_of: datetime) -> dict[date, list[str]]:
    found: dict[date, list[str]] = {}
    for name in sorted(zone_names()):
        found.setdefault(local_date(as_of, zone(name)), []).append(name)
    return found


def _on(leaf: LifeEvent | TraitDate, day: date, parameters: Parameters) -> str:
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
