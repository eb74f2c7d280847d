"""Time is passed in: a clock that production reads and tests step."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Says what time it is, in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class ShiftedClock:
    """A clock that runs with the machine's, ahead by an offset that tests (and `REGULARS_CLOCK_OFFSET`) set."""

    def __init__(self, offset: timedelta = timedelta()) -> None:
        self.offset = offset

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def step(self, by: timedelta) -> None:
        """Move on by this much at once."""
        self.offset += by
