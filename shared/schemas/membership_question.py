"""messaging asks segments where people belong now (`POST /internal/memberships`)."""

from typing import Annotated
from uuid import UUID

import msgspec

from shared.schemas.message import Message


class MembershipsRequest(Message, frozen=True, kw_only=True):
    """Up to 1,000 profile ids."""

    profile_ids: Annotated[tuple[UUID, ...], msgspec.Meta(max_length=1000)]


class Belonging(Message, frozen=True, kw_only=True):
    """The keys of the segments that a profile, or the one that it was merged into, is in."""

    profile_id: UUID
    segments: tuple[str, ...]


class MembershipsAnswer(Message, frozen=True, kw_only=True):
    """One item for each profile that exists."""

    items: tuple[Belonging, ...]
