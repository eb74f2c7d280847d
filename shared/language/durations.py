"""ISO 8601 durations in whole weeks, days, hours, minutes and seconds."""

import re
from datetime import timedelta

LONGEST = timedelta(days=36_525)  # 100 years
_PARTS = re.compile(
    r"(?P<sign>-?)P(?=[0-9T])(?:(?P<weeks>[0-9]{1,12})W)?(?:(?P<days>[0-9]{1,12})D)?"
    r"(?P<time>T(?=[0-9])(?:(?P<hours>[0-9]{1,12})H)?(?:(?P<minutes>[0-9]{1,12})M)?(?:(?P<seconds>[0-9]{1,12})S)?)?"
)
_SECONDS = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}


def parse_duration(text: object) -> timedelta:
    """A positive duration; raises ValueError with a message for the caller otherwise."""
    found = _parse(text)
    if found["sign"]:
        raise ValueError("must not be negative")
    length = _length(found)
    if not length:
        raise ValueError("must be longer than nothing")
    return length


def parse_day_offset(text: object) -> int:
    """Whole days or weeks, perhaps negative, as a number of days."""
    found = _parse(text)
    if found["time"]:
        raise ValueError("must be in whole days or weeks")
    days = _length(found).days
    return -days if found["sign"] else days


def format_duration(length: timedelta) -> str:
    seconds = length.seconds
    parts = [(seconds // 3600, "H"), (seconds // 60 % 60, "M"), (seconds % 60, "S")]
    time = "".join(f"{count}{unit}" for count, unit in parts if count)
    days = f"{length.days}D" if length.days or not time else ""
    return f"P{days}" + (f"T{time}" if time else "")


def format_day_offset(days: int) -> str:
    return f"{'-' if days < 0 else ''}P{abs(days)}D"


def _parse(text: object) -> re.Match[str]:
    found = _PARTS.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError('must be an ISO 8601 duration in whole weeks, days, hours, minutes or seconds, such as "P90D"')
    return found


def _length(found: re.Match[str]) -> timedelta:
    seconds = sum(int(found[unit] or 0) * size for unit, size in _SECONDS.items())
    if seconds > LONGEST.total_seconds():
        raise ValueError("must be at most 100 years")
    return timedelta(seconds=seconds)
