"""Background loops: ended together, also one that did not hear it."""

import asyncio
from contextlib import suppress

from shared.plumbing.tasks import Tasks


async def test_a_loop_that_swallows_its_cancellation_is_told_again() -> None:
    tasks, told = Tasks(), []

    async def deaf_at_first() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        told.append(1)
        await asyncio.Event().wait()

    tasks.start("deaf", deaf_at_first)
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await tasks.stop()
    assert told == [1]


async def test_all_end_and_none_is_started_again() -> None:
    tasks, ended = Tasks(), []

    async def loop(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    for name in ("one", "other"):
        tasks.start(name, lambda name=name: loop(name))  # type: ignore[misc]
    await asyncio.sleep(0)
    await tasks.stop()
    await tasks.stop()
    assert sorted(ended) == ["one", "other"]
