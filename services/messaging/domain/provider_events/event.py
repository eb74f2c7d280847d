"""Something that happened to a message after a provider took it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from services.messaging.domain.plain import plain
from shared.plumbing.instants import in_utc

Kind = Literal["delivered", "bounced", "complained", "opened", "clicked", "unsubscribed"]
BOUNCED, COMPLAINED = "bounced", "complained"
"""Why an address is suppressed that is none, or whose owner marked a message as spam."""

DELIVERY = "delivery_id"
"""The name under which our own id travels with a message, where a provider hands such things back."""

LONGEST_KEY, LONGEST_TEXT = 200, 500
MANY = frozenset({"opened", "clicked"})
"""What may happen to a message more than once, and often."""
AGAIN = MANY | {"unsubscribed"}
"""What may happen to it more than once: who has consented anew may unsubscribe by the same message."""


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """`delivery_id`: ours, None where the provider names none; `at`: None where it says no time; `key`: its own name for this event.

    `hard`: of a bounce, whether the address itself is at fault. `suppress`: why the address must not be written to any more.
    `machine`: why the provider takes it for a machine's doing. `answer`: what the recipient's server said.
    """

    kind: Kind
    delivery_id: UUID | None
    at: datetime | None
    key: str = ""
    hard: bool = False
    suppress: str | None = None
    url: str | None = None
    user_agent: str | None = None
    machine: str | None = None
    answer: str | None = None

    @property
    def identity(self) -> str:
        """The same for the same happening, however often it is told: most happen to a message once."""
        if self.kind in AGAIN or (self.kind == "bounced" and not self.hard):
            return plain(f"{self.kind}:{self.key}"[:LONGEST_KEY])
        return self.kind

    @property
    def detail(self) -> dict[str, Any]:
        """What is worth keeping of it."""
        found = {
            "bounce": ("hard" if self.hard else "soft") if self.kind == "bounced" else None,
            "url": self.url,
            "user_agent": self.user_agent,
            "answer": self.answer,
        }
        return {name: value for name, value in found.items() if value is not None}


def part(found: object, *names: str) -> Mapping[str, Any]:
    """The object at this path, empty where there is none."""
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def text(found: Mapping[str, Any], name: str, *, longest: int = LONGEST_TEXT) -> str | None:
    """The text of this name, cut, None where there is none."""
    value = found.get(name)
    return plain(value[:longest]) if isinstance(value, str) and value else None


def instant(value: object) -> datetime | None:
    """Of an ISO 8601 time with an offset, or of seconds since 1970."""
    try:
        if isinstance(value, str) and "T" in value:
            at = datetime.fromisoformat(value)
            return None if at.tzinfo is None else in_utc(at)
        if isinstance(value, int | Decimal | str) and not isinstance(value, bool):
            return datetime.fromtimestamp(float(value), UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def delivery_of(*values: object) -> UUID | None:
    """The first of these that is an id of ours, or a Message-ID that begins with one."""
    for value in values:
        if isinstance(value, str):
            try:
                return UUID(value.strip().removeprefix("<").partition("@")[0])
            except ValueError:
                continue
    return None
