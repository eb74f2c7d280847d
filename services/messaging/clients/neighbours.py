"""HTTP out: the other services that messaging asks and tells."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec
from msgspec import structs

from shared.plumbing.errors import Unavailable
from shared.plumbing.http import Neighbour
from shared.plumbing.log import get_logger
from shared.schemas.history import ChangesPage, ChangesRequest, EventsPage, EventsRequest
from shared.schemas.membership import MembershipChanged
from shared.schemas.membership_question import MembershipsAnswer
from shared.schemas.message import Message
from shared.schemas.recipients import ConsentChange, PreferencesChange, Recipient
from shared.schemas.resolved import EventResolved

log = get_logger()


class Member(Message, frozen=True, kw_only=True):
    """Somebody who belongs to a segment."""

    profile_id: UUID
    user_id: str | None = None
    entered_at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """What profiles says of people, by requested id. `unreadable`: those of whom it says what we can't read."""

    people: Mapping[UUID, Recipient]
    unreadable: frozenset[UUID]


class Profiles:
    """Who somebody is now, and what they allow."""

    def __init__(self, neighbour: Neighbour) -> None:
        self._neighbour = neighbour

    async def recipients(self, profile_ids: Sequence[UUID], *, timeout: float = 5) -> Mapping[UUID, Recipient]:
        """By requested id; one that is missing was erased, or can't be read. Raises Unavailable when they can't be had."""
        return (await self.ask(profile_ids, timeout=timeout)).people

    async def ask(self, profile_ids: Sequence[UUID], *, history: bool = False, timeout: float = 5) -> Asked:
        """Likewise; `history`: with every consent there ever was. Who can't be read is in nobody else's way."""
        asked = {"profile_ids": list(profile_ids)} | ({"history": True} if history else {})
        answer = await self._neighbour.post("/internal/recipients", asked, timeout=timeout)
        people: dict[UUID, Recipient] = {}
        unreadable: set[UUID] = set()
        for item in answer["recipients"]:
            try:
                recipient = Recipient.of(item)
            except msgspec.ValidationError:
                unreadable |= _requested(item, profile_ids)
            else:
                people[recipient.requested_id] = recipient
        if unreadable:
            log.error("recipients_unreadable", count=len(unreadable))
        return Asked(people, frozenset(unreadable))

    async def look_up(self, user_id: str) -> UUID | None:
        """Whom a user id leads to. Raises Unavailable."""
        answer = await self._neighbour.find("/internal/lookup", user_id=user_id)
        return None if answer is None else UUID(answer["id"])

    async def tell_consent(self, change: ConsentChange) -> None:
        """A recipient's own word. Idempotent by the change's id. Raises Unavailable."""
        await self._neighbour.post("/internal/consents", change)

    async def tell_preferences(self, change: PreferencesChange) -> None:
        """A recipient's own word. Told twice it counts once. Raises Unavailable."""
        await self._neighbour.post("/internal/preferences", change)


def _requested(item: Any, profile_ids: Sequence[UUID]) -> set[UUID]:
    """Whom of these it is about, as far as that can be read."""
    named = item.get("requested_id") if isinstance(item, dict) else None
    return {one for one in profile_ids if str(one) == str(named)}


class Segments:
    """Who belongs where."""

    def __init__(self, neighbour: Neighbour) -> None:
        self._neighbour = neighbour

    async def knows(self, segment: str) -> bool:
        """Whether there is such a segment. Raises Unavailable."""
        return await self._neighbour.find(_members_of(segment), limit=1) is not None

    async def size(self, segment: str) -> int | None:
        """How many members it has; None where there is no such segment. Raises Unavailable."""
        answer = await self._neighbour.find(f"/internal/segments/{quote(segment, safe='')}")
        return None if answer is None else int(answer["size"])

    async def members(
        self, segment: str, cursor: str | None, *, limit: int, at: datetime | None = None
    ) -> tuple[list[Member], str | None]:
        """A page of the members (of then, with `at`), and the cursor of the next (None at the end). Raises Unavailable, also while
        the segment is being built for the first time: whoever is not looked at yet would be left out."""
        params = {"limit": limit} | ({"cursor": cursor} if cursor else {}) | ({"at": at.isoformat()} if at else {})
        answer = await self._neighbour.get(_members_of(segment), **params)
        if not answer.get("complete", True):
            raise Unavailable(f"The segment {segment!r} is still being built.")
        return [Member.of(item) for item in answer["items"]], answer["next"]

    async def memberships(self, profile_ids: Sequence[UUID]) -> Mapping[UUID, frozenset[str]]:
        """The keys of the segments that each of these belongs to. Raises Unavailable."""
        answer = await self._neighbour.post("/internal/memberships", {"profile_ids": list(profile_ids)}, timeout=5)
        return {one.profile_id: frozenset(one.segments) for one in MembershipsAnswer.of(answer).items}

    async def changes(self, segment: str, *, since: datetime, before: datetime) -> AsyncIterator[MembershipChanged]:
        """Who came and went in a time, in each profile's order. Raises Unavailable."""
        asked, more = ChangesRequest(since=since, before=before), True
        while more:
            answer = await self._neighbour.post(f"/internal/segments/{quote(segment, safe='')}/changes", asked)
            page = ChangesPage.of(answer)
            for change in page.items:
                yield change
            more = page.next is not None
            asked = structs.replace(asked, after=page.next or asked.after)


class Events:
    """What happened."""

    def __init__(self, neighbour: Neighbour) -> None:
        self._neighbour = neighbour

    async def named(self, name: str, *, since: datetime, before: datetime) -> AsyncIterator[EventResolved]:
        """The events of a name in a time, by timestamp. Raises Unavailable."""
        asked, more = EventsRequest(name=name, since=since, before=before), True
        while more:
            page = EventsPage.of(await self._neighbour.post("/internal/events", asked))
            for event in page.items:
                yield event
            more = page.next is not None
            asked = structs.replace(asked, after=page.next)


def _members_of(segment: str) -> str:
    return f"/internal/segments/{quote(segment, safe='')}/members"


async def load_api_keys(events: Neighbour) -> Mapping[str, str]:
    """The role of every good API key, by its hash."""
    answer = await events.get("/internal/keys")
    return {key["key_hash"]: key["role"] for key in answer["keys"]}
