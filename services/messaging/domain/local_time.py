"""The time of day where people are: quiet hours, contact windows, and when neither stands in the way."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HORIZON = 16  # days: a week repeats; twice, since clocks going forward may swallow a window of one of them
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
EARLIEST = timedelta(hours=14)  # the offset of the zones that are ahead of all others


@cache
def zone_names() -> frozenset[str]:
    """Exact IANA names, of the packaged database: the machine's own may lag behind or hold names of its own."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


@cache
def zone(name: str) -> ZoneInfo:
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


def zone_of(traits: Mapping[str, object], default: str) -> ZoneInfo:
    """The zone of trait `timezone` if that is an exact IANA name, else the deployment's."""
    name = traits.get("timezone")
    return zone(name if isinstance(name, str) and name in zone_names() else default)


@dataclass(frozen=True, slots=True)
class Span:
    """From a local time up to another, exclusive; one that ends no later than it begins ends on the next day.

    `days`: the weekdays (0 is Monday) on which it begins.
    """

    start: time
    end: time
    days: frozenset[int] = frozenset(range(7))

    def covers(self, local: datetime) -> bool:
        now = local.time()
        today, yesterday = local.weekday() in self.days, (local.weekday() - 1) % 7 in self.days
        if self.start < self.end:
            return today and self.start <= now < self.end
        return (today and now >= self.start) or (yesterday and now < self.end)


@dataclass(frozen=True, slots=True)
class Held:
    """Something stands in the way: `reason` says what, `until` is the first instant at which nothing does, or None."""

    reason: str
    until: datetime | None


def parse_local_time(text: object) -> time:
    """`HH:MM` or `HH:MM:SS`; `24:00` is the end of the day. Raises ValueError."""
    if text == "24:00":
        return time()
    if not isinstance(text, str) or len(text) not in (5, 8) or text[2] != ":":
        raise ValueError('must be a local time such as "21:00"')
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise ValueError('must be a local time such as "21:00"') from None


def parse_wall_time(text: object) -> datetime:
    """A date and a time of no zone: what clocks show. Raises ValueError."""
    try:
        wall = datetime.fromisoformat(text) if isinstance(text, str) and "T" in text.upper() else None
    except ValueError:
        wall = None
    if wall is None or wall.tzinfo is not None or not 1 < wall.year < 9999:
        raise ValueError('must be a local time without an offset, such as "2026-12-01T09:00"')
    return wall


def first_on_earth(wall: datetime) -> datetime:
    """The instant at which the first clocks show this time."""
    return wall.replace(tzinfo=UTC) - EARLIEST


def contact_windows(preferences: Mapping[str, object]) -> tuple[Span, ...] | None:
    """The windows in which a person wants to be contacted; None if any time will do. Unreadable ones are left out."""
    windows = preferences.get("contact_windows")
    if not isinstance(windows, list) or not windows:
        return None
    return tuple(span for span in map(_read_window, windows) if span)


def _read_window(window: object) -> Span | None:
    if not isinstance(window, Mapping):
        return None
    names = window.get("days", DAYS)
    try:
        days = frozenset(DAYS.index(str(name)[:3].lower()) for name in names)
        return Span(parse_local_time(window.get("from")), parse_local_time(window.get("until")), days)
    except (ValueError, TypeError):
        return None


def held_back(now: datetime, place: ZoneInfo, *, quiet: Span | None, windows: Sequence[Span] | None) -> Held | None:
    """What stands in the way at `now`, or None. Both rules are in local time; `until` heeds both."""

    def reason(at: datetime) -> str | None:
        local = at.astimezone(place)
        if quiet is not None and quiet.covers(local):
            return "quiet_hours"
        inside = windows is None or any(window.covers(local) for window in windows)
        return None if inside else "contact_window"

    standing = reason(now)
    if standing is None:
        return None
    edges = {edge for span in (*(windows or ()), *([quiet] if quiet else ())) for edge in (span.start, span.end)}
    # Nearly always it is over within a day. Of the days up to the fourth none of a later one can come before that.
    soon = (at for at in sorted(_candidates(now, place, edges, days=4)) if now < at <= now + _DAY)
    first = next((at for at in soon if reason(at) is None), None)
    if first is None:
        coming = sorted(_candidates(now, place, edges, days=HORIZON))
        first = next((at for at in coming if at > now and reason(at) is None), None)
    return Held(standing, first)


def instant_of(wall: datetime, place: ZoneInfo) -> datetime:
    """The first instant at which the clock there shows this time, or a later one where it skips it."""
    at = wall.replace(tzinfo=place, fold=0).astimezone(UTC)
    if at.astimezone(place).replace(tzinfo=None) == wall:
        return at
    return _clock_change(wall.replace(tzinfo=place, fold=1).astimezone(UTC), at, place)


ALL_DAYS = frozenset(range(7))


def next_time(at: datetime, clock: time, place: ZoneInfo, *, days: frozenset[int] = ALL_DAYS) -> datetime:
    """The first instant from `at` on at which a day there comes to this time. `days`: only these weekdays (0 is Monday)."""
    today = at.astimezone(place).date()
    coming = (today + timedelta(days=day) for day in range(HORIZON))
    instants = (instant_of(datetime.combine(day, clock), place) for day in coming if day.weekday() in days)
    return next(one for one in instants if one >= at)


def _candidates(now: datetime, place: ZoneInfo, edges: set[time], *, days: int) -> Iterator[datetime]:
    """Every instant in the coming days at which the answer can change: the edges' local times, and clock changes."""
    today = now.astimezone(place).date()
    for day in range(days):
        for edge in (time(), *edges):
            yield from _instants(today + timedelta(days=day), edge, place)


def _instants(day: date, at: time, place: ZoneInfo) -> Iterator[datetime]:
    """The instants of a local time: both of one that occurs twice; of one that is skipped, and of any day on which the
    clocks change, the change."""
    local = datetime.combine(day, at, place)
    for fold in (0, 1):
        yield local.replace(fold=fold).astimezone(UTC)
    if at == time():
        begin, end = local.astimezone(UTC), (local + timedelta(days=1)).astimezone(UTC)
        if _offset(begin, place) != _offset(end, place):
            yield _clock_change(begin, end, place)


def _clock_change(before: datetime, after: datetime, place: ZoneInfo) -> datetime:
    """The first whole second in (before, after] with another offset than `before`, found by bisection."""
    old = _offset(before, place)
    while after - before > _SECOND:
        middle = before + (after - before) // (2 * _SECOND) * _SECOND
        if _offset(middle, place) == old:
            before = middle
        else:
            after = middle
    return after


def _offset(at: datetime, place: ZoneInfo) -> timedelta | None:
    return at.astimezone(place).utcoffset()
