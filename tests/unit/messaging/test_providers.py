"""How much a provider is given: after it failed again and again one message at a time, until one is taken."""

import asyncio
from datetime import timedelta
from uuid import UUID

from prometheus_client import REGISTRY

from services.messaging.domain.answers import Accepted, Answer, NotNow
from services.messaging.domain.delivery import Delivery
from services.messaging.domain.gate import OPENS_AFTER
from services.messaging.service.providers import Providers
from tests.unit.messaging.builders import NOW

ID = UUID(int=1)
DELIVERY = Delivery(
    lane=0,
    id=ID,
    send_id=ID,
    campaign_id=ID,
    campaign="hello",
    profile_id=ID,
    channel="sms",
    purpose="marketing",
    template="hello",
    template_version=1,
    address="+49 171 1234567",
    content={},
    provider="trial",
    status="sending",
    at=NOW,
)


class Carrier:
    """Answers when `answers` has one."""

    name = "trial"
    timeout = 5.0
    room = 10
    per_second: float | None = None
    repeatable = False

    def __init__(self) -> None:
        self.answers: asyncio.Queue[Answer] = asyncio.Queue()

    async def send(self, delivery: Delivery) -> Answer:
        return await self.answers.get()


class Standing:
    def __init__(self) -> None:
        self.carrier = Carrier()
        self.seconds = 0.0
        self.recorded = 0
        self.providers = Providers({"sms": self.carrier}, record=self._record, elapsed=lambda: self.seconds)

    async def _record(self, delivery: Delivery, answer: Answer) -> None:
        self.recorded += 1

    async def give(self, answer: Answer, times: int = 1) -> None:
        for _ in range(times):
            self.providers.dispatch(DELIVERY)
            self.carrier.answers.put_nowait(answer)
        await self.providers.finish(5)

    @property
    def room(self) -> int | None:
        return self.providers.room(["sms"])

    @property
    def shown(self) -> float | None:
        return REGISTRY.get_sample_value("regulars_provider_paused", {"provider": "trial"})


async def test_after_a_pause_one_message_is_on_its_way_until_it_is_answered() -> None:
    standing = Standing()
    await standing.give(NotNow("busy", timedelta()), OPENS_AFTER)
    assert standing.room == 0
    standing.seconds = 1
    assert standing.room == 1
    standing.providers.dispatch(DELIVERY)
    assert standing.room == 0, "nobody knows yet whether it takes any"
    standing.carrier.answers.put_nowait(Accepted())
    await standing.providers.finish(5)
    assert standing.room == 10
    assert standing.recorded == OPENS_AFTER + 1


async def test_a_pause_that_is_over_is_not_shown_any_more() -> None:
    standing = Standing()
    assert standing.shown == 0
    await standing.give(NotNow("busy"), OPENS_AFTER)
    assert standing.shown == 1
    standing.seconds = 1
    assert standing.shown == 0
