"""Instants that callers give: with an offset, and within the calendar once they are in UTC."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

EARLIEST = datetime.min.replace(tzinfo=UTC)


def in_utc(at: datetime) -> datetime:
    """The same instant in UTC. Raises ValueError for one that lies before the year 1 or after 9999 there, and for the first
    of the year 1, with which several languages say that there is no time, and the database that it was ever before."""
    try:
        found = at.astimezone(UTC)
    except OverflowError:
        raise ValueError("is beyond the calendar: in UTC it lies outside the years 1 to 9999") from None
    if found == EARLIEST:
        raise ValueError("is the zero of a clock that was never set: give the time, or leave it out")
    return found


def _written(value: object) -> object:
    if isinstance(value, str | datetime) and not (isinstance(value, str) and value.strip().lstrip("+-").isdigit()):
        return value
    raise ValueError("must be written as RFC 3339 with an offset, as in 2026-03-01T09:30:00Z")


Instant = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(in_utc)]
