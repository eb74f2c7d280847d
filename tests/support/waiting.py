"""Waiting for what comes by itself: as long as it takes on a busy machine, and no longer than it takes."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

PATIENCE = 60.0  # seconds
LOOK_AGAIN = 0.02  # seconds


async def until(
    is_true: Callable[[], Awaitable[Any] | Any], what: str = "it comes true", *, seconds: float = PATIENCE
) -> None:
    """Until it is so. Fails the test when it has not become so by then."""
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + seconds
    while True:
        looks_at = loop.time()
        answer = is_true()
        if await answer if inspect.isawaitable(answer) else answer:
            return
        if loop.time() > ends_at:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        # A look that takes long would hold up what it waits for.
        await asyncio.sleep(max(LOOK_AGAIN, loop.time() - looks_at))
