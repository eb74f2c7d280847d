"""Stands between a caller and a server, with TLS or with the troubles that networks have."""

import asyncio
import re
import ssl
from contextlib import suppress
from typing import Self

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)


class Front:
    """`async with Front("127.0.0.1", port) as front`: `front.port` leads there.

    `losing`: of so many connections, the server takes in the request, but the caller never hears of it.
    """

    def __init__(self, host: str, port: int, *, tls: ssl.SSLContext | None = None, losing: int = 0) -> None:
        self._target = (host, port)
        self._tls = tls
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.losing = losing
        self.port = 0

    async def __aenter__(self) -> Self:
        await self.mend()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()

    async def mend(self) -> None:
        """Let callers in; after a cut at the same port."""
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """End all connections, and refuse new ones."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        there, back = await asyncio.open_connection(*self._target)
        self._writers.add(back)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                if self.losing > 0:
                    self.losing -= 1
                    await _lose((reader, writer), (there, back))
                else:
                    await asyncio.gather(_pump(reader, back), _pump(there, writer))
        finally:
            for end in (writer, back):
                self._writers.discard(end)
                end.transport.abort()
            self._tasks.discard(task)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
    else:
        writer.close()


async def _lose(caller: Streams, server: Streams) -> None:
    """The whole request there, and no answer back."""
    head = await caller[0].readuntil(b"\r\n\r\n")
    length = LENGTH.search(head)
    assert length is not None, head
    server[1].write(head + await caller[0].readexactly(int(length[1])))
    answer = await server[0].readuntil(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200"), answer
