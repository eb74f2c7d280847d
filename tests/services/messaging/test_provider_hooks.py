"""Who may tell what becomes of messages: each provider by its signature, and nobody who is not named in the settings."""

from datetime import timedelta

import pytest

from shared.plumbing import json
from tests.services.messaging.conftest import Messaging, NewMessaging
from tests.services.messaging.providers import (
    CERTIFICATE_URL,
    CONFIRM_URL,
    Providers,
    event,
    events_of,
    mailed,
    post,
)


@pytest.fixture(scope="module")
def providers() -> Providers:
    return Providers()


async def test_ses_is_believed_where_sns_signed_for_our_topic(
    new_messaging: NewMessaging, providers: Providers
) -> None:
    messaging = await new_messaging(**providers.settings)
    messaging.near.outside = {CERTIFICATE_URL: providers.certificate(messaging), CONFIRM_URL: b"<xml/>"}
    confirmation = {"Type": "SubscriptionConfirmation", "Token": "t", "SubscribeURL": CONFIRM_URL}
    assert (await providers.ses(messaging, **confirmation)).status_code == 200
    assert messaging.near.fetched == [CERTIFICATE_URL, CONFIRM_URL]
    elsewhere = confirmation | {"SubscribeURL": "https://sns.evil.example/"}
    assert (await providers.ses(messaging, **elsewhere)).status_code == 403

    _, delivery = await mailed(messaging)
    mail = {"tags": {"delivery_id": [delivery["id"]]}}
    at = messaging.clock.now().isoformat()
    told = json.dumps_text({"eventType": "Delivery", "mail": mail, "delivery": {"timestamp": at}})
    assert (await providers.ses(messaging, Message=told, TopicArn="arn:aws:sns:eu-central-1:6:evil")).status_code == 403
    assert (
        await providers.ses(messaging, Message=told, SigningCertURL="https://evil.example/c.pem")
    ).status_code == 403
    assert await events_of(messaging) == []
    assert (await providers.ses(messaging, Message=told)).status_code == 200
    assert await events_of(messaging) == [("delivered", None)]
    assert messaging.near.fetched == [CERTIFICATE_URL, CONFIRM_URL], "nothing was fetched from anybody else"


async def test_a_token_of_mailgun_is_good_for_one_event(new_messaging: NewMessaging, providers: Providers) -> None:
    messaging = await new_messaging(**providers.settings)
    _, delivery = await mailed(messaging)
    told = {"event": "delivered", "id": "1", "user-variables": {"delivery_id": delivery["id"]}}
    for _ in range(2):
        assert (await providers.mailgun(messaging, told, token="once")).status_code == 200
    replayed = await providers.mailgun(messaging, told | {"event": "complained"}, token="once")
    assert replayed.status_code == 403
    assert await events_of(messaging) == [("delivered", None)]
    messaging.clock.step(timedelta(days=3))
    await providers.mailgun(messaging, told, token="once")
    assert len(await messaging.rows("SELECT * FROM hook_tokens")) == 1


async def test_what_is_not_signed_is_refused_and_leaves_nothing(
    new_messaging: NewMessaging, providers: Providers
) -> None:
    messaging = await new_messaging(**providers.settings)
    _, delivery = await mailed(messaging)
    bounce = event(messaging, delivery, "bounce", type="bounce")
    told = {"event": "complained", "user-variables": {"delivery_id": delivery["id"]}}
    assert (await providers.sendgrid(messaging, bounce, forged=True)).status_code == 403
    assert (await providers.mailgun(messaging, told, key="another key")).status_code == 403
    assert (await providers.postmark(messaging, {"RecordType": "Open"}, secret="another secret")).status_code == 403
    assert (await post(messaging, "/hooks/ses", b'{"TopicArn": "arn:other"}')).status_code == 403
    assert (await post(messaging, "/hooks/mailgun", b"not json")).status_code == 400
    assert (await post(messaging, "/hooks/mailgun", b"[" + b"1," * 600_000)).status_code == 413
    for table in ("delivery_events", "hook_tokens", "suppressions"):
        assert await messaging.rows(f"SELECT * FROM {table}") == []


async def test_who_is_not_named_in_the_settings_is_not_listened_to(messaging: Messaging) -> None:
    for name in ("ses", "sendgrid", "mailgun", "postmark", "twilio/status"):
        assert (await post(messaging, f"/hooks/{name}", b"{}")).status_code == 404, name
