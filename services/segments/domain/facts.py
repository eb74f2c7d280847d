"""What conditions are about: one profile as recorded now, and its events."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LATEST = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
EARLIEST = (datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND

# The name under which a change of traits stands in a profile's history. No event has it: a name is never blank.
TRAITS_CHANGED = "\x1f"


class Event(msgspec.Struct, frozen=True):  # thousands a second are made, and a dataclass takes longer to make
    timestamp: datetime
    message_id: str
    source: str
    name: str
    properties: Mapping[str, object] = msgspec.field(default_factory=dict)
    context: Mapping[str, object] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LifeEventFact:
    kind: str
    date: date
    recurs: Literal["yearly"] | None = None
    subject: str = "self"


class ProfileFacts(msgspec.Struct, frozen=True):  # likewise
    id: UUID
    traits: Mapping[str, object] = msgspec.field(default_factory=dict)
    life_events: tuple[LifeEventFact, ...] = ()
    default_zone: str = "UTC"


NOBODY = ProfileFacts(UUID(int=0))


def facts_of(
    profile_id: UUID, traits: Mapping[str, object], life_events: Iterable[Mapping[str, Any]], default_zone: str
) -> ProfileFacts:
    """Life events are as they are stored."""
    dates = tuple(
        LifeEventFact(kind=e["kind"], date=date.fromisoformat(e["date"]), recurs=e["recurs"], subject=e["subject"])
        for e in life_events
    )
    return ProfileFacts(profile_id, traits, dates, default_zone)


def micros(instant: datetime) -> int:
    """Microseconds since the epoch: instants as the engine counts with them, also beyond the years datetime knows."""
    return (instant - EPOCH) // MICROSECOND


def micros_of(length: timedelta) -> int:
    return length // MICROSECOND


def instant(count: int) -> datetime | None:
    """None for an instant that lies beyond the year 9999."""
    return EPOCH + count * MICROSECOND if EARLIEST <= count <= LATEST else None
