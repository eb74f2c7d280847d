"""Work that goes on behind live traffic, step by step."""

import asyncio
from collections.abc import Awaitable, Callable

from shared.plumbing.leases import LeaseLost, Leases
from shared.plumbing.log import get_logger

log = get_logger()


async def keep_working(
    step: Callable[[], Awaitable[object]],
    *,
    leases: Leases,
    due: asyncio.Event,
    look_again: float,
    breath: float = 0.0,
    otherwise: Callable[[], Awaitable[None]] | None = None,
    begin_again: tuple[type[Exception], ...] = (),
) -> None:
    """Until cancelled: step after step while there is something to do, `breath` seconds apart; after a shorter step as long
    as it took, so that many that find little are soon done.

    When a step did nothing, wait until `due` is set; after `look_again` seconds do `otherwise`, and look again. A step that
    raises one of `begin_again` is taken again at once.
    """
    loop = asyncio.get_running_loop()
    while True:
        due.clear()
        begun = loop.time()
        try:
            worked = await step()
        except LeaseLost:
            await leases.renew()
            continue
        except begin_again as error:
            log.info("work_begins_again", kind=type(error).__name__)
            continue
        if worked:
            await asyncio.sleep(min(breath, loop.time() - begun))
            continue
        try:
            async with asyncio.timeout(look_again):
                await due.wait()
        except TimeoutError:
            if otherwise is not None:
                await otherwise()
