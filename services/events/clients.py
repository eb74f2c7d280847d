"""The neighbours, over HTTP."""

from datetime import datetime

import httpx

from shared.plumbing.http import Neighbour
from shared.schemas.feed import Progress


class Neighbours:
    """The other three services."""

    def __init__(
        self,
        *,
        profiles_url: str,
        segments_url: str,
        messaging_url: str,
        token: str,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self.profiles = Neighbour(profiles_url, token=token, transport=transport)
        self.segments = Neighbour(segments_url, token=token, transport=transport)
        self.messaging = Neighbour(messaging_url, token=token, transport=transport)

    async def close(self) -> None:
        """Close the connections."""
        for neighbour in (self.profiles, self.segments, self.messaging):
            await neighbour.close()


async def read_progress(neighbour: Neighbour) -> Progress:
    """How far it is. Raises Unavailable when it is out of reach."""
    return Progress.of(await neighbour.get("/internal/progress"))


async def read_oldest(neighbour: Neighbour, cursors: dict[int, int]) -> datetime | None:
    """Since when the oldest row of its feed beyond these cursors has been there."""
    answer = await neighbour.post("/internal/oldest", {"cursors": {str(lane): seq for lane, seq in cursors.items()}})
    written_at: str | None = answer["written_at"]
    return datetime.fromisoformat(written_at) if written_at else None
