"""The instant that counts: what the client stamped, corrected for a clock that is wrong but not for a delivery that is late."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from services.events.domain.records import Unusable

SKEW_LIMIT = timedelta(minutes=10)
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
MILLISECONDS_FROM = 100_000_000_000
"""Unix times from here on are milliseconds: as seconds this would be the year 5138."""

UNIX_TEXT = re.compile(r"[0-9]{9,14}(\.[0-9]{1,9})?")


def read_time(value: Any) -> datetime | None:
    """RFC 3339 text (without an offset it is UTC), or Unix seconds or milliseconds. None if there is none.

    Raises ValueError or OverflowError for what is no time.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return _from_unix(value)
    raise ValueError(f"{type(value).__name__} is no time")


def _from_text(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        # Unix seconds in quotes and stray spaces are common.
        return _from_unix(Decimal(text.strip())) if UNIX_TEXT.fullmatch(text.strip()) else _from_loose(text)
    return at if at.tzinfo is UTC else at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _from_loose(text: str) -> datetime:
    at = datetime.fromisoformat(text.strip().removesuffix(" UTC").replace(" +", "+").replace(" Z", "Z"))
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _from_unix(number: int | Decimal) -> datetime:
    seconds = Decimal(number)
    if abs(seconds) >= MILLISECONDS_FROM:
        seconds /= 1000
    if abs(seconds) > MILLISECONDS_FROM:
        raise ValueError("too large for a time")
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(seconds * 1_000_000))


def read_sent_at(*values: Any) -> datetime | None:
    """The first that can be read. One that can't is as if it were missing: then nothing is corrected."""
    for value in values:
        try:
            sent_at = read_time(value)
        except (ValueError, OverflowError, ArithmeticError):
            continue
        if sent_at is not None:
            return sent_at
    return None


def read_stamp(value: Any, field: str) -> datetime | None:
    """A time that the message's own meaning depends on: what can't be read makes the message unusable."""
    if value is None:
        return None
    try:
        return read_time(value)
    except (ValueError, OverflowError, ArithmeticError) as error:
        raise Unusable("bad_timestamp", f"`{field}` is not a time (RFC 3339, or Unix seconds).") from error


def correct(stamped: datetime | None, *, sent_at: datetime | None, received_at: datetime) -> datetime:
    """The time that counts.

    A device's clock that runs ahead, or is off by less than ten minutes, is corrected by `received_at - sent_at`. A larger
    difference is a late delivery (mobile SDKs stamp `sentAt` when they first try, which may be days before they succeed).
    """
    if stamped is None:
        return received_at
    return stamped + correction(sent_at=sent_at, received_at=received_at)


def correction(*, sent_at: datetime | None, received_at: datetime) -> timedelta:
    """What `correct` adds; the same for all messages that were sent together."""
    if sent_at is None:
        return timedelta(0)
    difference = received_at - sent_at
    return difference if difference < SKEW_LIMIT else timedelta(0)


def check_plausible(at: datetime) -> datetime:
    """Refuse instants that no business has seen."""
    if not EARLIEST <= at < LATEST:
        raise Unusable("bad_timestamp", "The event's time lies outside the years 1900 to 2199.")
    return at
