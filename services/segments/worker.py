"""What runs by itself: the feed that is pulled, what time changes, builds, and what deleted segments left behind."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

from services.segments.service.builds import find_build, finish_build, remove_some
from services.segments.service.first_truths import FirstTruths
from services.segments.service.passing import let_time_pass
from services.segments.service.rules import RuleBook
from services.segments.store.catalogue import RevisionChanged
from services.segments.store.profiles import earliest_due
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection, Database
from shared.plumbing.leases import LeaseLost, Leases
from shared.plumbing.log import get_logger

log = get_logger()
LOOK_AGAIN = 1.0  # seconds: a change by time shows within two
DUE_AT_ONCE = 1024
PROFILES_AT_ONCE = 500_000  # that one query of a build looks at


class Timers:
    """Brings profiles over their boundaries, soon after each has passed."""

    def __init__(
        self, db: Database, book: RuleBook, leases: Leases, clock: Clock, *, committed: Callable[[], None]
    ) -> None:
        self._db = db
        self._book = book
        self._leases = leases
        self._clock = clock
        self._committed = committed

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                while await self.step():
                    pass
            except LeaseLost:
                await self._leases.renew()
            await asyncio.sleep(await self._until_next())

    async def step(self) -> int:
        """Advance some of the profiles that are due; returns how many."""
        lanes = sorted(self._leases.held)
        if not lanes:
            return 0

        async def work(tx: Connection) -> int:
            now = self._clock.now()
            return await let_time_pass(tx, self._book, self._leases, lanes, now=now, limit=DUE_AT_ONCE)

        count = await self._db.run(work)
        if count:
            self._committed()
        return count

    async def _until_next(self) -> float:
        """Seconds until a boundary is due; not longer than until one that was just learnt of elsewhere may be."""
        lanes = sorted(self._leases.held)
        due_at = await earliest_due(self._db, lanes) if lanes else None
        if due_at is None:
            return LOOK_AGAIN
        wait = due_at - self._clock.now() + timedelta(milliseconds=1)
        return min(max(wait.total_seconds(), 0.001), LOOK_AGAIN)


class Builder:
    """Builds new versions on the leased lanes, and clears up after deleted segments.

    `due` is set when the catalogue was changed in this process; changes made elsewhere are found within a second.
    """

    def __init__(
        self,
        db: Database,
        book: RuleBook,
        leases: Leases,
        clock: Clock,
        *,
        due: asyncio.Event,
        committed: Callable[[], None],
        batch: int,
        at_once: int = PROFILES_AT_ONCE,
    ) -> None:
        self._db = db
        self._leases = leases
        self._clock = clock
        self._due = due
        self._committed = committed
        self._first_truths = FirstTruths(db, book, leases, clock, batch=batch, at_once=at_once)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                self._due.clear()
                if not await self._work():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._due.wait(), LOOK_AGAIN)
        finally:
            self._first_truths.close()

    async def _work(self) -> bool:
        try:
            return await self.step() or await self._db.run(remove_some)
        except LeaseLost:
            await self._leases.renew()
        except RevisionChanged:
            log.info("build_begins_again")  # segments are being changed all the time
        return True

    async def step(self) -> bool:
        """Some of the oldest build. False when there is nothing for these lanes."""
        build = await self._db.run(find_build)
        if build is None:
            return False
        lanes: Sequence[int] = sorted(self._leases.held)
        worked = bool(lanes) and await self._first_truths.step(build, lanes)
        worked = worked or await self._db.run(lambda tx: finish_build(tx, build, clock=self._clock))
        if worked:
            self._committed()
        return worked
