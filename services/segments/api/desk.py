"""What the routes of this service need; one for the application."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from fastapi import Request

from services.segments.service.following import Following
from services.segments.service.rules import RuleBook
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection, Database
from shared.plumbing.errors import Unavailable
from shared.plumbing.http import Neighbour
from shared.plumbing.wake import Wake

COUNTING_AT_ONCE = 2
BREATH = 0.05  # seconds
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Desk:
    db: Database
    clock: Clock
    changed: Callable[[], None]  # to be called when the catalogue was
    messaging: Neighbour
    profiles: Neighbour
    default_zone: str
    book: RuleBook
    wake: Wake  # to be hinted at when memberships were
    following: Following
    _counting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(COUNTING_AT_ONCE))
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def change(self, work: Callable[[Connection, datetime], Awaitable[T]]) -> T:
        """Change the catalogue by `work(transaction, now)`: one change after the other, a breath apart. Each makes whoever
        evaluates begin again, and live events need a connection and a while without one."""
        await self._turn.acquire()
        try:
            done = await self.db.run(lambda tx: work(tx, self.clock.now()))
        finally:
            asyncio.get_running_loop().call_later(BREATH, self._turn.release)
        self.changed()
        return done

    @asynccontextmanager
    async def counting(self) -> AsyncIterator[None]:
        """For questions about everybody: a few at a time, for each holds a connection for long, and time and events go on by
        the same pool. Raises Unavailable when one takes too long."""
        async with self._counting:
            try:
                yield
            except TimeoutError as error:
                raise Unavailable(
                    "It took too long to count; try again when less is going on.", retry_after=60
                ) from error


def desk_of(request: Request) -> Desk:
    """The application's."""
    desk: Desk = request.app.state.desk
    return desk
