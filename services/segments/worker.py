"""What runs by itself: the feed that is pulled, what time changes, builds, and what deleted segments left behind."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial

from services.segments.service.builds import find_build, finish_builds, remove_some
from services.segments.service.first_truths import FirstTruths
from services.segments.service.passing import carry_out_plans, let_time_pass, plan_ahead
from services.segments.service.rules import RuleBook
from services.segments.service.settling import finish_settling, settle_some
from services.segments.store.builds import anything_to_build
from services.segments.store.catalogue import RevisionChanged
from services.segments.store.profiles import due_lanes, earliest_due
from shared.plumbing.behind import keep_working
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection, Database
from shared.plumbing.leases import LeaseLost, Leases
from shared.plumbing.log import get_logger

log = get_logger()
LOOK_AGAIN = 1.0  # seconds: a change by time shows within two
DUE_AT_ONCE = 1024
LANES_AT_ONCE, SIDE_BY_SIDE, PLANS_AT_ONCE = 8, 2, 2000
GENTLY = 5.0  # seconds for which a midnight takes half of one processor; who is due later than that has waited enough
PLANNED_AT_ONCE = 200
AHEAD = timedelta(minutes=10)
PLANS_AGAIN = 30.0  # seconds; few beside the ten minutes that plans are made ahead
PROFILES_AT_ONCE = 1_000_000  # that one query of a build looks at


class Timers:
    """Brings profiles over their boundaries, soon after each has passed.

    For the first seconds of a crowd, `gently`, of one lane after the other, with a rest after each, so that others are held up
    little; then of two at once.
    """

    def __init__(
        self,
        db: Database,
        book: RuleBook,
        leases: Leases,
        clock: Clock,
        *,
        committed: Callable[[], None],
        gently: float = GENTLY,
    ) -> None:
        self._db = db
        self._book = book
        self._leases = leases
        self._clock = clock
        self._committed = committed
        self._gently = gently
        self._busy_since: float | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                while await self.step():
                    pass
            except LeaseLost:
                await self._leases.renew()
            except RevisionChanged:
                log.info("time_passes_again")  # segments are being changed all the time
                continue
            await asyncio.sleep(await self._until_next())

    async def step(self) -> int:
        """Advance some of the profiles that are due; returns how many."""
        lanes = sorted(self._leases.held)
        if not lanes:
            return 0

        now = self._clock.now()
        due = await due_lanes(self._db, lanes, now)
        if not due:
            self._busy_since = None
            return 0
        count = await self._carry_out(due[:LANES_AT_ONCE], now) or await self._pass(due, now)
        if count:
            self._committed()
        return count

    async def _carry_out(self, due: Sequence[int], now: datetime) -> int:
        loop = asyncio.get_running_loop()
        self._busy_since = self._busy_since or loop.time()
        gently = loop.time() - self._busy_since < self._gently
        lanes, count = iter(due), 0
        works = [self._carry_out_in(lanes, now, gently=gently) for _ in range(1 if gently else SIDE_BY_SIDE)]
        for done in await asyncio.gather(*works, return_exceptions=True):
            if isinstance(done, BaseException):
                raise done
            count += done
        return count

    async def _carry_out_in(self, lanes: Iterator[int], now: datetime, *, gently: bool) -> int:
        """In one after the other, as long as there are any: whoever takes of them, too, gets others."""
        loop, count = asyncio.get_running_loop(), 0
        for lane in lanes:
            begun = loop.time()
            if done := await self._db.run(partial(self._carry_out_some, lane, now)):
                self._committed()
                count += done
                if gently:
                    await asyncio.sleep(loop.time() - begun)
        return count

    async def _carry_out_some(self, lane: int, now: datetime, tx: Connection) -> int:
        return await carry_out_plans(tx, self._book, self._leases, lane, now=now, limit=PLANS_AT_ONCE)

    async def _pass(self, due: Sequence[int], now: datetime) -> int:
        return await self._db.run(
            lambda tx: let_time_pass(tx, self._book, self._leases, sorted(due), now=now, limit=DUE_AT_ONCE)
        )

    async def _until_next(self) -> float:
        """Seconds until a boundary is due; not longer than until one that was just learnt of elsewhere may be."""
        lanes = sorted(self._leases.held)
        due_at = await earliest_due(self._db, lanes) if lanes else None
        if due_at is None:
            return LOOK_AGAIN
        wait = due_at - self._clock.now() + timedelta(milliseconds=1)
        return min(max(wait.total_seconds(), 0.001), LOOK_AGAIN)


class Planner:
    """Works out what time will change, before it does; a quarter of the time at most, so that what happens goes first."""

    def __init__(self, db: Database, book: RuleBook, leases: Leases, clock: Clock, *, ahead: timedelta = AHEAD) -> None:
        self._db = db
        self._book = book
        self._leases = leases
        self._clock = clock
        self._ahead = ahead

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            begun, count = loop.time(), 0
            try:
                count = await self.step()
            except LeaseLost:
                await self._leases.renew()
            except RevisionChanged:
                log.info("plans_begin_again")
            await asyncio.sleep(3 * (loop.time() - begun) if count else PLANS_AGAIN)

    async def step(self) -> int:
        """Plan for some of the profiles that are due soon; returns for how many."""
        lanes = sorted(self._leases.held)
        if not lanes:
            return 0

        async def work(tx: Connection) -> int:
            now = self._clock.now()
            until = now + self._ahead
            return await plan_ahead(tx, self._book, self._leases, lanes, now=now, until=until, limit=PLANNED_AT_ONCE)

        return await self._db.run(work)


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
        self._book = book
        self._leases = leases
        self._clock = clock
        self._due = due
        self._committed = committed
        self._batch = batch
        self._first_truths = FirstTruths(db, book, leases, clock, batch=batch, at_once=at_once)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            await keep_working(
                self._work,
                leases=self._leases,
                due=self._due,
                look_again=LOOK_AGAIN,
                begin_again=(RevisionChanged,),  # segments are being changed all the time
            )
        finally:
            self._first_truths.close()

    async def _work(self) -> bool:
        if not await anything_to_build(self._db):
            return False
        return await self.step() or await self._db.run(remove_some)

    async def step(self) -> bool:
        """Some of what has taken over, else of the oldest build. False when there is nothing for these lanes."""
        lanes = sorted(self._leases.held)
        worked = await self._settle(lanes) or await self._build(lanes)
        if worked:
            self._committed()
        return worked

    async def _settle(self, lanes: Sequence[int]) -> bool:
        async def settle(tx: Connection) -> bool:
            return await settle_some(tx, self._book, self._leases, lanes, now=self._clock.now(), at_once=self._batch)

        return (bool(lanes) and await self._db.run(settle)) or await self._db.run(finish_settling)

    async def _build(self, lanes: Sequence[int]) -> bool:
        build = await self._db.run(find_build)
        if build is None:
            return False
        built = bool(lanes) and await self._first_truths.step(build, lanes)
        return built or await self._db.run(lambda tx: finish_builds(tx, clock=self._clock))
