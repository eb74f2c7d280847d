"""messaging asks events and segments what happened in a time that is over (`POST /internal/events`,
`POST /internal/segments/{key}/changes`), to see what a campaign would have done."""

from datetime import datetime
from typing import Annotated

import msgspec

from shared.schemas.membership import MembershipChanged
from shared.schemas.message import Message
from shared.schemas.resolved import EventResolved


class EventsRequest(Message, frozen=True, kw_only=True):
    """Events of a name with a timestamp from `since` on and before `before`. `after`: `next` of the page before."""

    name: str
    since: datetime
    before: datetime
    after: tuple[datetime, int, int] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1000


class EventsPage(Message, frozen=True, kw_only=True):
    """By timestamp; each with whose it is today. Those of erased people, and those not resolved yet, are missing."""

    items: tuple[EventResolved, ...]
    next: tuple[datetime, int, int] | None = None


class ChangesRequest(Message, frozen=True, kw_only=True):
    """Changes of a segment from `since` on and before `before`. `after`: `next` of the page before."""

    since: datetime
    before: datetime
    after: tuple[int, int] = (0, 0)
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1000


class ChangesPage(Message, frozen=True, kw_only=True):
    """In each profile's order, as they were recorded."""

    items: tuple[MembershipChanged, ...]
    next: tuple[int, int] | None = None
