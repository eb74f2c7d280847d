"""messaging → events: what became of a message, to be kept as an event of the profile."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from shared.schemas.message import Message


class OutcomeRecorded(Message):
    """`name` is an event name of the e-mail spec (`Email Sent`, `Email Bounced`, `Unsubscribed` …).

    `message_id` is stable for this outcome, so that taking it in twice counts once.
    """

    kind: Literal["outcome"] = "outcome"
    message_id: str
    profile_id: UUID
    name: str
    properties: dict[str, Any] = Field(default_factory=dict)
    at: datetime
