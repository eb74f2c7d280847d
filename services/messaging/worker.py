"""What runs by itself: the sender, the sweep after workers that died, broadcasts, journeys, what is told and what is forgotten."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from services.messaging.clients.neighbours import Profiles
from services.messaging.service.broadcasting import Broadcaster
from services.messaging.service.clicks import tell_clicks
from services.messaging.service.forgetting import Forgetter
from services.messaging.service.mover import Mover
from services.messaging.service.recording import Recorder
from services.messaging.service.sender import Outdated, Sender
from services.messaging.service.tasks import measure_tasks
from services.messaging.service.telling import tell_words
from shared.plumbing.clock import Clock
from shared.plumbing.db import TRY_AGAIN, Database, is_unavailable
from shared.plumbing.errors import Unavailable
from shared.plumbing.lanes import LANES
from shared.plumbing.leases import LeaseLost, Leases
from shared.plumbing.log import get_logger
from shared.plumbing.wake import Wake

log = get_logger()
LOOK_EVERY = 1.0
"""Seconds between looks when nobody hints: timers come due without a hint."""
FORGET_EVERY = 60.0
"""Seconds between looks for lanes whose turn has come."""


class Sending:
    """The sender's loop and those around it, all in the lanes leased for sending."""

    def __init__(
        self,
        db: Database,
        sender: Sender,
        recorder: Recorder,
        broadcaster: Broadcaster,
        forgetter: Forgetter,
        mover: Mover,
        *,
        profiles: Profiles,
        leases: Leases,
        wake: Wake,
        freed: asyncio.Event,
        clock: Clock,
    ) -> None:
        self._db = db
        self._profiles = profiles
        self._sender = sender
        self._recorder = recorder
        self._broadcaster = broadcaster
        self._forgetter = forgetter
        self._mover = mover
        self._leases = leases
        self._wake = wake
        self._freed = freed
        self._clock = clock
        self._begun = False

    async def run(self) -> None:
        """Send, until cancelled; sleep while nothing is due or nobody can take more."""
        if not self._begun:
            # Before anything of ours is under way: what bears our name was left by a process that is gone.
            await self._recorder.sweep(list(range(LANES)), owner=self._leases.owner)
            self._begun = True
        while True:
            hint = self._wake.next_hint()
            self._freed.clear()
            if not await _calmly(self._sender.step, self._leases):
                waits = [self._freed.wait] if self._sender.full else [hint.wait, self._freed.wait]
                await _first_of(waits, timeout=LOOK_EVERY)

    async def tell(self) -> None:
        """Tell profiles what recipients said, and of clicks that were not told at once, until cancelled."""
        while True:
            await tell_words(self._db, self._profiles, self._leases, self._clock)
            if await tell_clicks(self._db, self._leases, self._clock):
                self._wake.hint()
            await asyncio.sleep(LOOK_EVERY)

    async def broadcast(self) -> None:
        """Take the members of segments whose time has come, until cancelled."""
        while True:
            if await _calmly(self._broadcaster.step, self._leases):
                self._wake.hint()
            else:
                await asyncio.sleep(LOOK_EVERY)

    async def move(self) -> None:
        """Let people in journeys walk on, until cancelled."""
        while True:
            hint = self._wake.next_hint()
            if await _calmly(self._mover.step, self._leases):
                self._wake.hint()
            else:
                await _first_of([hint.wait], timeout=LOOK_EVERY)

    async def forget(self) -> None:
        """Forget what is old, until cancelled."""
        while True:
            await _calmly(self._forgetter.step, self._leases)
            await asyncio.sleep(FORGET_EVERY)

    async def sweep(self, *, every: float = 5.0) -> None:
        """Settle claims that are past their time, and count the tasks that wait, until cancelled."""
        while True:
            await asyncio.sleep(every)
            await self._recorder.sweep(list(self._leases.held))
            await measure_tasks(self._db, list(self._leases.held), now=self._clock.now())


async def _calmly(step: Callable[[], Awaitable[int]], leases: Leases) -> int:
    """A step; what will pass is waited for (0) or done again at once (1)."""
    try:
        return await step()
    except LeaseLost:
        await leases.renew()
    except Outdated:
        log.warning("recipients_outdated")
        return 1
    except TRY_AGAIN:
        return 1
    except Exception as error:
        if not (isinstance(error, Unavailable) or is_unavailable(error)):
            raise
        log.warning("sending_waits", kind=type(error).__name__)
    return 0


async def _first_of(waits: Sequence[Callable[[], Awaitable[object]]], timeout: float) -> None:
    tasks = [asyncio.ensure_future(wait()) for wait in waits]
    try:
        await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
