"""messaging → events: what became of a message, to be kept as an event of the profile."""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import field

from shared.schemas.message import Message


class OutcomeRecorded(Message, frozen=True, kw_only=True, tag="outcome", tag_field="kind"):
    """`name` is an event name of the e-mail spec (`Email Sent`, `Email Bounced`, `Unsubscribed` …).

    `message_id` is stable for this outcome, so that taking it in twice counts once.
    """

    message_id: str
    profile_id: UUID
    name: str
    properties: dict[str, Any] = field(default_factory=dict)
    at: datetime
