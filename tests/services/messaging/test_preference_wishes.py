"""The preference page: the language and the channel that somebody prefers."""

from datetime import timedelta
from typing import Any

from tests.services.messaging.conftest import Messaging
from tests.services.messaging.neighbours import consent
from tests.services.messaging.page_visits import fields_of, mailed, told, visit
from tests.support.waiting import until


async def test_the_language_that_is_chosen_is_spoken_at_once_and_told_as_the_locale(messaging: Messaging) -> None:
    """Also by messages that wait while profiles is away."""
    ada, url = await mailed(messaging, traits={"locale": "pl"})
    fields = fields_of(await visit(messaging, url))
    assert fields["language"] == [""]
    content = {"body": "Hello", "locales": {"fr": {"subject": "Salut", "body": "Bonjour"}}}
    await messaging.campaign("later", delay="PT1H", template=content)
    await messaging.enter(ada)
    await messaging.settle()
    messaging.near.down.add("profiles/internal/preferences")
    page = await visit(messaging, url, fields | {"language": ["fr"]})
    assert '<html lang="fr">' in page.text
    assert fields_of(page)["language"] == ["fr"]
    messaging.step(timedelta(hours=1))

    async def mail() -> Any:
        return [one for one in await messaging.mailbox() if one["campaign"] == "later"]

    await until(mail, "the message that waits is sent")
    assert [one["text"] for one in await mail()] == ["Bonjour"]
    messaging.near.down.clear()
    assert await told(messaging) == ([], [({}, None)])
    assert [one["locale"] for one in messaging.near.preferences_told] == ["fr"]


async def test_the_first_channel_is_asked_for_where_campaigns_go_by_it_and_counts_at_once(messaging: Messaging) -> None:
    both = [consent(), consent(channel="sms")]
    ada, url = await mailed(messaging, consents=both, preferences={"channels": ["email", "push"]})
    assert "first" not in fields_of(await visit(messaging, url))
    await messaging.call("POST", "/v1/templates", {"key": "hello", "channel": "sms", "body": "Hi"}, status=201)
    await messaging.campaign("either", variants=[{"template": "hello"}], channel="preferred", delay="PT1H")
    fields = fields_of(await visit(messaging, url))
    assert fields["first"] == ["email"]
    messaging.near.people[ada]["preferences"] = {"channels": ["push", "email"]}  # meanwhile
    await messaging.enter(ada)
    await messaging.settle()
    messaging.near.down.add("profiles/internal/preferences")
    await visit(messaging, url, fields | {"first": ["sms"]})
    messaging.step(timedelta(hours=1))

    async def sent() -> Any:
        return [one["channel"] for one in await messaging.items("/v1/deliveries") if one["campaign"] == "either"]

    await until(sent, "the message that waits is sent")
    assert await sent() == ["sms"]
    messaging.near.down.clear()
    assert await told(messaging) == ([], [({}, None)])
    assert [one["first_channel"] for one in messaging.near.preferences_told] == ["sms"]


async def test_a_stale_form_takes_back_neither_the_language_nor_the_order(messaging: Messaging) -> None:
    ada, url = await mailed(messaging, traits={"locale": "de"})
    stale = fields_of(await visit(messaging, url))
    messaging.near.people[ada]["traits"]["locale"] = "fr"
    page = await visit(messaging, url, stale | {"topic": ["wine"]})
    assert await told(messaging) == ([], [({"news": False, "wine": True}, None)])
    assert [one["locale"] for one in messaging.near.preferences_told] == [None]
    assert fields_of(page)["language"] == ["fr"]
