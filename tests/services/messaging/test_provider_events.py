"""What providers tell of messages: kept once, and followed by what must follow."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from services.messaging.domain.machines import SHOWN
from services.messaging.service.clicks import tell_clicks
from shared.plumbing import json
from shared.plumbing.ids import new_id
from tests.services.messaging.conftest import Messaging, NewMessaging
from tests.services.messaging.neighbours import consent
from tests.services.messaging.post import Post, hang_up
from tests.services.messaging.providers import Providers, event, events_of, mailed, twilio
from tests.services.messaging.receiver import Receiver
from tests.services.messaging.senders import make_sender
from tests.support.waiting import until

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


@pytest.fixture(scope="module")
def providers() -> Providers:
    return Providers()


async def outcomes(messaging: Messaging) -> list[tuple[str, Any]]:
    """What was told to the others since the message was sent: names and properties, each once, as events counts it."""
    rows = await messaging.rows("SELECT message FROM feed ORDER BY lane, seq")
    told = {one["message_id"]: one for row in rows if (one := json.loads(row["message"]))["name"] != "Email Sent"}
    return [(one["name"], one["properties"]) for one in told.values()]


async def test_a_hard_bounce_suppresses_the_address_once(new_messaging: NewMessaging, providers: Providers) -> None:
    messaging = await new_messaging(**providers.settings)
    ada, delivery = await mailed(messaging)
    bounce = event(messaging, delivery, "bounce", type="bounce", reason="550 5.1.1 unknown", after=0)
    delivered = event(messaging, delivery, "delivered", after=-1)
    assert (await providers.sendgrid(messaging, bounce, delivered)).status_code == 200
    [suppression] = await messaging.items("/v1/suppressions")
    assert (suppression["address"], suppression["reason"], suppression["purpose"]) == (
        "ada@example.com",
        "bounced",
        None,
    )
    assert [name for name, _ in await outcomes(messaging)] == ["Email Bounced", "Email Delivered"]
    assert await events_of(messaging) == [("delivered", None), ("bounced", None)], "by their time"

    await messaging.call("DELETE", f"/v1/suppressions/{suppression['id']}", status=204)
    for _ in range(2):
        await providers.sendgrid(messaging, bounce, bounce | {"sg_event_id": "told anew"}, delivered)
    assert await messaging.items("/v1/suppressions") == [], "what was known has no second effect"
    assert len(await outcomes(messaging)) == len(await events_of(messaging)) == 2
    await messaging.enter(ada)
    await messaging.settle()
    assert len(await messaging.mailbox()) == 2


async def test_a_soft_bounce_is_kept_and_suppresses_nobody(new_messaging: NewMessaging, providers: Providers) -> None:
    messaging = await new_messaging(**providers.settings)
    _, delivery = await mailed(messaging)
    await providers.sendgrid(messaging, event(messaging, delivery, "bounce", type="blocked"))
    assert [(name, told["bounce"]) for name, told in await outcomes(messaging)] == [("Email Bounced", "soft")]
    assert await messaging.items("/v1/suppressions") == []


async def test_a_complaint_stops_what_waits(new_messaging: NewMessaging, providers: Providers) -> None:
    messaging = await new_messaging(**providers.settings)
    ada, delivery = await mailed(messaging)
    await messaging.campaign("later", delay="PT1H", trigger={"event": "Asked"})
    messaging.near.event(ada, "Asked", messaging.clock.now())
    await messaging.settle()
    await providers.mailgun(messaging, {"event": "complained", "user-variables": {"delivery_id": delivery["id"]}})
    messaging.step(timedelta(hours=1))
    await messaging.settle()
    [decision] = await messaging.decisions("campaign=later")
    assert (decision["decision"], decision["facts"]["suppressions"]["email"]["reason"]) == ("suppressed", "complained")
    assert ("Email Marked as Spam", "hello") in [(name, told["campaign"]) for name, told in await outcomes(messaging)]


async def test_whoever_unsubscribes_at_the_provider_is_unsubscribed(
    new_messaging: NewMessaging, providers: Providers
) -> None:
    messaging = await new_messaging(**providers.settings)
    ada, delivery = await mailed(messaging)
    told = {
        "RecordType": "SubscriptionChange",
        "SuppressSending": True,
        "Origin": "Recipient",
        "SuppressionReason": "ManualSuppression",
        "ChangedAt": messaging.clock.now().isoformat(),
        "Metadata": {"delivery_id": delivery["id"]},
    }
    for _ in range(2):
        assert (await providers.postmark(messaging, told)).status_code == 200
    await messaging.settle()
    [suppression] = await messaging.items("/v1/suppressions")
    assert (suppression["reason"], suppression["purpose"]) == ("unsubscribed", "marketing")
    [change] = messaging.near.consents_told
    assert (change["profile_id"], change["status"], change["source"]) == (str(ada), "withdrawn", "provider")
    assert [name for name, _ in await outcomes(messaging)] == ["Unsubscribed"]


async def test_what_nobody_knew_is_known_when_the_provider_tells(
    new_messaging: NewMessaging, providers: Providers
) -> None:
    async with Post(data=hang_up).open() as post_office:
        messaging = await new_messaging(**providers.settings, **post_office.settings)
        _, delivery = await mailed(messaging)
        assert delivery["status"] == "unknown"
        for _ in range(2):
            await providers.sendgrid(messaging, event(messaging, delivery, "delivered"))
        [delivery] = await messaging.items("/v1/deliveries")
        assert (delivery["status"], delivery["answer"]) == ("sent", "known by what became of it")
        [decision] = await messaging.decisions()
        assert (decision["decision"], decision["reason"]) == ("sent", "sent")
        told = await messaging.rows("SELECT message FROM feed")
        names = sorted(json.loads(row["message"])["name"] for row in told)
        assert names == ["Email Delivered", "Email Sent", "Email Unconfirmed"]
        redriven = await messaging.call("POST", "/v1/dead-letters/redrive", {"unknown": True})
        assert redriven["redriven"] == 0


async def test_an_answer_that_never_comes_is_a_yes_where_the_provider_has_told(
    new_messaging: NewMessaging, providers: Providers
) -> None:
    told = asyncio.Event()

    async def hang_up_then(post_office: Post, address: str) -> str:
        await told.wait()
        return await hang_up(post_office, address)

    async with Post(data=hang_up_then).open() as post_office:
        messaging = await new_messaging(**providers.settings, **post_office.settings)
        await messaging.campaign()
        await messaging.enter(messaging.near.add_person())
        await post_office.tried(1)
        [delivery] = await messaging.items("/v1/deliveries")
        assert delivery["status"] == "sending"
        await providers.sendgrid(messaging, event(messaging, delivery, "delivered"))
        told.set()
        await messaging.settle()
        [decision] = await messaging.decisions()
        assert (decision["decision"], decision["reason"]) == ("sent", "sent")


async def test_machines_are_told_apart_on_the_feed_and_in_the_report(
    new_messaging: NewMessaging, providers: Providers
) -> None:
    messaging = await new_messaging(**providers.settings)
    _, delivery = await mailed(messaging)
    messaging.step(timedelta(minutes=1))
    links = [
        event(messaging, delivery, "click", url=f"https://shop.example/{n}", useragent=AGENT, after=-40 + n)
        for n in (1, 2)
    ]
    await providers.sendgrid(messaging, links[0])
    await providers.sendgrid(messaging, links[1], event(messaging, delivery, "open", useragent="Mozilla/5.0", after=0))
    assert await events_of(messaging) == [
        ("clicked", "several_links"),
        ("clicked", "several_links"),
        ("opened", "apple_mail_privacy"),
    ]
    messaging.step(SHOWN)
    await messaging.settle()
    told = await outcomes(messaging)
    assert [(name, one.get("machine"), one.get("machine_reason")) for name, one in told] == [
        ("Email Link Clicked", True, "several_links"),
        ("Email Opened", True, "apple_mail_privacy"),
        ("Email Link Clicked", True, "several_links"),
    ]
    assert [one.get("link_url") for _, one in told] == ["https://shop.example/2", None, "https://shop.example/1"]
    report = await messaging.call("GET", "/v1/campaigns/hello/report")
    assert (report["messages"]["opened"], report["messages"]["opened_by_machines_only"]) == (0, 1)
    await providers.sendgrid(messaging, event(messaging, delivery, "open", useragent=AGENT, after=0))
    report = await messaging.call("GET", "/v1/campaigns/hello/report")
    assert report["messages"] == {
        "delivered": 0,
        "bounced": 0,
        "bounced_for_good": 0,
        "complained": 0,
        "unsubscribed": 0,
        "opened": 1,
        "opened_by_machines_only": 0,
        "clicked": 0,
        "clicked_by_machines_only": 1,
    }


@pytest.mark.parametrize("early", [True, False])
async def test_a_click_that_may_be_a_scanners_first_is_told_once_none_has_followed(
    new_messaging: NewMessaging, providers: Providers, early: bool
) -> None:
    """Also through a merge. Later than scanners come, clicks are told at once."""
    messaging = await new_messaging(**providers.settings)
    ada, delivery = await mailed(messaging)
    messaging.step(timedelta(minutes=1 if early else 3))
    click = event(messaging, delivery, "click", url="https://shop.example/1", useragent=AGENT, after=0)
    for _ in range(2):
        await providers.sendgrid(messaging, click)
    assert await events_of(messaging) == [("clicked", None)]
    assert len(await outcomes(messaging)) == (0 if early else 1)
    survivor = messaging.near.add_person()
    messaging.near.merge(ada, survivor, messaging.clock.now())
    await messaging.settle()
    messaging.step(SHOWN)
    await messaging.settle()
    [(name, told)] = await outcomes(messaging)
    assert (name, told["link_url"], told.get("machine")) == ("Email Link Clicked", "https://shop.example/1", None)
    [row] = await messaging.rows("SELECT message FROM feed WHERE message LIKE '%Link Clicked%'")
    message = json.loads(row["message"])
    assert message["profile_id"] == str(survivor if early else ada)
    await messaging.stop()
    await messaging.start()
    await messaging.settle()
    assert len(await outcomes(messaging)) == 1


async def test_a_click_that_waits_outlives_whoever_was_to_tell_it_and_is_told_once(
    new_messaging: NewMessaging, providers: Providers
) -> None:
    messaging = await new_messaging(**providers.settings)
    _, delivery = await mailed(messaging)
    messaging.step(timedelta(minutes=1))
    click = event(messaging, delivery, "click", url="https://shop.example/1", useragent=AGENT, after=0)
    await providers.sendgrid(messaging, click)
    await messaging.stop()
    messaging.clock.step(SHOWN)
    async with make_sender(messaging, "mortal") as one:
        await one.leases.renew()
        async with one.db.pool.acquire() as connection, connection.transaction():
            # Where it waits for that, it has taken the click and not told of it.
            await connection.execute("LOCK TABLE feed IN SHARE MODE")
            telling = asyncio.create_task(tell_clicks(one.db, one.leases, messaging.clock))
            await until(partial(messaging.waits, "relation"), "the teller waits")
            telling.cancel()
            await asyncio.wait([telling])
        assert await outcomes(messaging) == []
        # Two at once, as while a lease goes from one to the other.
        await asyncio.gather(*(tell_clicks(one.db, one.leases, messaging.clock) for _ in range(2)))
    assert len(await messaging.rows("SELECT FROM feed WHERE message LIKE '%Link Clicked%'")) == 1


async def test_text_messages_ask_to_be_told_and_a_dead_number_is_suppressed(
    new_messaging: NewMessaging, providers: Providers
) -> None:
    async with Receiver((201, {"sid": "SM1"})).open() as api:
        account = {"twilio_url": api.url, "twilio_account": "AC1", "twilio_token": "t", "twilio_from": "+15005550006"}
        messaging = await new_messaging(**providers.settings, **account)
        await messaging.campaign(template={"channel": "sms", "body": "Hi"})
        phone = {"traits": {"phone": "+491711234567"}, "consents": [consent(channel="sms")]}
        await messaging.enter(messaging.near.add_person(**phone))
        await messaging.settle()
        [delivery] = await messaging.items("/v1/deliveries")
        callback = f"https://shop.example/hooks/twilio/status?delivery_id={delivery['id']}"
        assert api.posted[0].form["StatusCallback"] == callback
        form = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30005", "To": "+491711234567"}
        assert (await twilio(messaging, delivery["id"], token="wrong", **form)).status_code == 403
        assert (await twilio(messaging, new_id(), token="t", **form)).status_code == 200
        assert await messaging.items("/v1/suppressions") == []
        assert (await twilio(messaging, delivery["id"], token="t", **form)).status_code == 200
        assert [one["reason"] for one in await messaging.items("/v1/suppressions")] == ["bounced"]
        assert "SMS Bounced" in [name for name, _ in await outcomes(messaging)]


async def test_what_happened_moves_with_a_merge_and_goes_with_an_erasure(
    new_messaging: NewMessaging, providers: Providers
) -> None:
    messaging = await new_messaging(**providers.settings)
    ada, delivery = await mailed(messaging)
    await providers.sendgrid(messaging, event(messaging, delivery, "delivered"))
    survivor = messaging.near.add_person()
    messaging.near.merge(ada, survivor, messaging.clock.now())
    await messaging.settle()
    opened = event(messaging, delivery, "open", useragent=AGENT)
    await providers.sendgrid(messaging, opened, event(messaging, delivery, "delivered"))
    rows = await messaging.rows("SELECT kind, profile_id FROM delivery_events ORDER BY kind")
    assert [tuple(row) for row in rows] == [("delivered", survivor), ("opened", survivor)]
    messaging.near.erase(survivor, messaging.clock.now(), ada)
    await messaging.settle()
    assert (await providers.sendgrid(messaging, event(messaging, delivery, "spamreport"))).status_code == 200
    for table in ("delivery_events", "suppressions", "feed"):
        assert await messaging.rows(f"SELECT * FROM {table}") == [], table


async def test_what_becomes_of_a_test_message_counts_nowhere(new_messaging: NewMessaging, providers: Providers) -> None:
    messaging = await new_messaging(**providers.settings)
    ada = messaging.near.add_person()
    await messaging.call("POST", "/v1/templates", {"key": "hello", "channel": "email", "body": "Hi"}, status=201)
    body = {"profile_id": ada, "to": "author@shop.example"}
    sent = await messaging.call("POST", "/v1/templates/hello/test", body)
    await providers.sendgrid(messaging, event(messaging, sent, "spamreport"))
    assert await events_of(messaging) == [("complained", None)]
    assert await messaging.items("/v1/suppressions") == await outcomes(messaging) == []


async def test_letters_that_cannot_be_kept_hold_up_no_other_event(
    new_messaging: NewMessaging, providers: Providers
) -> None:
    messaging = await new_messaging(**providers.settings)
    _, delivery = await mailed(messaging)
    odd = event(messaging, delivery, "open", useragent="A\x00B", sg_event_id="a\x00b", after=0)
    spam = event(messaging, delivery, "spamreport", after=0)
    assert (await providers.sendgrid(messaging, odd, spam)).status_code == 200
    assert sorted(await events_of(messaging)) == [("complained", None), ("opened", "at_once")]
    [suppression] = await messaging.items("/v1/suppressions")
    assert suppression["reason"] == "complained"


async def test_who_has_consented_anew_may_unsubscribe_by_the_same_message(
    new_messaging: NewMessaging, providers: Providers
) -> None:
    messaging = await new_messaging(**providers.settings)
    ada, delivery = await mailed(messaging)
    first = event(messaging, delivery, "unsubscribe", after=0)
    await providers.sendgrid(messaging, first)
    messaging.step(timedelta(days=1))
    messaging.near.people[ada]["consents"] = [consent() | {"at": messaging.clock.now().isoformat()}]
    await providers.sendgrid(messaging, first, first | {"sg_event_id": "told anew"})
    await messaging.enter(ada)
    await messaging.settle()
    assert len(await messaging.mailbox()) == 2, "what was known takes nothing back"
    messaging.step(timedelta(minutes=1))
    await providers.sendgrid(messaging, event(messaging, delivery, "unsubscribe", after=0))
    await messaging.enter(ada)
    await messaging.settle()
    assert len(await messaging.mailbox()) == 2
    assert len([name for name, _ in await outcomes(messaging) if name == "Unsubscribed"]) == 1
