"""A recipient's own word by a link: shown by GET, done by POST, honoured at once."""

import re
from datetime import timedelta
from typing import Any

import httpx

from tests.services.messaging.conftest import Messaging
from tests.services.messaging.neighbours import consent


def link_of(mail: Any) -> str:
    return str(mail["headers"]["List-Unsubscribe"]).strip("<>")


async def visit(messaging: Messaging, method: str, url: str, body: Any = None) -> httpx.Response:
    """As a browser or a mail program: without a key."""
    form = "application/x-www-form-urlencoded"
    headers = {"Authorization": "", "Content-Type": form}
    return await messaging.http.request(method, url.split("8004")[1], data=body, headers=headers)


async def mailed(messaging: Messaging, **campaign: Any) -> tuple[Any, Any]:
    """Somebody who was sent a mail, and the mail."""
    await messaging.campaign(reentry="always", **campaign)
    ada = messaging.near.add_person(user_id="ada")
    await messaging.enter(ada)
    await messaging.settle()
    [mail] = await messaging.mailbox()
    return ada, mail


async def test_looking_changes_nothing(messaging: Messaging) -> None:
    _, mail = await mailed(messaging, template={"body": "{{ unsubscribe_url }} {{ preferences_url }}"})
    for url in mail["text"].split():
        page = await visit(messaging, "GET", url)
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "<form" in page.text
        assert "<script" not in page.text
    assert mail["text"].split()[0] == link_of(mail)
    assert await messaging.items("/v1/suppressions") == []
    assert messaging.near.consents_told == []


async def test_one_click_is_honoured_at_once_and_told_to_profiles(messaging: Messaging) -> None:
    ada, mail = await mailed(messaging)
    messaging.near.down.add("profiles")
    answer = await visit(messaging, "POST", link_of(mail), {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert (await messaging.progress())["pending"] == 1
    messaging.near.down.clear()
    await messaging.enter(ada)  # profiles has still the old consent: the link counts all the same
    await messaging.settle()
    assert len(await messaging.mailbox()) == 1
    assert (await messaging.decisions())[0]["reason"] == "no_consent"
    [told] = messaging.near.consents_told
    assert {key: told[key] for key in ("profile_id", "purpose", "channel", "status", "source")} == {
        "profile_id": str(ada),
        "purpose": "marketing",
        "channel": "email",
        "status": "withdrawn",
        "source": "unsubscribe_link",
    }
    names = [
        re.findall('"name":"([^"]*)"', row["message"])[0] for row in await messaging.rows("SELECT message FROM feed")
    ]
    assert sorted(names) == ["Email Sent", "Unsubscribed"]


async def test_the_button_on_the_page_does_the_same(messaging: Messaging) -> None:
    _, mail = await mailed(messaging)
    page = await visit(messaging, "GET", link_of(mail))
    action = re.findall('action="([^"]*)"', page.text)[0]
    assert "You are unsubscribed" in (await messaging.http.post(action, headers={"Authorization": ""})).text
    [suppression] = await messaging.items("/v1/suppressions")
    assert (suppression["purpose"], suppression["address"]) == ("marketing", "ada@example.com")


async def test_receipts_go_on_and_other_purposes_too(messaging: Messaging) -> None:
    ada, mail = await mailed(messaging)
    messaging.near.people[ada]["consents"].append(consent(purpose="news"))
    await visit(messaging, "POST", link_of(mail))
    other = {"segment": "other", "on": "entered"}
    await messaging.campaign("receipt", purpose="transactional", trigger=other)
    await messaging.campaign("news", purpose="news", trigger=other)
    await messaging.enter(ada, segment="other")
    await messaging.settle()
    assert {mail["campaign"] for mail in await messaging.mailbox()} == {"hello", "receipt", "news"}


async def test_a_link_in_a_receipt_stops_everything_but_receipts(messaging: Messaging) -> None:
    ada, mail = await mailed(messaging, purpose="transactional")
    await visit(messaging, "POST", link_of(mail))
    await messaging.campaign("advert", trigger={"segment": "other", "on": "entered"})
    await messaging.enter(ada, segment="other")
    await messaging.enter(ada)
    await messaging.settle()
    assert sorted(mail["campaign"] for mail in await messaging.mailbox()) == ["hello", "hello"]
    assert messaging.near.consents_told[0]["purpose"] == "marketing"


async def test_a_consent_given_later_counts_again(messaging: Messaging) -> None:
    ada, mail = await mailed(messaging)
    await visit(messaging, "POST", link_of(mail))
    messaging.step(timedelta(seconds=2))
    given = consent() | {"at": (messaging.clock.now() - timedelta(seconds=1)).isoformat()}
    messaging.near.people[ada]["consents"].append(given)
    await messaging.enter(ada)
    await messaging.settle()
    assert len(await messaging.mailbox()) == 2


async def test_clicking_twice_is_one_unsubscription_event(messaging: Messaging) -> None:
    _, mail = await mailed(messaging)
    for _ in range(2):
        await visit(messaging, "POST", link_of(mail))
    rows = await messaging.rows("SELECT message FROM feed WHERE message LIKE '%Unsubscribed%'")
    assert len({re.findall('"message_id":"([^"]*)"', row["message"])[0] for row in rows}) == 1
    assert len(await messaging.items("/v1/suppressions")) == 1


async def test_preferences_can_stop_all_channels(messaging: Messaging) -> None:
    _, mail = await mailed(messaging, template={"body": "{{ preferences_url }}"})
    answer = await visit(messaging, "POST", mail["text"], {"choice": "all"})
    assert answer.status_code == 200
    await messaging.settle()
    assert [told["channel"] for told in messaging.near.consents_told] == ["any"]


async def test_a_link_that_is_cut_off_or_forged_does_nothing(messaging: Messaging) -> None:
    _, mail = await mailed(messaging)
    for url in (link_of(mail)[:-2], link_of(mail) + "x", link_of(mail).replace("unsubscribe/", "unsubscribe/x")):
        for method in ("GET", "POST"):
            assert (await visit(messaging, method, url)).status_code == 404
    assert await messaging.items("/v1/suppressions") == []


async def test_the_link_of_a_preview_changes_nothing(messaging: Messaging) -> None:
    ada, _ = await mailed(messaging, template={"body": "{{ unsubscribe_url }}"})
    preview = await messaging.call("POST", "/v1/templates/hello/preview", {"profile_id": ada})
    assert (await visit(messaging, "POST", preview["text"])).status_code == 200
    assert await messaging.items("/v1/suppressions") == []


async def test_a_merged_persons_link_withdraws_for_the_survivor(messaging: Messaging) -> None:
    ada, mail = await mailed(messaging)
    survivor = messaging.near.add_person()
    messaging.near.merge(ada, survivor, messaging.clock.now())
    await messaging.settle()
    await visit(messaging, "POST", link_of(mail))
    await messaging.settle()
    assert [told["profile_id"] for told in messaging.near.consents_told] == [str(survivor)]
