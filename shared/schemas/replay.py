"""profiles asks events for a part of the raw log once more (`POST /internal/log`)."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

from shared.schemas.message import Message


class LogRequest(Message, frozen=True, kw_only=True):
    """What of a raw lane was received from `since` on and before `before`, numbered above `after` up to `until`."""

    lane: int
    since: datetime
    before: datetime
    after: int
    until: int
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)]


class LogItem(Message, frozen=True, kw_only=True):
    """A raw message, and whose it is today: None if that is not known."""

    seq: int
    owner: UUID | None = None
    message: dict[str, Any]


class LogPage(Message, frozen=True, kw_only=True):
    """In the lane's order."""

    items: tuple[LogItem, ...]
