"""How much a provider is given: after it failed again and again one message at a time, until one is taken."""

import asyncio
from datetime import timedelta
from uuid import UUID

from prometheus_client import REGISTRY

from services.messaging.domain.answers import Accepted, Answer, NotNow
from services.messaging.domain.delivery import Delivery
from services.messaging.domain.gate import OPENS_AFTER
from services.messaging.service.providers import Providers
from services.messaging.store.sends import Due
from shared.plumbing.ids import new_id
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


def due_after(attempts: int) -> Due:
    return Due(
        lane=0,
        id=new_id(),
        campaign_id=ID,
        campaign="hello",
        profile_id=ID,
        user_id=None,
        trigger_at=NOW,
        trigger={},
        due_at=NOW,
        next_at=NOW,
        attempts=attempts,
        delivery_id=None,
        tried=[],
    )


class Carrier:
    """Answers when `answers` has one."""

    timeout = 5.0
    room = 10
    per_second: float | None = None
    repeatable = False

    def __init__(self, name: str = "trial") -> None:
        self.name = name
        self.answers: asyncio.Queue[Answer] = asyncio.Queue()

    async def send(self, delivery: Delivery) -> Answer:
        return await self.answers.get()


class Standing:
    def __init__(self, *, second: bool = False) -> None:
        self.carrier = Carrier()
        seconds = {"sms": Carrier("second")} if second else {}
        self.seconds = 0.0
        self.recorded = 0
        self.providers = Providers(
            {"sms": self.carrier}, seconds=seconds, record=self._record, elapsed=lambda: self.seconds
        )

    async def _record(self, delivery: Delivery, answer: Answer) -> None:
        self.recorded += 1

    async def give(self, answer: Answer, times: int = 1) -> None:
        for _ in range(times):
            self.providers.dispatch(DELIVERY)
            self.carrier.answers.put_nowait(answer)
        await self.providers.finish(5)

    def carried_by(self, *attempts: int) -> list[str]:
        """Who carries messages that were tried so often, in this order; of those for which there is room."""
        due = [due_after(one) for one in attempts]
        carriers = [self.providers.of(one, "sms") for one in self.providers.fit(due, lambda _: ["sms"])]
        return [carrier.name for carrier in carriers if carrier]

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


async def test_tries_take_turns_so_that_what_one_could_not_take_the_other_is_asked() -> None:
    standing = Standing(second=True)
    assert standing.carried_by(0, 1, 2, 0) == ["trial", "second", "trial", "trial"]


async def test_while_the_first_fails_the_second_carries_all_but_one_now_and_then() -> None:
    standing = Standing(second=True)
    await standing.give(NotNow("busy"), OPENS_AFTER)
    assert standing.carried_by(0, 0, 1) == ["second", "second", "second"]
    standing.seconds = 1
    assert standing.carried_by(0, 0, 0) == ["trial", "second", "second"], "one to see whether it is back"
    await standing.give(Accepted())
    assert standing.carried_by(0, 0) == ["trial", "trial"]


async def test_what_is_too_much_for_the_first_waits_for_it() -> None:
    standing = Standing(second=True)
    standing.carrier.room = 2
    assert standing.carried_by(0, 0, 0) == ["trial", "trial"], "it is well: the second is none for the overflow"
