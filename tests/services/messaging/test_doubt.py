"""What may have arrived, and nobody knows: it counts as if it had, until a yes or the time ends the doubt."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.messaging.domain.answers import Accepted, Answer, Rejected, Unsure
from services.messaging.domain.delivery import Delivery
from services.messaging.service.catalogue import cancel_campaign
from services.messaging.store import dead_letters
from tests.services.messaging.conftest import Messaging
from tests.services.messaging.neighbours import consent
from tests.services.messaging.senders import Standing, make_sender
from tests.services.messaging.test_fallback import Carrier
from tests.support.waiting import until

CAP = {"frequency_caps": [{"purpose": "marketing", "max": 1, "within": "P7D"}]}


class Webhooks(Carrier):
    repeatable = True

    def __init__(self, *answers: Answer) -> None:
        super().__init__("webhook", *answers)


class Late(Carrier):
    """Answers when a test says so, in any order."""

    def __init__(self) -> None:
        super().__init__("twilio")
        self.waiting: list[asyncio.Future[Answer]] = []

    async def send(self, delivery: Delivery) -> Answer:
        self.sent.append(delivery)
        self.waiting.append(asyncio.get_running_loop().create_future())
        return await self.waiting[-1]


async def campaign(messaging: Messaging, key: str, channel: str, **fields: Any) -> None:
    await messaging.campaign(key, template={"channel": channel, "body": "Hi"}, **fields)


async def work(standing: Standing) -> None:
    await standing.take_in()
    await standing.leases.renew()
    for _ in range(3):
        await standing.sender.step()
        await standing.providers.finish(5)


async def test_a_webhook_in_doubt_counts_for_caps_and_re_entry_but_not_against_itself(messaging: Messaging) -> None:
    await messaging.call("PUT", "/v1/settings", CAP)
    await campaign(messaging, "first", "webhook", reentry="once")
    await campaign(messaging, "second", "webhook", reentry="always", delay="PT1S")
    await messaging.stop()
    hooks = Webhooks(Unsure("?"), Accepted("204"))
    ada = messaging.near.add_person(consents=[consent(channel="any")])
    async with make_sender(messaging, "one", carriers={"webhook": hooks}) as standing:
        for _ in range(2):
            messaging.near.change(ada, "vip", messaging.clock.now())
            await work(standing)
            messaging.clock.step(timedelta(seconds=1))
            await work(standing)
        rows = await messaging.rows("SELECT campaign, decision, reason FROM sends ORDER BY campaign, id")
        assert len(hooks.sent) == 1
        assert sorted(row["reason"] for row in rows) == ["frequency_cap", "frequency_cap", "no_answer", "reentry"]
        messaging.clock.step(timedelta(minutes=1))
        await work(standing)
    assert [one.id for one in hooks.sent] == [hooks.sent[0].id] * 2
    await messaging.start()
    assert sorted(one["reason"] for one in await messaging.decisions()) == [
        "frequency_cap",
        "frequency_cap",
        "reentry",
        "sent",
    ]


async def test_a_webhook_in_doubt_that_must_not_be_given_again_is_unknown(messaging: Messaging) -> None:
    await campaign(messaging, "hello", "webhook")
    await messaging.stop()
    hooks = Webhooks(Unsure("?"), Rejected("400"))
    ada = messaging.near.add_person(consents=[consent(channel="any")])
    async with make_sender(messaging, "one", carriers={"webhook": hooks}) as standing:
        messaging.near.change(ada, "vip", messaging.clock.now())
        await work(standing)
        messaging.near.people[ada]["consents"] = []
        messaging.clock.step(timedelta(minutes=1))
        await work(standing)
    await messaging.start()
    [decision] = await messaging.decisions()
    assert (decision["decision"], decision["reason"], len(hooks.sent)) == ("unknown", "no_answer", 1)
    assert decision["facts"]["not_again"] == "no_consent"
    [told] = await messaging.rows("SELECT message FROM feed")
    assert '"name":"Webhook Unconfirmed"' in told["message"]


async def test_what_may_have_arrived_is_unknown_when_its_campaign_is_cancelled(messaging: Messaging) -> None:
    await campaign(messaging, "hello", "webhook")
    await messaging.stop()
    hooks = Webhooks(Unsure("?"))
    ada = messaging.near.add_person(consents=[consent(channel="any")])
    async with make_sender(messaging, "one", carriers={"webhook": hooks}) as standing:
        messaging.near.change(ada, "vip", messaging.clock.now())
        await work(standing)
        await cancel_campaign(standing.db, "hello", at=messaging.clock.now())
        await work(standing)
    [sent] = await messaging.rows("SELECT decision, facts ->> 'not_again' AS why FROM sends")
    assert (sent["decision"], sent["why"], len(hooks.sent)) == ("unknown", "cancelled", 1)


async def test_what_may_have_arrived_goes_to_no_other_channel_of_an_edited_campaign(messaging: Messaging) -> None:
    await campaign(messaging, "hello", "webhook")
    email = {"key": "hello", "channel": "email", "subject": "Hi", "body": "Hi"}
    await messaging.call("POST", "/v1/templates", email, status=201)
    await messaging.stop()
    hooks = Webhooks(Unsure("?"))
    ada = messaging.near.add_person(consents=[consent(channel="any")])
    async with make_sender(messaging, "one", carriers={"webhook": hooks}) as standing:
        messaging.near.change(ada, "vip", messaging.clock.now())
        await work(standing)
        await messaging.rows('UPDATE campaigns SET definition = definition || \'{"channel": "email"}\'')
        messaging.clock.step(timedelta(minutes=1))
        await work(standing)
    [sent] = await messaging.rows("SELECT decision, facts ->> 'not_again' AS why FROM sends")
    assert (sent["decision"], sent["why"], len(hooks.sent)) == ("unknown", "other_channel", 1)
    assert [row["channel"] for row in await messaging.rows("SELECT channel FROM deliveries")] == ["webhook"]


async def given_up(messaging: Messaging, standing: Standing, late: Late) -> None:
    """One message is at a carrier that says nothing, and is given up."""
    person = messaging.near.add_person(
        traits={"email": "a@example.com", "phone": "+49 171 1"}, consents=[consent(channel="sms")]
    )
    messaging.near.change(person, "vip", messaging.clock.now())
    await standing.take_in()
    await standing.leases.renew()
    assert await standing.sender.step() == 1
    await until(lambda: bool(late.waiting), "it is under way")
    messaging.clock.step(timedelta(minutes=1))
    assert await standing.recorder.sweep(list(range(64))) == 1


async def redrive(standing: Standing, now: datetime) -> None:
    found = await dead_letters.find_dead(standing.db, campaign=None, ids=None, decisions=dead_letters.DEAD, limit=9)
    assert (
        len(await standing.db.run(lambda tx: dead_letters.redrive(tx, found, decisions=dead_letters.DEAD, now=now)))
        == 1
    )


async def test_a_late_answer_is_not_taken_for_that_to_a_later_try(messaging: Messaging) -> None:
    await campaign(messaging, "hello", "sms")
    await messaging.stop()
    late = Late()
    async with make_sender(messaging, "one", carriers={"sms": late}) as standing:
        await given_up(messaging, standing, late)
        await redrive(standing, messaging.clock.now())
        messaging.clock.step(timedelta(seconds=1))
        assert await standing.sender.step() == 1
        await until(lambda: len(late.waiting) == 2, "it is tried again")
        late.waiting[0].set_result(Rejected("late", bounced=True))
        await until(lambda: standing.providers._busy["twilio"] == 1, "the late answer is dealt with")
        [row] = await messaging.rows("SELECT state FROM sends")
        assert row["state"] == "claimed", "the second try is still under way"
        late.waiting[1].set_result(Accepted("SM2"))
        await standing.providers.finish(5)
    await messaging.start()
    [decision] = await messaging.decisions()
    assert (decision["decision"], decision["facts"]["answer"]) == ("sent", "SM2")
    assert await messaging.items("/v1/suppressions") == []


@pytest.mark.parametrize("redriven", [False, True])
async def test_a_late_yes_ends_the_doubt_also_before_it_is_sent_again(messaging: Messaging, redriven: bool) -> None:
    await campaign(messaging, "hello", "sms")
    await messaging.stop()
    late = Late()
    async with make_sender(messaging, "one", carriers={"sms": late}) as standing:
        await given_up(messaging, standing, late)
        if redriven:
            await redrive(standing, messaging.clock.now())
        late.waiting[0].set_result(Accepted("SM1"))
        await standing.providers.finish(5)
        assert await standing.sender.step() == 0
    await messaging.start()
    [decision] = await messaging.decisions()
    assert (decision["decision"], decision["facts"]["answer"], len(late.sent)) == ("sent", "SM1", 1)
    assert [one["status"] for one in await messaging.items("/v1/deliveries")] == ["sent"]


async def test_one_person_whose_answer_cannot_be_read_is_in_nobody_elses_way(messaging: Messaging) -> None:
    await campaign(messaging, "hello", "email")
    broken = messaging.near.add_person(consents="all of them")
    good = messaging.near.add_person()
    await messaging.enter(broken, good)
    await messaging.settle()
    assert await messaging.decided() == {str(broken): "unreadable_profile", str(good): "sent"}
    assert [one["profile_id"] for one in await messaging.items("/v1/dead-letters")] == [str(broken)]
