"""A client that costs little: prepared HTTP/1.1 requests over kept connections, so that the server is what is measured."""

import asyncio
import base64
from collections.abc import Sequence
from urllib.parse import urlsplit


def look(url: str, *, api_key: str) -> bytes:
    """The bytes of one GET."""
    parts = urlsplit(url)
    head = f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {api_key}\r\n\r\n"
    return head.encode()


def prepare(url: str, body: bytes, *, write_key: str) -> bytes:
    """The bytes of one POST."""
    parts = urlsplit(url)
    user = base64.b64encode(f"{write_key}:".encode()).decode()
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Basic {user}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Line:
    """One connection; requests go one after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, url: str) -> "Line":
        parts = urlsplit(url)
        return cls(*await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 22))

    async def send(self, request: bytes) -> int:
        """The status of the answer."""
        return (await self.ask(request))[0]

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """The status and the body of the answer."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return int(head[9:12]), await self._reader.readexactly(length)

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


async def send_all(url: str, requests: Sequence[bytes], *, lines: int) -> None:
    """Send everything over so many connections; raises on any answer but 200."""
    waiting = iter(requests)

    async def work(line: Line) -> None:
        for request in waiting:
            status = await line.send(request)
            if status != 200:
                raise RuntimeError(f"answered with {status}")

    opened = [await Line.open(url) for _ in range(lines)]
    await asyncio.gather(*(work(line) for line in opened))
    for line in opened:
        line.close()
