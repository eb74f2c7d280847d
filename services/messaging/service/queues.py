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

    def __init__(self, carrier: Carrier, *, elapsed: Callable[[], float]) -> None:
        self._carrier = carrier
        self._elapsed = elapsed
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
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                await self._connections.acquire()
        except TimeoutError:
            return None
        try:
            if self._closed:
                return None
            return await self._carrier.send(delivery)
        finally:
            self._answered.append(self._elapsed())
            self._connections.release()

    def close(self) -> None:
        """Begin no other."""
        self._closed = True
