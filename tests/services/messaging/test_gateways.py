"""Gateways over real HTTP, as the settings wire them: once, signed, again where it may pass, and in nobody else's way."""

import hashlib
import hmac
from datetime import timedelta
from typing import Any

import pytest

from shared.plumbing.auth import derive
from tests.services.messaging.conftest import SECRET, Messaging, NewMessaging
from tests.services.messaging.gateway import Gateway
from tests.services.messaging.neighbours import consent
from tests.support.waiting import until

CHANNELS = ("sms", "push", "webhook")
DEVICE = {"token": "a-device", "platform": "ios", "app_version": None, "seen_at": "2026-01-01T00:00:00Z"}
PERSON: dict[str, Any] = {
    "traits": {"email": "ada@example.com", "phone": "+49 171", "first_name": "Ada"},
    "devices": [DEVICE],
    "consents": [consent(channel="any")],
}


async def _campaign(messaging: Messaging, channel: str) -> None:
    """A campaign of the channel's name on entering `vip`."""
    await messaging.campaign(channel, template={"channel": channel, "body": "Hi {{ profile.traits.first_name }}"})


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_message_goes_out_once_and_signed(new_messaging: NewMessaging, channel: str) -> None:
    async with Gateway(202).open() as gateway:
        messaging = await new_messaging(**{f"{channel}_url": gateway.url})
        await _campaign(messaging, channel)
        ada = messaging.near.add_person(**PERSON)
        await messaging.enter(ada)
        await messaging.settle()
        messaging.step(timedelta(hours=1))
        await messaging.settle()
        [posted] = gateway.posted
        [delivery] = await messaging.items("/v1/deliveries")
        signature = hmac.new(derive(SECRET, "gateway").encode(), posted.content, hashlib.sha256).hexdigest()
        assert posted.headers["x-regulars-signature"] == signature
        assert posted.headers["idempotency-key"] == posted.body["id"] == delivery["id"]
        to = {"sms": "+49 171", "push": "a-device", "webhook": str(ada)}[channel]
        assert (posted.body["to"], posted.body["text"], posted.body["channel"]) == (to, "Hi Ada", channel)
        assert (delivery["status"], delivery["answer"]) == ("sent", "202")
        assert delivery["provider"] == f"{channel}_gateway"
        assert await messaging.decided() == {str(ada): "sent"}
        assert await messaging.mailbox() == []


async def test_what_may_pass_is_tried_again_under_the_same_key(new_messaging: NewMessaging) -> None:
    async with Gateway(503, 429, 200).open() as gateway:
        messaging = await new_messaging(sms_url=gateway.url)
        await _campaign(messaging, "sms")
        await messaging.enter(messaging.near.add_person(**PERSON))
        await messaging.settle()
        [waiting] = await messaging.decisions()
        assert (waiting["decision"], waiting["reason"]) == ("deferred", "provider_error")
        assert waiting["facts"]["answer"] == "503"
        for tries in (2, 3):
            messaging.step(timedelta(minutes=1))
            await gateway.was_posted(tries)
            await messaging.settle()
        [sent] = await messaging.decisions()
        assert (sent["decision"], sent["facts"]["attempts"], len(gateway.posted)) == ("sent", 3, 3)
        assert len({posted.headers["idempotency-key"] for posted in gateway.posted}) == 1


async def test_a_refusal_is_final_and_an_address_that_is_gone_is_suppressed(new_messaging: NewMessaging) -> None:
    async with Gateway(400, 410).open() as gateway:
        messaging = await new_messaging(sms_url=gateway.url)
        await _campaign(messaging, "sms")
        for _ in range(2):
            await messaging.enter(messaging.near.add_person(**PERSON))
            await messaging.settle()
        messaging.step(timedelta(hours=1))
        await messaging.settle()
        decisions = await messaging.decisions()
        assert [(one["decision"], one["reason"]) for one in decisions] == [("failed", "provider_error")] * 2
        assert len(gateway.posted) == 2
        [suppression] = await messaging.items("/v1/suppressions")
        assert (suppression["channel"], suppression["address"], suppression["reason"]) == ("sms", "+49 171", "bounced")


async def test_a_slow_gateway_delays_nobody_else(new_messaging: NewMessaging) -> None:
    async with Gateway().open() as slow, Gateway().open() as quick:
        slow.hold.clear()
        messaging = await new_messaging(
            sms_url=slow.url, webhook_url=quick.url, gateway_connections=2, gateway_timeout=60
        )
        for channel in ("sms", "webhook", "email"):
            await _campaign(messaging, channel)
        await messaging.enter(*(messaging.near.add_person(**PERSON) for _ in range(6)))
        await quick.was_posted(6)

        async def all_mails_are_there() -> bool:
            return len(await messaging.mailbox()) == 6

        await until(all_mails_are_there, "the mails go out")
        await slow.was_posted(2)
        assert len(slow.posted) == 2, "as many as it has connections"
        assert await messaging.decisions("campaign=sms") == []
        slow.hold.set()
        await messaging.settle()
        assert len(slow.posted) == 6
        assert {one["decision"] for one in await messaging.decisions("campaign=sms")} == {"sent"}


async def test_one_that_never_answers_leaves_it_unknown_and_is_not_asked_again(new_messaging: NewMessaging) -> None:
    async with Gateway().open() as gateway:
        gateway.hold.clear()
        messaging = await new_messaging(sms_url=gateway.url, gateway_timeout=1)
        await _campaign(messaging, "sms")
        await messaging.enter(messaging.near.add_person(**PERSON))
        await gateway.was_posted(1)
        await messaging.settle()
        messaging.step(timedelta(hours=1))
        await messaging.settle()
        [unknown] = await messaging.decisions()
        assert (unknown["decision"], unknown["reason"], len(gateway.posted)) == ("unknown", "no_answer", 1)
