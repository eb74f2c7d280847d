"""Which months the log has partitions for."""

from datetime import UTC, datetime
from typing import NamedTuple

AHEAD = 3
"""Months made before they begin, counted from the current one."""


class Month(NamedTuple):
    """A partition: its table, and the instants from which and up to which rows are received."""

    table: str
    start: datetime
    end: datetime


def months_from(now: datetime, count: int = AHEAD + 1) -> list[Month]:
    """The month of `now` and those that follow."""
    first = now.astimezone(UTC).year * 12 + now.astimezone(UTC).month - 1
    return [_month(number) for number in range(first, first + count)]


def _month(number: int) -> Month:
    start, end = (datetime(n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in (number, number + 1))
    return Month(f"log_{start:%Y_%m}", start, end)
