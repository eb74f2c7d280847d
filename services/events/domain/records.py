"""What a message becomes: a record to be kept, or a refusal with its reason."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

Form = Literal["segment", "customerio"]
"""Which types a message may have: a public write key may track, but neither erase nor merge."""


class Violation(msgspec.Struct, frozen=True, gc=False):
    """What an event breaks of its schema: where, which rule, and the rule in words. None of it comes from the event's values."""

    event: str
    path: str
    rule: str
    message: str


class Record(msgspec.Struct, gc=False):
    """An accepted message. `payload` is a JSON object of properties, traits, context, identifiers (those that are not empty)."""

    source: str
    message_id: str
    type: str
    name: str | None
    user_id: str | None
    anonymous_id: str | None
    previous_id: str | None
    profile_id: UUID | None
    timestamp: datetime
    original_timestamp: datetime | None
    sent_at: datetime | None
    received_at: datetime
    imported: bool
    payload: bytes
    violations: tuple[Violation, ...] = ()


class Refusal(msgspec.Struct, gc=False):
    """Why a message can't be used: `reason` is a stable slug, `detail` says it in a sentence. The ids are those that could be read."""

    reason: str
    detail: str
    message_id: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    violations: tuple[Violation, ...] = ()


class Unusable(Exception):
    """Raised while a message is read; becomes its Refusal."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Origin(msgspec.Struct, frozen=True, gc=False):
    """What all messages of a request have in common. `sent_at` is the envelope's."""

    source: str
    received_at: datetime
    sent_at: datetime | None = None
    imported: bool = False
    form: Form = "segment"


class Limits(msgspec.Struct, frozen=True, gc=False):
    """How large and how deep a message may be."""

    max_bytes: int = 32 * 1024
    max_depth: int = 100
