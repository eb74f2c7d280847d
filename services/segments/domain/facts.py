"""What conditions are about: one profile as recorded now, and its events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from uuid import UUID

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LATEST = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
EARLIEST = (datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND

# The name under which a change of traits stands in a profile's history. No event has it: a name is never blank.
TRAITS_CHANGED = "\x1f"


@dataclass(frozen=True, slots=True)
class Event:
    timestamp: datetime
    message_id: str
    source: str
    name: str
    properties: Mapping[str, object] = field(default_factory=dict)
    context: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LifeEventFact:
    kind: str
    date: date
    recurs: Literal["yearly"] | None = None
    subject: str = "self"


@dataclass(frozen=True, slots=True)
class ProfileFacts:
    id: UUID
    traits: Mapping[str, object] = field(default_factory=dict)
    life_events: tuple[LifeEventFact, ...] = ()
    default_zone: str = "UTC"


def micros(instant: datetime) -> int:
    """Microseconds since the epoch: instants as the engine counts with them, also beyond the years datetime knows."""
    return (instant - EPOCH) // MICROSECOND


def micros_of(length: timedelta) -> int:
    return length // MICROSECOND


def instant(count: int) -> datetime | None:
    """None for an instant that lies beyond the year 9999."""
    return EPOCH + count * MICROSECOND if EARLIEST <= count <= LATEST else None
