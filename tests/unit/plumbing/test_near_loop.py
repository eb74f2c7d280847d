"""No test reaches another machine, whatever it connects with."""

import asyncio
import socket

import aiohttp
import asyncpg
import pytest

FAR = "192.0.2.1"  # nobody's: for documentation


async def test_the_loop_connects_to_this_machine_only() -> None:
    with pytest.raises(UserWarning, match="A test tried"):
        await asyncio.open_connection(FAR, 80)
    with pytest.raises(UserWarning, match="A test tried"):
        await asyncpg.connect(f"postgresql://nobody@{FAR}/none")


async def test_nor_do_clients_or_sockets() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(UserWarning, match="A test tried"):
            await session.get(f"http://{FAR}/")
    with pytest.raises(UserWarning, match="A test tried"):
        socket.create_connection((FAR, 80), timeout=1)
