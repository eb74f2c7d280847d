"""As many messages at once as a provider has connections, those behind them in their order, and not for ever."""

import asyncio

from services.messaging.domain.answers import Accepted, Answer
from services.messaging.domain.delivery import Delivery
from services.messaging.service import queues
from services.messaging.service.queues import Queue
from tests.unit.messaging.test_providers import DELIVERY


class Carrier:
    """Answers when it is let."""

    room = 2

    def __init__(self) -> None:
        self.under_way = 0
        self.most = 0
        self.let = asyncio.Event()

    async def send(self, delivery: Delivery) -> Answer:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await self.let.wait()
        self.under_way -= 1
        return Accepted()


class Standing:
    def __init__(self) -> None:
        self.carrier = Carrier()
        self.seconds = 0.0
        self.queue = Queue(self.carrier, elapsed=lambda: self.seconds)

    async def begin(self, count: int) -> list[asyncio.Task[Answer | None]]:
        tasks = [asyncio.create_task(self.queue.carry(DELIVERY)) for _ in range(count)]
        for _ in range(5):
            await asyncio.sleep(0)
        return tasks


async def test_no_more_are_under_way_than_there_are_connections() -> None:
    standing = Standing()
    tasks = await standing.begin(9)
    assert standing.carrier.under_way == 2
    standing.carrier.let.set()
    assert await asyncio.gather(*tasks) == [Accepted()] * 9
    assert standing.carrier.most == 2


async def test_who_waits_when_it_ends_is_turned_away_and_who_is_under_way_is_not() -> None:
    standing = Standing()
    tasks = await standing.begin(5)
    standing.queue.close()
    standing.carrier.let.set()
    assert await asyncio.gather(*tasks) == [Accepted()] * 2 + [None] * 3


async def test_who_waits_too_long_is_turned_away() -> None:
    standing = Standing()
    await standing.begin(2)
    waiting = Queue(standing.carrier, elapsed=lambda: 0.0, longest_wait=0.01)
    held = [asyncio.create_task(waiting.carry(DELIVERY)) for _ in range(3)]
    assert await held[2] is None
    standing.carrier.let.set()
    assert await asyncio.gather(*held[:2]) == [Accepted()] * 2


async def test_its_room_is_what_is_answered_in_half_a_second_if_that_is_more_than_its_connections() -> None:
    standing = Standing()
    standing.carrier.let.set()
    assert standing.queue.room == 2
    await asyncio.gather(*await standing.begin(30))
    standing.seconds += queues.AHEAD
    assert standing.queue.room == 30
    standing.seconds += 0.01
    assert standing.queue.room == 2
