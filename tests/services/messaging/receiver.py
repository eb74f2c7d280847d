"""A provider's HTTP API that answers what a test says."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from shared.plumbing import json
from tests.support.waiting import until

Said = int | tuple[int, Mapping[str, Any]] | tuple[int, Mapping[str, Any], Mapping[str, str]]
"""A status, the JSON object that comes with it, further headers."""
HANG_UP = 0
"""In place of an answer: the request is taken, and the connection closed."""


@dataclass(frozen=True)
class Posted:
    """One request."""

    path: str
    headers: dict[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.content)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.content.decode(), keep_blank_values=True))


class Receiver:
    """Gives these answers, one after the other, and the last for ever; while `hold` is not set, nothing."""

    def __init__(self, *answers: Said) -> None:
        self._answers: list[Said] = list(answers or (200,))
        self.posted: list[Posted] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.url = ""

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Receiver"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            self.hold.set()
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                self.posted.append(await _read(reader))
                said = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                await self.hold.wait()
                if said == HANG_UP:
                    raise ConnectionResetError
                writer.write(_written(said))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def was_posted(self, times: int) -> None:
        """Until so many requests have come."""
        await until(lambda: len(self.posted) >= times, f"{times} requests come")


def _written(said: Said) -> bytes:
    status, body, more = (said, {}, {}) if isinstance(said, int) else (*said, {})[:3]
    content = json.dumps(body) if body else b""
    headers = {"Content-Length": str(len(content)), "Content-Type": "application/json", **more}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode() + content


async def _read(reader: asyncio.StreamReader) -> Posted:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Posted(first.split(" ")[1], headers, await reader.readexactly(int(headers["content-length"])))
