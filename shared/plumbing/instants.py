"""Instants that callers give: with an offset, and within the calendar once they are in UTC."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime


def in_utc(at: datetime) -> datetime:
    """The same instant in UTC. Raises ValueError for one that lies before the year 1 or after 9999 there."""
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("is beyond the calendar: in UTC it lies outside the years 1 to 9999") from None


Instant = Annotated[AwareDatetime, AfterValidator(in_utc)]
