"""Providers reached by HTTP, as the settings wire them, against servers that speak their documented APIs: once, again where it
may pass, and in nobody else's way."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from standardwebhooks import Webhook

from services.messaging.clients.carriers import carriers_of
from services.messaging.config import Settings
from shared.plumbing import json
from tests.services.messaging.conftest import Messaging, NewMessaging
from tests.services.messaging.neighbours import consent
from tests.services.messaging.receiver import Receiver, Said
from tests.support.waiting import until

DEVICE = {"token": "a-device", "platform": "ios", "app_version": None, "seen_at": "2026-01-01T00:00:00Z"}
PERSON: dict[str, Any] = {
    "traits": {"email": "ada@example.com", "phone": "+49 171 1234567", "first_name": "Ada"},
    "devices": [DEVICE],
    "consents": [consent(channel="any")],
}
SECRET = "whsec_" + base64.b64encode(b"a key for tests, of 32 bytes now").decode()
TAKEN: Said = (201, {"sid": "SM1", "status": "queued"})
NO_NUMBER: Said = (400, {"code": 21211, "message": "Invalid 'To' Phone Number", "status": 400})
STOPPED: Said = (400, {"code": 21610, "message": "Attempt to send to unsubscribed recipient", "status": 400})
BUSY: Said = (429, {"code": 20429, "message": "Too Many Requests", "status": 429}, {"Retry-After": "600"})


def twilio(url: str, **more: Any) -> dict[str, Any]:
    return {"twilio_url": url, "twilio_account": "AC1", "twilio_token": "t", "twilio_from": "+15005550006"} | more


async def campaign(messaging: Messaging, channel: str) -> None:
    """A campaign of the channel's name on entering `vip`."""
    await messaging.campaign(channel, template={"channel": channel, "body": "Hi {{ profile.traits.first_name }}"})


async def told(messaging: Messaging, channel: str, people: int = 1) -> None:
    await campaign(messaging, channel)
    await messaging.enter(*(messaging.near.add_person(**PERSON) for _ in range(people)))


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def credentials(tmp_path: Path, key: rsa.RSAPrivateKey) -> Path:
    """The file of a service account, whose tokens are had from wherever `token_uri` is put."""
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    path = tmp_path / "account.json"
    path.write_bytes(json.dumps({"project_id": "shop", "client_email": "push@shop", "private_key": pem}))
    return path


def fcm(path: Path, url: str, tokens: str) -> dict[str, Any]:
    path.write_bytes(json.dumps(json.loads(path.read_bytes()) | {"token_uri": f"{tokens}/token"}))
    return {"fcm_credentials": path, "fcm_url": url}


async def test_a_text_message_goes_out_once_as_twilio_asks(new_messaging: NewMessaging) -> None:
    async with Receiver(TAKEN).open() as api:
        messaging = await new_messaging(**twilio(api.url))
        await told(messaging, "sms")
        await messaging.settle()
        messaging.step(timedelta(hours=1))
        await messaging.settle()
        [posted] = api.posted
        assert posted.path == "/2010-04-01/Accounts/AC1/Messages.json"
        assert posted.headers["authorization"] == "Basic " + base64.b64encode(b"AC1:t").decode()
        assert posted.form == {"To": "+49 171 1234567", "From": "+15005550006", "Body": "Hi Ada"}
        [delivery] = await messaging.items("/v1/deliveries")
        assert (delivery["status"], delivery["answer"], delivery["provider"]) == ("sent", "SM1", "twilio")
        assert await messaging.mailbox() == []


async def test_a_messaging_service_is_named_as_one(new_messaging: NewMessaging) -> None:
    async with Receiver(TAKEN).open() as api:
        messaging = await new_messaging(**twilio(api.url, twilio_from="MG1"))
        await told(messaging, "sms")
        await messaging.settle()
        assert "From" not in api.posted[0].form
        assert api.posted[0].form["MessagingServiceSid"] == "MG1"


@pytest.mark.parametrize(("answer", "reason"), [(NO_NUMBER, "bounced"), (STOPPED, "stopped")])
async def test_a_number_that_is_none_or_has_said_stop_is_suppressed(
    new_messaging: NewMessaging, answer: Said, reason: str
) -> None:
    async with Receiver(answer).open() as api:
        messaging = await new_messaging(**twilio(api.url))
        await told(messaging, "sms")
        await messaging.settle()
        messaging.step(timedelta(hours=1))
        await messaging.settle()
        [decision] = await messaging.decisions()
        assert (decision["decision"], decision["reason"], len(api.posted)) == ("failed", "provider_error", 1)
        [suppression] = await messaging.items("/v1/suppressions")
        assert (suppression["channel"], suppression["address"], suppression["reason"]) == (
            "sms",
            "+49 171 1234567",
            reason,
        )


async def test_what_may_pass_is_tried_again_when_the_provider_says(new_messaging: NewMessaging) -> None:
    async with Receiver(BUSY, 503, TAKEN).open() as api:
        messaging = await new_messaging(**twilio(api.url))
        await told(messaging, "sms")
        await messaging.settle()
        [waiting] = await messaging.decisions()
        assert (waiting["decision"], waiting["reason"]) == ("deferred", "provider_error")
        assert waiting["facts"]["answer"] == "429 20429"
        messaging.step(timedelta(minutes=9))
        await messaging.settle()
        assert len(api.posted) == 1, "ten minutes were asked for"
        for tries in (2, 3):
            messaging.step(timedelta(minutes=3))
            await api.was_posted(tries)
            await messaging.settle()
        [sent] = await messaging.decisions()
        assert (sent["decision"], sent["facts"]["attempts"], len(api.posted)) == ("sent", 3, 3)


async def test_a_notification_goes_out_with_a_token_that_is_asked_for_once(
    new_messaging: NewMessaging, credentials: Path, key: rsa.RSAPrivateKey
) -> None:
    granted: Said = (200, {"access_token": "a-token", "expires_in": 3599, "token_type": "Bearer"})
    taken: Said = (200, {"name": "projects/shop/messages/1"})
    async with Receiver(granted).open() as tokens, Receiver(taken).open() as api:
        messaging = await new_messaging(**fcm(credentials, api.url, tokens.url))
        await told(messaging, "push", 3)
        await messaging.settle()
        assert len(tokens.posted) == 1
        assertion = tokens.posted[0].form["assertion"]
        claims = jwt.decode(
            assertion,
            key.public_key(),
            ["RS256"],
            audience=f"{tokens.url}/token",
            options={"verify_iat": False, "verify_exp": False},
        )
        assert (claims["iss"], claims["scope"]) == (
            "push@shop",
            "https://www.googleapis.com/auth/firebase.messaging",
        )
        assert {posted.path for posted in api.posted} == {"/v1/projects/shop/messages:send"}
        assert {posted.headers["authorization"] for posted in api.posted} == {"Bearer a-token"}
        message = api.posted[0].body["message"]
        assert (message["token"], message["notification"]) == ("a-device", {"title": "Hi", "body": "Hi Ada"})
        deliveries = await messaging.items("/v1/deliveries")
        assert {(one["status"], one["answer"]) for one in deliveries} == {("sent", "projects/shop/messages/1")}


async def test_a_device_that_is_gone_is_suppressed_and_a_token_that_is_refused_asked_for_anew(
    new_messaging: NewMessaging, credentials: Path
) -> None:
    detail = {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": "UNREGISTERED"}
    gone: Said = (404, {"error": {"code": 404, "status": "NOT_FOUND", "details": [detail]}})
    refused: Said = (401, {"error": {"code": 401, "status": "UNAUTHENTICATED"}})
    granted: Said = (200, {"access_token": "a-token", "expires_in": 3599})
    async with Receiver(granted).open() as tokens, Receiver(refused, gone).open() as api:
        messaging = await new_messaging(**fcm(credentials, api.url, tokens.url))
        await told(messaging, "push")
        await messaging.settle()
        messaging.step(timedelta(minutes=1))
        await api.was_posted(2)
        await messaging.settle()
        assert len(tokens.posted) == 2
        [suppression] = await messaging.items("/v1/suppressions")
        assert (suppression["channel"], suppression["address"], suppression["reason"]) == (
            "push",
            "a-device",
            "bounced",
        )


async def test_who_has_lost_a_device_is_told_on_another(messaging: Messaging) -> None:
    devices = [DEVICE | {"token": token} for token in ("lost", "kept")]
    await messaging.call(
        "POST", "/v1/suppressions", {"channel": "push", "address": "lost", "reason": "manual"}, status=201
    )
    await campaign(messaging, "push")
    await messaging.enter(messaging.near.add_person(**PERSON | {"devices": devices}))
    await messaging.settle()
    assert [mail["to"] for mail in await messaging.mailbox()] == ["kept"]


async def test_a_webhook_is_one_that_the_receivers_library_takes(new_messaging: NewMessaging) -> None:
    async with Receiver(204).open() as receiver:
        messaging = await new_messaging(webhook_url=f"{receiver.url}/in", webhook_secret=SECRET)
        await told(messaging, "webhook")
        await messaging.settle()
        [posted] = receiver.posted
        hook = Webhook(SECRET)
        # The tests' clock is not the library's, which refuses what is old: so it signs as of then.
        at = datetime.fromtimestamp(int(posted.headers["webhook-timestamp"]), UTC)
        assert abs(at - messaging.clock.now()) < timedelta(minutes=1)
        signed = hook.sign(posted.headers["webhook-id"], at, posted.content.decode())
        assert posted.headers["webhook-signature"] == signed
        [delivery] = await messaging.items("/v1/deliveries")
        assert posted.headers["webhook-id"] == posted.body["data"]["id"] == delivery["id"]
        assert (posted.body["data"]["text"], delivery["status"]) == ("Hi Ada", "sent")


async def test_a_webhook_without_an_answer_is_given_again_under_the_same_id(new_messaging: NewMessaging) -> None:
    async with Receiver(200).open() as receiver:
        receiver.hold.clear()
        messaging = await new_messaging(webhook_url=receiver.url, webhook_secret=SECRET, gateway_timeout=1)
        await told(messaging, "webhook")
        await receiver.was_posted(1)

        async def it_waits() -> bool:
            return [one["decision"] for one in await messaging.decisions()] == ["deferred"]

        await until(it_waits, "it is to be given again")
        receiver.hold.set()
        messaging.step(timedelta(minutes=1))
        await receiver.was_posted(2)
        await messaging.settle()
        assert len({posted.headers["webhook-id"] for posted in receiver.posted}) == 1
        assert [one["decision"] for one in await messaging.decisions()] == ["sent"]


async def test_a_webhook_that_may_have_arrived_is_followed_by_no_message_on_another_channel(
    new_messaging: NewMessaging,
) -> None:
    async with Receiver(400).open() as receiver:
        receiver.hold.clear()
        messaging = await new_messaging(webhook_url=receiver.url, webhook_secret=SECRET, gateway_timeout=1)
        for channel in ("webhook", "email"):
            body = {"key": "hello", "channel": channel, "subject": "Hi", "body": "Hi"}
            await messaging.call("POST", "/v1/templates", body, status=201)
        await messaging.campaign(template=None, variants=[{"template": "hello"}], channel="preferred")
        await messaging.enter(messaging.near.add_person(**PERSON, preferences={"channels": ["webhook", "email"]}))
        await receiver.was_posted(1)

        async def it_has_waited() -> bool:
            return bool(await messaging.decisions())

        await until(it_has_waited, "nobody answered")
        receiver.hold.set()
        messaging.step(timedelta(minutes=1))
        await messaging.settle()
        assert [one["decision"] for one in await messaging.decisions()] == ["unknown"]
        assert (len(receiver.posted), await messaging.mailbox()) == (1, [])


async def test_a_slow_provider_delays_nobody_else(new_messaging: NewMessaging) -> None:
    async with Receiver(TAKEN).open() as slow, Receiver().open() as quick:
        slow.hold.clear()
        messaging = await new_messaging(
            **twilio(slow.url),
            webhook_url=quick.url,
            webhook_secret=SECRET,
            gateway_connections=2,
            gateway_timeout=60,
        )
        for channel in ("sms", "webhook", "email"):
            await campaign(messaging, channel)
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
    async with Receiver().open() as api:
        api.hold.clear()
        messaging = await new_messaging(**twilio(api.url, gateway_timeout=1))
        await told(messaging, "sms")
        await api.was_posted(1)
        await messaging.settle()
        messaging.step(timedelta(hours=1))
        await messaging.settle()
        [unknown] = await messaging.decisions()
        assert (unknown["decision"], unknown["reason"], len(api.posted)) == ("unknown", "no_answer", 1)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"twilio_account": "AC1"}, "REGULARS_TWILIO_TOKEN"),
        ({"webhook_url": "http://127.0.0.1/in"}, "REGULARS_WEBHOOK_SECRET"),
        ({"webhook_url": "http://127.0.0.1/in", "webhook_secret": "secret"}, "whsec_"),
        ({"fcm_credentials": Path("/nowhere/account.json")}, "service account"),
    ],
)
def test_settings_that_lack_something_say_what(settings: dict[str, Any], named: str) -> None:
    given = Settings(secret="x" * 32, database_url="postgresql://nowhere", **settings)
    with pytest.raises(ValueError, match=named):
        carriers_of(given, lambda: None)  # type: ignore[arg-type, return-value]
