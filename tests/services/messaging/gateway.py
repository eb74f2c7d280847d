"""A gateway that takes messages over HTTP and answers what a test says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from shared.plumbing import json
from tests.support.waiting import until


@dataclass(frozen=True)
class Posted:
    """One request."""

    headers: dict[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.content)


class Gateway:
    """Answers these statuses, one after the other, and the last for ever; while `hold` is not set, nothing."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses or (200,))
        self.posted: list[Posted] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.url = ""

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Gateway"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/in"
        try:
            yield self
        finally:
            self.hold.set()
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                self.posted.append(await _read(reader))
                status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
                await self.hold.wait()
                writer.write(f"HTTP/1.1 {status} Said\r\nContent-Length: 0\r\n\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def was_posted(self, times: int) -> None:
        """Until so many requests have come."""
        await until(lambda: len(self.posted) >= times, f"{times} requests come")


async def _read(reader: asyncio.StreamReader) -> Posted:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Posted(headers, await reader.readexactly(int(headers["content-length"])))
