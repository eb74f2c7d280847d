"""Work behind live traffic."""

import asyncio

from shared.plumbing.behind import keep_working
from shared.plumbing.leases import Leases
from tests.services.plumbing.conftest import Bench


async def test_steps_that_find_little_follow_each_other_soon(bench: Bench) -> None:
    left, done = list(range(64)), asyncio.Event()

    async def step() -> bool:
        if not left:
            done.set()
            return False
        return left.pop() >= 0

    leases = Leases(bench.db, work="w", owner="o", clock=bench.clock)
    never = 3600.0
    working = asyncio.create_task(
        keep_working(step, leases=leases, due=asyncio.Event(), look_again=never, breath=never)
    )
    async with asyncio.timeout(60):
        await done.wait()
    working.cancel()
