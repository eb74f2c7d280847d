"""Local dates of people: which one it is at an instant, the instants at which one begins, and the periods they make up."""

from collections.abc import Mapping
from datetime import MINYEAR, date, datetime, time, timedelta
from functools import cache, lru_cache
from importlib import resources
from typing import Final, assert_never
from zoneinfo import ZoneInfo

from services.segments.domain.condition import Period
from services.segments.domain.facts import EARLIEST, EPOCH, LATEST, MICROSECOND, micros

MOST_DAYS: Final[dict[Period, int]] = {"day": 1, "week": 7, "month": 31, "year": 366}
_SECOND = 1_000_000


@cache
def zone_names() -> frozenset[str]:
    """Exact IANA names, of the packaged database: the machine's own may lag behind or hold names of its own."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


@cache
def zone(name: str) -> ZoneInfo:
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


def zone_of(traits: Mapping[str, object], default_zone: str) -> ZoneInfo:
    name = traits.get("timezone")
    return zone(name if isinstance(name, str) and name in zone_names() else default_zone)


def local_date(at: datetime, place: ZoneInfo) -> date:
    try:
        return at.astimezone(place).date()
    except OverflowError:  # within a day of the first or the last instant a datetime can hold
        return at.date()


@lru_cache(maxsize=10_000)
def starts_of(day: date, place: ZoneInfo) -> tuple[int, ...]:
    """The instants, in microseconds, at which the local date passes from before `day` to it or later, or back.

    One where local midnight exists once. Where clocks are set forward over it, the instant they are. Where they are
    set back over it the date begins, may end again as the clocks change, and begins once more: all three.
    """
    midnight = datetime.combine(day, time(), place)
    try:
        earlier, later = (micros(midnight.replace(fold=fold).astimezone(EPOCH.tzinfo)) for fold in (0, 1))
    except OverflowError:
        return ()
    if earlier == later:
        return (earlier,)
    changed = _offset_change(min(earlier, later) - _SECOND, max(earlier, later), place)
    return (changed,) if later < earlier else tuple(sorted({earlier, changed, later}))


def _offset_change(before: int, after: int, place: ZoneInfo) -> int:
    """The first whole second in (before, after] with another offset than `before`, found by bisection."""
    old = _offset(before, place)
    while after - before > _SECOND:
        middle = before + (after - before) // (2 * _SECOND) * _SECOND
        if _offset(middle, place) == old:
            before = middle
        else:
            after = middle
    return after


def _offset(at: int, place: ZoneInfo) -> timedelta | None:
    return (EPOCH + at * MICROSECOND).astimezone(place).utcoffset()


@lru_cache(maxsize=10_000)
def period_at(at: int, period: Period, place: ZoneInfo) -> tuple[int, int]:
    """The instants at which the period that `at` lies in begins, and at which the next one does, which it lies before.

    One begins when the local date is first in it or later, so that none comes again where clocks are set back, and what is before
    the first or after the last date there is belongs to a period, too.
    """
    first = _first_day(local_date(EPOCH + at * MICROSECOND, place), period)
    begin, (following, end) = _begin(first, place), _next(first, period, place)
    if at < begin:
        return EARLIEST, begin
    while following is not None and end <= at:  # the date is one of before it
        begin, (following, end) = end, _next(following, period, place)
    return begin, end


def _first_day(day: date, period: Period) -> date:
    match period:
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "year":
            return day.replace(month=1, day=1)
        case _:
            assert_never(period)


def _next(first: date, period: Period, place: ZoneInfo) -> tuple[date | None, int]:
    """The first day of the next period, and when that begins; after the last one never."""
    try:
        following = _first_day(first + timedelta(days=MOST_DAYS[period]), period)
    except OverflowError:
        return None, LATEST + 1
    return following, _begin(following, place)


def _begin(day: date, place: ZoneInfo) -> int:
    starts = starts_of(day, place)
    return starts[0] if starts else EARLIEST if day.year == MINYEAR else LATEST + 1
