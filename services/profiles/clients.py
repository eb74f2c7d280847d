"""The other services, over HTTP."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.plumbing.http import Neighbour
from shared.schemas.feed import Progress
from shared.schemas.keys import ApiKeys
from shared.schemas.replay import LogItem, LogPage, LogRequest

NEWEST = 100
"""How many of somebody's events are shown with the profile."""


class Events:
    """The events service: the raw log, the API keys, what somebody did."""

    def __init__(self, neighbour: Neighbour) -> None:
        self._neighbour = neighbour
        self.pull = neighbour.pull

    async def load_keys(self) -> dict[str, str]:
        """The role of every good API key, by its hash."""
        keys = ApiKeys.of(await self._neighbour.get("/internal/keys"))
        return {key.key_hash: key.role for key in keys.keys}

    async def read_heads(self) -> dict[int, int]:
        """How far the raw log goes, by lane."""
        return Progress.of(await self._neighbour.get("/internal/progress")).heads

    async def read_log(self, part: LogRequest) -> tuple[LogItem, ...]:
        """A part of the raw log. Raises Unavailable."""
        return LogPage.of(await self._neighbour.post("/internal/log", part)).items

    async def read_newest(self, profile_id: UUID) -> dict[str, Any]:
        """The newest events of a profile, as that service answers. Raises Unavailable."""
        answer: dict[str, Any] = await self._neighbour.get(f"/internal/profiles/{profile_id}/events", limit=NEWEST)
        return answer


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What the others list of a person, read by the right of the caller who wants to know."""

    events: Neighbour
    segments: Neighbour
    messaging: Neighbour
    authorization: str

    async def read_all(self, profile_id: UUID, absorbed: Iterable[UUID]) -> dict[str, list[Any]]:
        """Every list to its end, by its name. Raises Unavailable."""
        asked: dict[str, tuple[Neighbour, str]] = {
            "events": (self.events, "/v1/events"),
            "segment_changes": (self.segments, "/v1/changes"),
            **{name: (self.messaging, f"/v1/{name}") for name in ("decisions", "deliveries", "mailbox", "tasks")},
        }
        found = {name: await self._list(*where, profile_id=profile_id) for name, where in asked.items()}
        for gone in absorbed:  # who came and went as somebody else is shown by their own id
            changes = await self._list(self.segments, "/v1/changes", profile_id=gone)
            found["segment_changes"] += [one for one in changes if one["profile_id"] == str(gone)]
        memberships = await Segments(self.segments).read_memberships(profile_id)
        found |= {"segments": memberships["items"], "journey_runs": []}
        for journey in await self._list(self.messaging, "/v1/journeys"):
            runs = await self._list(self.messaging, f"/v1/journeys/{journey['key']}/runs", profile_id=profile_id)
            found["journey_runs"] += [{"journey": journey["key"]} | run for run in runs]
        return found

    async def read_rejected(self, namespace: str, value: str) -> list[Any]:
        """Messages that could not be used, with this user id or anonymous id. Raises Unavailable."""
        return await self._list(self.events, "/v1/rejected", **{namespace: value})

    async def read_suppressions(self, channel: str, address: str) -> list[Any]:
        """Those of an address. Raises Unavailable."""
        return await self._list(self.messaging, "/v1/suppressions", channel=channel, address=address)

    async def _list(self, service: Neighbour, path: str, **which: Any) -> list[Any]:
        given = {name: str(value) for name, value in which.items()}
        return await service.list_as(self.authorization, path, limit=1000, **given)


class Segments:
    """The segments service: who belongs where."""

    def __init__(self, neighbour: Neighbour) -> None:
        self._neighbour = neighbour

    async def read_memberships(self, profile_id: UUID) -> dict[str, Any]:
        """The segments of a profile, as that service answers. Raises Unavailable."""
        answer: dict[str, Any] = await self._neighbour.get(f"/internal/profiles/{profile_id}/segments")
        return answer
