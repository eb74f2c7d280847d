"""Messages on their way to a provider: as many at once as it has connections for, the next ones behind them."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from services.messaging.domain.answers import Answer
from services.messaging.domain.delivery import Delivery

AHEAD = 0.5
"""Seconds' worth of messages, at the pace of the provider, that are claimed together: so many cost little more than a few."""
LONGEST_WAIT = 5.0
"""Seconds for a connection to become free; what waited longer is claimed anew."""


class Carrier(Protocol):
    """What a queue leads to."""

    room: int

    async def send(self, delivery: Delivery) -> Answer: ...


class Queue:
    """The queue of one provider."""

    def __init__(self, carrier: Carrier, *, elapsed: Callable[[], float], longest_wait: float = LONGEST_WAIT) -> None:
        self._carrier = carrier
        self._elapsed = elapsed
        self._longest_wait = longest_wait
        self._connections = asyncio.Semaphore(carrier.room)
        self._answered: deque[float] = deque()
        self._closed = False

    @property
    def room(self) -> int:
        """How many messages may be under way: one on each connection, or what is answered in `AHEAD` if that is more."""
        since = self._elapsed() - AHEAD
        while self._answered and self._answered[0] < since:
            self._answered.popleft()
        return max(self._carrier.room, len(self._answered))

    async def carry(self, delivery: Delivery) -> Answer | None:
        """The provider's answer; None if its turn did not come in time, so that the provider does not know of it."""
        if not await self._turn():
            return None
        try:
            return await self._carrier.send(delivery)
        finally:
            self._answered.append(self._elapsed())
            self._connections.release()

    async def _turn(self) -> bool:
        if not self._connections.locked():
            return await self._connections.acquire()
        try:
            async with asyncio.timeout(self._longest_wait):
                await self._connections.acquire()
        except TimeoutError:
            return False
        if self._closed:
            self._connections.release()
        return not self._closed

    def close(self) -> None:
        """Who waits is turned away."""
        self._closed = True
