"""Old decisions, messages and runs of journeys are forgotten: a lane a day, in small transactions, under the lane's lease."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from services.messaging.domain.retention import forgettable_decisions, forgettable_messages, forgettable_runs
from services.messaging.store.catalogue import load_campaigns_and_rules
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

Walk = Callable[[Connection, int, UUID], Awaitable[Walked]]


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
        deleted, now = 0, self._clock.now()
        walked = self._walked_at
        turns = [one for one in sorted(self._leases.held) if one not in walked or now - walked[one] >= EVERY]
        walks = await self._plan(now) if turns else []
        for lane in turns:
            await self._db.run(partial(self._expire, lane, now))
            for walk in walks:
                deleted += await self._walk(lane, walk, until=now - self._kept)
            walked[lane] = now
        return deleted

    async def _plan(self, now: datetime) -> list[Walk]:
        """How each lane is walked, by the rules of now."""
        kept, limit = self._kept, self._page
        started, rules = await load_campaigns_and_rules(self._db)
        campaigns = forgettable_decisions(started, now=now, kept=kept)
        runs = forgettable_runs(await self._book.load(self._db), now=now, kept=kept)
        before = forgettable_messages(rules, now=now, kept=kept)
        return [
            lambda tx, lane, after: forget_decisions(tx, lane, after=after, campaigns=campaigns, limit=limit),
            lambda tx, lane, after: forget_runs(tx, lane, after=after, journeys=runs, limit=limit),
            lambda tx, lane, after: forget_messages(tx, lane, after=after, before=before, limit=limit),
            lambda tx, lane, after: forget_household_messages(tx, lane, after=after, before=before, limit=limit),
            lambda tx, lane, after: forget_tasks(tx, lane, after=after, before=now - kept, limit=limit),
        ]

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
        return await walk(tx, lane, after)
