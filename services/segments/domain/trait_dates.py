"""Dates that are kept in traits."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from services.segments.domain.condition import TraitDate
from services.segments.domain.facts import LifeEventFact
from services.segments.domain.local_time import local_date
from shared.language.paths import find_one

# Also read by PostgreSQL. Of the calendar's first and last year no instants: elsewhere it may be another year.
DATE: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
CLOCK: Final = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
OFFSET: Final = "(?:[Zz]|[+-](?:0[0-9]|1[0-5]):[0-5][0-9])"
INSTANT: Final = f"(?!0001|9999){DATE}[Tt ]{CLOCK}(?:[.][0-9]+)?{OFFSET}"
_DATE, _INSTANT = re.compile(DATE), re.compile(INSTANT)
_SECONDS = len("2026-01-31T12:00:00")


def date_in(traits: Mapping[str, object], path: str, place: ZoneInfo) -> date | None:
    """The date at the path, or the local date of the instant there; None for anything else."""
    found = find_one(traits, path)
    if not isinstance(found, str):
        return None
    try:
        if _DATE.fullmatch(found):
            return date.fromisoformat(found)
        instant = _INSTANT.fullmatch(found)
        return None if instant is None else local_date(_read(found), place)
    except ValueError:  # no such day
        return None


def _read(text: str) -> datetime:
    """Without the fraction of its second, which no date depends on."""
    offset = "+00:00" if text[-1] in "Zz" else text[-6:]
    return datetime.fromisoformat(f"{text[:10]}T{text[11:_SECONDS]}{offset}")


def fact_in(leaf: TraitDate, traits: Mapping[str, object], place: ZoneInfo) -> LifeEventFact | None:
    """As a date in the person's life."""
    found = date_in(traits, leaf.path, place)
    return None if found is None else LifeEventFact("", found, leaf.recurs)
