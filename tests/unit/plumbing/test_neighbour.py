"""Calls between services."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from shared.plumbing.http import Neighbour


class Endless(httpx.AsyncByteStream):
    """An answer that begins and does not end."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.is_closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"{"
        self.begun.set()
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        self.is_closed = True


async def test_a_poll_that_is_cut_short_gives_its_connection_back() -> None:
    endless = Endless()
    neighbour = Neighbour(
        "http://other", token="t", transport=httpx.MockTransport(lambda _: httpx.Response(200, stream=endless))
    )
    polling = asyncio.create_task(neighbour.pull("reader", {0: 0}, limit=1))
    await endless.begun.wait()
    polling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await polling
    assert endless.is_closed
