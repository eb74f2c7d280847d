"""Old decisions, messages and runs of journeys are forgotten: a lane a day, in small transactions, under the lane's lease."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from services.messaging.domain.retention import forgettable_decisions, forgettable_messages, forgettable_runs
from services.messaging.store.catalogue import load_campaigns, load_rules
from services.messaging.store.journeys import JourneyBook
from services.messaging.store.retention import (
    FIRST,
    Walked,
    forget_decisions,
    forget_household_messages,
    forget_messages,
    forget_runs,
)
from services.messaging.store.tasks import expire_tasks, forget_tasks
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection, Database
from shared.plumbing.leases import Leases

EVERY = timedelta(days=1)
PAGE = 500
PAUSE = 0.01
"""Seconds between two pages, so that sending hardly notices."""

Walk = Callable[[Connection, UUID], Awaitable[Walked]]


class Forgetter:
    """One step: every leased lane that was not walked through for a day."""

    def __init__(self, db: Database, *, leases: Leases, clock: Clock, kept: timedelta, page: int = PAGE) -> None:
        self._db = db
        self._leases = leases
        self._clock = clock
        self._kept = kept
        self._page = page
        self._book = JourneyBook()
        self._walked_at: dict[int, datetime] = {}

    async def step(self) -> int:
        """Returns how many rows were deleted. Raises LeaseLost if a lane is another's by now."""
        deleted = 0
        for lane in sorted(self._leases.held):
            now = self._clock.now()
            if lane not in self._walked_at or now - self._walked_at[lane] >= EVERY:
                deleted += await self._forget(lane, now)
                self._walked_at[lane] = now
        return deleted

    async def _forget(self, lane: int, now: datetime) -> int:
        campaigns = forgettable_decisions(await load_campaigns(self._db), now=now, kept=self._kept)
        runs = forgettable_runs(await self._book.load(self._db), now=now, kept=self._kept)
        before = forgettable_messages(await load_rules(self._db), now=now, kept=self._kept)
        await self._db.run(partial(self._expire, lane, now))
        deleted = 0
        for walk in (
            lambda tx, after: forget_decisions(tx, lane, after=after, campaigns=campaigns, limit=self._page),
            lambda tx, after: forget_runs(tx, lane, after=after, journeys=runs, limit=self._page),
            lambda tx, after: forget_messages(tx, lane, after=after, before=before, limit=self._page),
            lambda tx, after: forget_household_messages(tx, lane, after=after, before=before, limit=self._page),
            lambda tx, after: forget_tasks(tx, lane, after=after, before=now - self._kept, limit=self._page),
        ):
            deleted += await self._walk(lane, walk, until=now - self._kept)
        return deleted

    async def _expire(self, lane: int, now: datetime, tx: Connection) -> None:
        await self._leases.check(tx, [lane])
        await expire_tasks(tx, lane, now=now)

    async def _walk(self, lane: int, walk: Walk, *, until: datetime) -> int:
        """Page by page, to the end or to where all is newer than `until`."""
        deleted, after = 0, FIRST
        while True:
            walked = await self._db.run(partial(self._fenced, lane, walk, after))
            deleted += walked.deleted
            if walked.last is None or walked.oldest is None or walked.oldest >= until:
                return deleted
            after = walked.last
            await asyncio.sleep(PAUSE)

    async def _fenced(self, lane: int, walk: Walk, after: UUID, tx: Connection) -> Walked:
        await self._leases.check(tx, [lane])
        return await walk(tx, after)
