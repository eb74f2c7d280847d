"""Waits for what was started to be ready."""

import asyncio
from collections.abc import Awaitable, Callable

ANSWER_WITHIN = 5.0  # seconds


async def status_of(host: str, port: int, path: str) -> int | None:
    """The HTTP status of `GET path`; None when nothing answers."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
                await writer.drain()
                return status_in(await reader.readline())
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return None


def status_in(line: bytes) -> int | None:
    """`HTTP/1.1 200 OK` -> 200."""
    parts = line.split()
    return int(parts[1]) if len(parts) >= 2 and parts[0].startswith(b"HTTP/") and parts[1].isdigit() else None


async def until(is_true: Callable[[], Awaitable[bool]], *, seconds: float, every: float = 0.05) -> bool:
    """Look again and again; False when it did not come true in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not await is_true():
        if loop.time() >= deadline:
            return False
        await asyncio.sleep(every)
    return True
