"""Feeds: what a consumer asks for and what it gets (`POST /internal/feed`), and how far everybody is (`GET /internal/progress`)."""

from datetime import datetime
from typing import Any

from pydantic import Field

from shared.schemas.message import Message


class FeedRequest(Message):
    """Give me what comes after these cursors; wait up to `wait` seconds if there is nothing.

    `cursors` maps a lane to the last sequence number whose effect is committed; it also tells the provider how far this
    consumer is, so that rows everybody has passed can be dropped.
    """

    consumer: str = Field(min_length=1, max_length=64)
    cursors: dict[int, int]
    limit: int = Field(default=500, ge=1, le=5000)
    wait: float = Field(default=0, ge=0, le=30)


class FeedItem(Message):
    """One message of a feed: sequence numbers rise within a lane, in commit order; erased rows leave gaps."""

    lane: int
    seq: int
    message: dict[str, Any]


class FeedPage(Message):
    """The next messages, in order within each lane."""

    items: list[FeedItem]


class Progress(Message):
    """How far one service is: one consistent snapshot of its database.

    `heads`: last sequence number per lane of its own feed. `cursors`: per feed it reads (by the provider's name), the
    last sequence number per lane whose effect is committed. `readers`: per reader of its own feed, where it last said it
    was. `pending`: its own work that is due and not done (sends); `oldest_pending_at`: since when.
    """

    service: str
    heads: dict[int, int]
    cursors: dict[str, dict[int, int]]
    readers: dict[str, dict[int, int]] = Field(default_factory=dict)
    pending: int = 0
    oldest_pending_at: datetime | None = None
