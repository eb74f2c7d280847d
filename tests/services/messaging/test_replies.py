"""STOP and START by text message: signed by the provider, counted from the answer on, and no operator's word undone."""

import asyncio
import base64
import hashlib
import hmac
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from services.messaging.domain.replies import asked_by, is_signed
from shared.plumbing.ids import new_id
from shared.plumbing.lanes import LANES, lane_of
from tests.services.messaging.chance import someone
from tests.services.messaging.conftest import Messaging, NewMessaging
from tests.services.messaging.neighbours import consent
from tests.services.messaging.senders import make_sender
from tests.support.waiting import until

TWILIO: dict[str, Any] = {
    "twilio_account": "AC1",
    "twilio_token": "12345",
    "twilio_from": "+15005550006",
    "twilio_url": "http://127.0.0.1:9",
    "public_url": "https://shop.example",
}
NUMBER = "+491711234567"
PERSON: dict[str, Any] = {"traits": {"phone": "+49 171 1234567"}, "consents": [consent(channel="sms")]}


def test_a_signature_is_as_in_the_providers_documentation() -> None:
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    url, signature = "https://mycompany.com/myapp.php?foo=1&bar=2", "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    assert is_signed(url, form, signature, "12345")
    assert not is_signed(url, form | {"Digits": "1"}, signature, "12345")
    assert not is_signed(url, form, signature, "12346")
    assert not is_signed(url, form, "ünsigned", "12345")


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"Body": "STOP"}, "stop"),
        ({"Body": " stop. "}, "stop"),
        ({"Body": "Stopp!"}, "stop"),
        ({"Body": "Unsubscribe"}, "stop"),
        ({"Body": "please don't stop"}, None),
        ({"Body": "start"}, "start"),
        ({"Body": "genug davon", "OptOutType": "STOP"}, "stop"),
        ({"Body": "STOP", "OptOutType": "HELP"}, None),
        ({}, None),
    ],
)
def test_what_a_reply_asks_for(form: dict[str, str], expected: str | None) -> None:
    assert asked_by(form) == expected


async def _reply(
    messaging: Messaging, body: str, *, token: str = "12345", status: int = 200, sid: str | None = None
) -> None:
    """`sid`: a new one, if it is left out."""
    form = {"From": NUMBER, "To": "+15005550006", "Body": body, "MessageSid": sid or f"SM{new_id().hex}"}
    told = "https://shop.example/hooks/twilio" + "".join(name + form[name] for name in sorted(form))
    signature = base64.b64encode(hmac.new(token.encode(), told.encode(), hashlib.sha1).digest()).decode()
    headers = {
        "X-Twilio-Signature": signature,
        "Content-Type": "application/x-www-form-urlencoded",
        "Authorization": "",
    }
    answer = await messaging.http.post("/hooks/twilio", content=urlencode(form), headers=headers)
    assert answer.status_code == status, answer.text
    if status == 200:
        assert "<Response></Response>" in answer.text


async def test_a_stop_is_honoured_by_what_waits_and_lifted_by_a_start(new_messaging: NewMessaging) -> None:
    messaging = await new_messaging(**TWILIO)
    template = {"channel": "sms", "body": "Hi"}
    await messaging.campaign(template=template, delay="PT1H")
    await messaging.enter(messaging.near.add_person(**PERSON))
    await messaging.settle()
    await _reply(messaging, "STOP")
    [suppression] = await messaging.items("/v1/suppressions")
    assert (suppression["channel"], suppression["address"], suppression["reason"]) == ("sms", None, "stopped")
    assert await messaging.items(f"/v1/suppressions?channel=sms&address={quote(NUMBER)}") == [suppression]
    messaging.step(timedelta(hours=1))
    await messaging.settle()
    [decision] = await messaging.decisions()
    assert (decision["decision"], decision["facts"]["suppressions"]["sms"]["reason"]) == ("suppressed", "stopped")
    await _reply(messaging, "what was this?")
    assert len(await messaging.items("/v1/suppressions")) == 1
    await _reply(messaging, "Start")
    assert await messaging.items("/v1/suppressions") == []


async def test_a_start_that_is_told_again_undoes_no_stop_that_came_after_it(new_messaging: NewMessaging) -> None:
    """However much later: the signature is good for ever."""
    messaging = await new_messaging(**TWILIO)
    await _reply(messaging, "STOP", sid="SM1")
    await _reply(messaging, "START", sid="SM2")
    assert await messaging.items("/v1/suppressions") == []
    await _reply(messaging, "STOP", sid="SM1")
    assert await messaging.items("/v1/suppressions") == [], "nor the other way round"
    await _reply(messaging, "STOP", sid="SM3")
    messaging.step(timedelta(days=500))
    await _reply(messaging, "START", sid="SM2")
    assert [one["reason"] for one in await messaging.items("/v1/suppressions")] == ["stopped"]
    assert "SM" not in str([dict(row) for row in await messaging.rows("SELECT * FROM hook_tokens")])


@pytest.mark.parametrize("by", ["stop", "operator"])
async def test_it_is_answered_when_no_claim_is_left_that_has_not_seen_it(new_messaging: NewMessaging, by: str) -> None:
    messaging = await new_messaging(**TWILIO)
    await messaging.campaign(template={"channel": "sms", "body": "Hi"})
    await messaging.stop()
    await messaging.start(role="api")
    messaging.near.change(messaging.near.add_person(**PERSON), "vip", messaging.clock.now())
    body = {"channel": "sms", "address": NUMBER}
    async with make_sender(messaging, "slow") as one:
        await one.leases.renew()
        await one.take_in()
        async with one.db.pool.acquire() as connection, connection.transaction():
            # Where the claim waits for that, it has read and not written.
            await connection.execute("LOCK TABLE deliveries IN SHARE MODE")
            claiming = asyncio.create_task(one.sender.step())
            await until(partial(messaging.waits, "relation"), "the claim waits")
            asked = _reply(messaging, "STOP") if by == "stop" else messaging.call("POST", "/v1/suppressions", body)
            refusing = asyncio.ensure_future(asked)

            async def it_waits() -> bool:
                return refusing.done() or await messaging.waits("transactionid")

            await until(it_waits, "the refusal waits")
            assert len(await messaging.items("/v1/suppressions")) == 1
            assert not refusing.done()
        assert await claiming == 1
        await refusing


async def test_while_it_waits_for_one_claim_it_holds_up_no_other(new_messaging: NewMessaging) -> None:
    messaging = await new_messaging(**TWILIO)
    await messaging.campaign(template={"channel": "sms", "body": "Hi"})
    await messaging.stop()
    await messaging.start(role="api")
    last = LANES - 1
    ada = someone(lambda one: lane_of(one) != last)
    messaging.near.change(messaging.near.add_person(id=ada, **PERSON), "vip", messaging.clock.now())
    async with make_sender(messaging, "quick") as one:
        await one.leases.renew()
        await one.take_in()
        async with one.db.pool.acquire() as connection, connection.transaction():
            # As a claim of the last lane does, to its end.
            await connection.execute("SELECT FROM work_lanes WHERE lane = $1 AND work = 'sends' FOR SHARE", last)
            refusing = asyncio.ensure_future(_reply(messaging, "STOP"))
            await until(partial(messaging.waits, "transactionid"), "the refusal waits")
            assert await asyncio.wait_for(one.sender.step(), 10) == 1
            assert not refusing.done()
        await refusing
    assert [decision["decision"] for decision in await messaging.decisions()] == ["suppressed"]


async def test_a_start_does_not_undo_an_operators_word(new_messaging: NewMessaging) -> None:
    messaging = await new_messaging(**TWILIO)
    body = {"channel": "sms", "address": NUMBER, "reason": "asked by phone"}
    await messaging.call("POST", "/v1/suppressions", body, status=201)
    await _reply(messaging, "STOP")
    await _reply(messaging, "START")
    assert [one["reason"] for one in await messaging.items("/v1/suppressions")] == ["asked by phone"]


async def test_what_is_not_signed_is_refused(new_messaging: NewMessaging) -> None:
    messaging = await new_messaging(**TWILIO)
    await _reply(messaging, "STOP", token="54321", status=403)
    assert await messaging.items("/v1/suppressions") == []


async def test_without_an_account_there_is_nobody_to_reply_to(messaging: Messaging) -> None:
    await _reply(messaging, "STOP", status=404)


async def test_a_form_that_is_too_large_is_not_read(new_messaging: NewMessaging) -> None:
    messaging = await new_messaging(**TWILIO)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": ""}
    answer = await messaging.http.post("/hooks/twilio", content="Body=" + "x" * 70_000, headers=headers)
    assert answer.status_code == 413
