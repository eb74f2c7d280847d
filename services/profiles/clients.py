"""The other services, over HTTP."""

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


class Segments:
    """The segments service: who belongs where."""

    def __init__(self, neighbour: Neighbour) -> None:
        self._neighbour = neighbour

    async def read_memberships(self, profile_id: UUID) -> dict[str, Any]:
        """The segments of a profile, as that service answers. Raises Unavailable."""
        answer: dict[str, Any] = await self._neighbour.get(f"/internal/profiles/{profile_id}/segments")
        return answer
