"""Periods of the calendar: when the present one began and when it ends is known for every zone, by the zones that are ours."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from services.segments.domain.condition import Period
from services.segments.domain.facts import instant, micros
from services.segments.domain.local_time import period_at, zone, zone_names
from services.segments.domain.sql.plan import Plan

Span = tuple[datetime | None, datetime | None]


def begins(period: Period, traits: str, plan: Plan) -> str:
    """When the present one began for somebody of these traits."""
    return _by_zone({name: begin for name, (begin, _) in _spans(plan.as_of, period).items()}, traits, plan)


def ends(period: Period, traits: str, plan: Plan) -> str:
    """When it ends; after the last one null."""
    return _by_zone({name: end for name, (_, end) in _spans(plan.as_of, period).items()}, traits, plan)


def _by_zone(instants: Mapping[str, datetime | None], traits: str, plan: Plan) -> str:
    """Looked up and not joined, so that what it costs does not hang on what a planner expects."""
    default = instants[plan.default_zone]
    others = {name: at.isoformat() for name, at in instants.items() if at is not None and at != default}
    found = f"({plan.parameters.add(others, 'jsonb')} ->> ({traits} ->> 'timezone'))::timestamptz"
    return f"coalesce({found}, {plan.parameters.add(default, 'timestamptz')})"


def period_join(period: Period, plan: Plan) -> str:
    """To a source with `lane` and `profile_id`: when the profile's present period began, as `this_day.begins` and so on."""
    return f"""JOIN (
            SELECT lane, profile_id, {begins(period, "traits", plan)} AS begins
            FROM profiles WHERE lane = ANY ($1::smallint[]) OFFSET 0
        ) AS this_{period} USING (lane, profile_id)"""


def before_all(period: Period, plan: Plan) -> datetime | None:
    """An instant after which it begins anywhere; None where there is none."""
    begun = [begin for begin, _ in _spans(plan.as_of, period).values() if begin is not None]
    return instant(micros(min(begun)) - 1)


@lru_cache(maxsize=8)
def _spans(as_of: datetime, period: Period) -> Mapping[str, Span]:
    """By zone."""
    spans = {name: period_at(micros(as_of), period, zone(name)) for name in sorted(zone_names())}
    return {name: (instant(begin), instant(end)) for name, (begin, end) in spans.items()}
