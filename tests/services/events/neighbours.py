"""The other three services, as far as events sees them: feeds that a test fills, and how far they say they are."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from shared.plumbing import json


class Neighbours(httpx.AsyncBaseTransport):
    """`feeds`: the messages of each service's feed by lane. `cursors`: how far each says it is in another's."""

    def __init__(self) -> None:
        self.feeds: dict[str, dict[int, list[Any]]] = {name: {} for name in ("profiles", "segments", "messaging")}
        self.cursors: dict[str, dict[str, dict[int, int]]] = {name: {} for name in self.feeds}
        self.readers: dict[str, dict[str, dict[int, int]]] = {}
        self.pending: dict[str, tuple[int, str | None]] = {}
        self.oldest: dict[str, str] = {}
        self.down: set[str] = set()
        self.asked: list[str] = []
        self.before_progress: dict[str, Callable[[], Awaitable[None]]] = {}

    def append(self, service: str, lane: int, message: Any) -> None:
        self.feeds[service].setdefault(lane, []).append(message)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        service, path = request.url.host, request.url.path
        if service in self.down:
            raise httpx.ConnectError("out of reach", request=request)
        body = json.loads(await request.aread()) if request.method == "POST" else None
        if path == "/internal/progress":
            self.asked.append(service)
            if meanwhile := self.before_progress.pop(service, None):
                await meanwhile()
        answer = {"/internal/feed": self._pull, "/internal/progress": self._progress, "/internal/oldest": self._oldest}
        if path == "/internal/feed":
            await asyncio.sleep(0.02)
        return httpx.Response(200, content=json.dumps(answer[path](service, body)))

    def _pull(self, service: str, body: Any) -> Any:
        items = [
            {"lane": lane, "seq": seq, "message": message}
            for lane, messages in self.feeds[service].items()
            for seq, message in enumerate(messages, 1)
            if seq > body["cursors"].get(str(lane), 10**9)
        ]
        return {"items": items}

    def _progress(self, service: str, _: Any) -> Any:
        count, since = self.pending.get(service, (0, None))
        return {
            "service": service,
            "heads": {str(lane): len(messages) for lane, messages in self.feeds[service].items()},
            "cursors": {name: {str(k): v for k, v in lanes.items()} for name, lanes in self.cursors[service].items()},
            "readers": {
                name: {str(k): v for k, v in lanes.items()} for name, lanes in self.readers.get(service, {}).items()
            },
            "pending": count,
            "oldest_pending_at": since,
        }

    def _oldest(self, service: str, _: Any) -> Any:
        return {"written_at": self.oldest.get(service)}
