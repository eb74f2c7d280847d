"""What is asked when somebody may have to be told something, what is known of them, and what can be the answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.messaging.domain.campaign import Campaign
from services.messaging.domain.confirming import Confirmed
from services.messaging.domain.reach import Suppressions
from services.messaging.domain.rules import Rules
from services.messaging.domain.tasks import OnTask
from shared.schemas.recipients import Recipient

TASK_CREATED = "task_created"
"""The reason where a task is what came of it."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A template that may be used: one content of it for each channel."""

    template: str
    weight: Decimal
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody may have to be told something. `due_at`: when it was due. `attempts`: how often a provider was tried. `tried`: the
    channels on which it was refused for good. `in_doubt`: it may have arrived already. `unreadable`: what profiles says of the
    person can't be read.
    """

    campaign: Campaign | None
    profile_id: UUID
    trigger_at: datetime
    due_at: datetime
    attempts: int
    recipient: Recipient | None
    offers: tuple[Offer, ...]
    rules: Rules
    default_zone: str
    paused_then: bool = False
    tried: Sequence[str] = ()
    in_doubt: bool = False
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class Earlier:
    """A message of the same campaign that this profile had, or was held out from."""

    decision: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """What the profile was sent before, or may have been, for frequency caps."""

    purpose: str
    channel: str
    at: datetime
    delivery_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class OnJourney:
    """Of the run that a message belongs to: why it came to another end than its own (None: it did not), and whether its journey is
    paused."""

    exited: str | None
    paused: bool


@dataclass(frozen=True, slots=True)
class History:
    """What messaging itself knows of the profile. `last_change`: of the trigger's segment, None if never seen. `household`: what
    all who live there were sent (of a question: what the address was asked), None for somebody who stands for themselves. `acts`:
    when the person opened messages or followed their links, read only for campaigns that go by it."""

    earlier: Earlier | None = None
    last_change: tuple[str, datetime] | None = None
    messages: Sequence[Message] = ()
    household: Sequence[Message] | None = None
    suppressions: Suppressions = field(default=lambda _channel, _address: ())
    confirmed: Confirmed = field(default=lambda _channel, _address: ())
    journey: OnJourney | None = None
    acts: Sequence[datetime] = ()
    task: OnTask | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Speak."""

    template: str
    channel: str
    address: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refuse:
    """Final. `decision` is one of skipped, suppressed, held_out, failed, unknown."""

    decision: str
    reason: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Defer:
    """Decide again at `until`. `first_due`: only then is it due at all, which its goal's time runs from."""

    reason: str
    until: datetime
    facts: dict[str, Any]
    first_due: bool = False


@dataclass(frozen=True, slots=True)
class Assign:
    """Make a task of it."""

    facts: dict[str, Any]


Verdict = Send | Assign | Refuse | Defer


def as_shown(verdict: Verdict) -> tuple[str, str, dict[str, Any]]:
    """A verdict as decisions show it: decision, reason, facts."""
    if isinstance(verdict, Send):
        return "sent", "sent", verdict.facts | {"template": verdict.template}
    if isinstance(verdict, Assign):
        return "sent", TASK_CREATED, verdict.facts
    if isinstance(verdict, Refuse):
        return verdict.decision, verdict.reason, verdict.facts
    return "deferred", verdict.reason, verdict.facts
