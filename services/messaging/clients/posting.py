"""Requests to a provider over HTTP: every outcome is an answer."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

import httpx

from services.messaging.domain.answers import Answer, NotNow, Unsure, in_plain_text
from services.messaging.domain.provider_answers import Reply
from shared.plumbing import json

CERTAIN = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.InvalidURL)
"""Failures before anything was said."""
LONGEST_ANSWER = 100_000  # bytes that are read of one
Reading = Callable[[Reply, datetime], Answer]


class Carrying(NamedTuple):
    """`timeout`: seconds for one message, at most; `room`: how many at once; `per_second`: at most, None for any number."""

    timeout: float
    room: int
    per_second: float | None = None


class Posting:
    """Requests within what a provider carries."""

    def __init__(
        self,
        carrying: Carrying,
        *,
        now: Callable[[], datetime],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.carrying = carrying
        self.now = now
        limits = httpx.Limits(max_connections=carrying.room, max_keepalive_connections=carrying.room)
        # Waiting for a connection, making it, writing and reading are timed one by one.
        self._client = httpx.AsyncClient(timeout=carrying.timeout / 4, limits=limits, transport=transport)

    async def post(self, url: str, content: bytes, headers: Mapping[str, str], read: Reading) -> Answer:
        """What `read` makes of the reply. Where there is none: it was certainly not taken if nothing was said yet, else nobody
        knows."""
        try:
            return in_plain_text(read(await self.fetch(url, content, headers), self.now()))
        except CERTAIN as error:
            return NotNow(type(error).__name__)
        except httpx.HTTPError as error:
            return Unsure(type(error).__name__)

    async def fetch(self, url: str, content: bytes, headers: Mapping[str, str]) -> Reply:
        """The reply itself. Raises httpx.HTTPError."""
        answer = await self._client.post(url, content=content, headers=dict(headers))
        return Reply(answer.status_code, _object(answer.content), answer.headers.get("Retry-After"))

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()


def _object(content: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(content[:LONGEST_ANSWER])
    except json.JsonError:
        return {}
    return found if isinstance(found, dict) else {}
