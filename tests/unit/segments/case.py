"""One case of a rule: a condition, one profile, an instant, and what is true there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from services.segments.domain.facts import Event, LifeEventFact, ProfileFacts

D = Decimal
PROFILE_ID = UUID("0190a6b2-0000-7000-8000-000000000001")
NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
Json = Mapping[str, object]


@dataclass(frozen=True)
class Case:
    rule: str
    condition: Json
    expected: bool
    events: tuple[Event, ...] = ()
    traits: Json = field(default_factory=dict)
    life_events: tuple[LifeEventFact, ...] = ()
    t: datetime = NOON

    @property
    def facts(self) -> ProfileFacts:
        return ProfileFacts(PROFILE_ID, self.traits, self.life_events)


_numbers = iter(range(10**9))


def event(name: str, ago: timedelta = timedelta(0), message_id: str | None = None, /, **properties: object) -> Event:
    return Event(NOON - ago, message_id or f"m{next(_numbers)}", "web", name, properties)


def days(count: float) -> timedelta:
    return timedelta(days=count)


TICK = timedelta(microseconds=1)
