"""Dates in somebody's life: those that were told, and the birthday that follows from a trait."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from uuid import UUID, uuid5

from shared.schemas.resolved import LifeEvent

BIRTHDAY = "birthday"
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ].*)?\Z", re.DOTALL)


def birthday_id(profile_id: UUID) -> UUID:
    """The id of the life event that follows from the profile's trait: the same for ever."""
    return uuid5(profile_id, BIRTHDAY)


def read_date(value: Any) -> date | None:
    """The day of an ISO date, or of a time as it is written; None for anything else."""
    match = _DATE.match(value) if isinstance(value, str) else None
    if match is None:
        return None
    try:
        return date.fromisoformat(match.group(1))
    except ValueError:
        return None


def all_life_events(profile_id: UUID, told: Iterable[LifeEvent], traits: Mapping[str, Any]) -> tuple[LifeEvent, ...]:
    """What was told, and the birthday by the trait unless just that was told too."""
    events = tuple(told)
    born = read_date(traits.get(BIRTHDAY))
    if born is None or any(_is_birthday(event, born) for event in events):
        return events
    return (*events, LifeEvent(id=birthday_id(profile_id), kind=BIRTHDAY, date=born, recurs="yearly"))


def _is_birthday(event: LifeEvent, born: date) -> bool:
    return (event.kind, event.date, event.subject, event.recurs) == (BIRTHDAY, born, "self", "yearly")
