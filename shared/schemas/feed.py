"""Feeds: what a consumer asks for and what it gets (`POST /internal/feed`), and how far everybody is (`GET /internal/progress`)."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import field

from shared.schemas.message import Message


class FeedRequest(Message, frozen=True, kw_only=True):
    """Give me what comes after these cursors; wait up to `wait` seconds if there is nothing, and
    then `linger` seconds for what comes behind the first.

    `cursors` maps a lane to the last sequence number whose effect is committed; it also tells the provider how far this
    consumer is, so that rows everybody has passed can be dropped.
    """

    consumer: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    cursors: dict[int, int]
    limit: Annotated[int, msgspec.Meta(ge=1, le=5000)] = 500
    wait: Annotated[float, msgspec.Meta(ge=0, le=30)] = 0
    linger: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0


class Progress(Message, frozen=True, kw_only=True):
    """How far one service is: one consistent snapshot of its database.

    `heads`: last sequence number per lane of its own feed. `cursors`: per feed it reads (by the provider's name), the
    last sequence number per lane whose effect is committed. `readers`: per reader of its own feed, where it last said it
    was. `pending`: its own work that is due and not done (sends); `oldest_pending_at`: since when.
    """

    service: str
    heads: dict[int, int]
    cursors: dict[str, dict[int, int]]
    readers: dict[str, dict[int, int]] = field(default_factory=dict)
    pending: int = 0
    oldest_pending_at: datetime | None = None
