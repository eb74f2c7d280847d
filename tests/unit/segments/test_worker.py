"""What runs by itself goes on, however often segments are changed."""

import asyncio
from typing import Any

from services.segments.store.catalogue import RevisionChanged
from services.segments.worker import Timers


async def test_time_goes_on_passing_while_segments_are_being_changed() -> None:
    looks: list[Exception | None] = [RevisionChanged(), RevisionChanged(), None]
    done = asyncio.Event()

    class Busy(Timers):
        async def step(self) -> int:
            if look := looks.pop(0):
                raise look
            return 0

        async def _until_next(self) -> float:
            done.set()
            return 60.0

    nothing: Any = None
    running = asyncio.create_task(Busy(nothing, nothing, nothing, nothing, committed=lambda: None).run())
    finished, _ = await asyncio.wait({running, asyncio.create_task(done.wait())}, return_when=asyncio.FIRST_COMPLETED)
    running.cancel()
    assert running not in finished
    assert done.is_set()
    assert looks == []
