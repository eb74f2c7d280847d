"""segments → messaging: who entered and left which segment, when and why."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import field

from shared.schemas.message import Message


class MembershipChanged(Message, frozen=True, kw_only=True, tag="membership", tag_field="kind"):
    """One change, in the profile's lane, each exactly once.

    `cause.kind` is one of `event profile time merge backfill edit import`. `id` is the change's own id (stable, unique).
    """

    id: UUID
    segment_id: UUID
    segment: str
    version: int
    profile_id: UUID
    user_id: str | None = None
    change: Literal["entered", "left"]
    at: datetime
    cause: dict[str, Any] = field(default_factory=dict)
