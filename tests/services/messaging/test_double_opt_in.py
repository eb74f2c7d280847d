"""Double opt-in: asked once, sent to only after the owner of the address has pressed the button; nothing changes without the setting."""

import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx

from shared.plumbing.ids import new_id
from tests.services.messaging.conftest import Messaging, NewMessaging
from tests.services.messaging.neighbours import consent
from tests.services.messaging.post import Post, answering

ASK = {"key": "ask", "channel": "email", "subject": "Is it you?", "body": "{{ confirm_url }} {{ unsubscribe_url }}"}
SETTING = {"double_opt_in": {"purposes": ["marketing"], "template": "ask"}}


async def turned_on(messaging: Messaging, **setting: Any) -> Any:
    """The setting, and a campaign for whoever enters."""
    await messaging.call("POST", "/v1/templates", ASK, status=201)
    body = {"double_opt_in": SETTING["double_opt_in"] | setting}
    put = await messaging.call("PUT", "/v1/settings", body)
    await messaging.campaign(reentry="always")
    messaging.step(timedelta(seconds=1))
    return put


def just_now(messaging: Messaging, **fields: Any) -> Any:
    """A consent given since the setting is on."""
    return consent(**fields) | {"at": messaging.clock.now().isoformat()}


async def visit(messaging: Messaging, url: str, form: Any = None) -> httpx.Response:
    headers = {"Authorization": "", "Content-Type": "application/x-www-form-urlencoded"}
    method, content = ("GET", None) if form is None else ("POST", urlencode(form, doseq=True))
    return await messaging.http.request(method, url, content=content, headers=headers)


async def mails(messaging: Messaging, campaign: str) -> list[Any]:
    return [mail for mail in await messaging.mailbox() if mail["campaign"] == campaign]


async def asked(messaging: Messaging) -> list[str]:
    """The links that confirm, of all who were asked."""
    return [mail["text"].split()[0].split("8004")[1] for mail in await mails(messaging, "double_opt_in:marketing")]


async def enters(messaging: Messaging, *people: Any) -> None:
    await messaging.enter(*people)
    await messaging.settle()


async def test_only_who_confirms_is_written_to_and_is_asked_once(messaging: Messaging) -> None:
    await turned_on(messaging)
    ada = messaging.near.add_person(user_id="ada", consents=[just_now(messaging)])
    await enters(messaging, ada)
    await enters(messaging, ada)
    reasons = {one["campaign"]: one["reason"] for one in await messaging.decisions()}
    assert reasons == {"hello": "not_confirmed", "double_opt_in:marketing": "sent"}
    [url] = await asked(messaging)
    page = await visit(messaging, url)
    assert "a•••@e•••.com" in page.text
    assert "<script" not in page.text
    await enters(messaging, ada)
    assert await mails(messaging, "hello") == [], "to look at the link confirms nothing"
    assert "Thank you" in (await visit(messaging, url, {})).text
    await enters(messaging, ada)
    assert len(await mails(messaging, "hello")) == 1
    assert len(await asked(messaging)) == 1
    [told] = messaging.near.consents_told
    assert (told["purpose"], told["channel"], told["status"], told["source"]) == (
        "marketing",
        "email",
        "granted",
        "double_opt_in",
    )
    feed = await messaging.rows("SELECT message FROM feed WHERE message LIKE '%Subscription Confirmed%'")
    assert len(feed) == 1


async def test_the_question_goes_out_when_the_consent_is_given_and_once(messaging: Messaging) -> None:
    await turned_on(messaging)
    ada = messaging.near.add_person(user_id="ada", consents=[])
    given = messaging.near.give(ada, messaging.clock.now())
    await messaging.settle()
    [url] = await asked(messaging)
    messaging.near.tell("profiles", given)
    await enters(messaging, ada)
    messaging.step(timedelta(days=8))
    await enters(messaging, ada)
    assert len(await asked(messaging)) == 1, (
        "told again, and at two first messages, of which one is after the seven days"
    )
    assert {one["reason"] for one in await messaging.decisions("campaign=double_opt_in:marketing")} == {"sent"}
    assert "Thank you" in (await visit(messaging, url, {})).text
    await enters(messaging, ada)
    assert len(await mails(messaging, "hello")) == 1


async def test_what_is_no_consent_to_be_confirmed_asks_nothing(messaging: Messaging) -> None:
    put = await turned_on(messaging)
    ada, now = messaging.near.add_person(user_id="ada", consents=[just_now(messaging)]), messaging.clock.now()
    since = datetime.fromisoformat(put["double_opt_in"]["since"]["marketing"])
    messaging.near.give(ada, now, purpose="news")
    messaging.near.give(ada, now, channel="sms")
    messaging.near.give(ada, since - timedelta(seconds=1))
    messaging.near.tell("profiles", messaging.near.give(ada, now, status="denied") | {"status": "withdrawn"})
    for source in ("preference_page", "double_opt_in"):
        told = just_now(messaging) | {"kind": "consent", "profile_id": ada, "id": new_id(), "source": source}
        messaging.near.tell("profiles", told | {"by_link": True})
    await messaging.settle()
    assert await messaging.rows("SELECT * FROM sends") == []
    await messaging.call("PUT", "/v1/settings", {})
    messaging.near.give(ada, now)
    await messaging.settle()
    assert await messaging.rows("SELECT * FROM sends") == []


async def test_who_took_it_back_at_once_is_not_asked(messaging: Messaging) -> None:
    await turned_on(messaging)
    ada = messaging.near.add_person(user_id="ada", consents=[])
    given = messaging.near.give(ada, messaging.clock.now())
    messaging.near.people[ada]["consents"].append(just_now(messaging, status="withdrawn") | {"at": given["at"]})
    await messaging.settle()
    assert await messaging.decided() == {str(ada): "no_consent"}


async def test_what_could_not_be_asked_then_is_asked_when_there_is_something_to_say(messaging: Messaging) -> None:
    past = messaging.clock.now() - timedelta(days=9)
    await turned_on(messaging, since={"marketing": past})
    ada = messaging.near.add_person(user_id="ada", consents=[], traits={})
    ben = messaging.near.add_person(user_id="ben", consents=[])
    cora = messaging.near.add_person(user_id="cora", consents=[])
    messaging.near.give(ada, messaging.clock.now())
    messaging.near.give(ben, messaging.clock.now() - timedelta(days=2))
    messaging.near.give(cora, messaging.clock.now())
    await messaging.settle()
    assert await messaging.decided() == {str(ada): "no_address", str(ben): "stale", str(cora): "sent"}
    messaging.step(timedelta(days=8))
    messaging.near.people[ada]["traits"]["email"] = "ada@example.com"
    messaging.near.people[cora]["traits"]["email"] = "new@example.com"
    await enters(messaging, ada, ben, cora)
    assert sorted(mail["to"] for mail in await mails(messaging, "double_opt_in:marketing")) == [
        "ada@example.com",
        "ben@example.com",
        "cora@example.com",
        "new@example.com",
    ]


async def test_a_consent_of_who_was_merged_or_erased(messaging: Messaging) -> None:
    await turned_on(messaging)
    ada = messaging.near.add_person(user_id="ada", consents=[])
    anonymous, now = new_id(), messaging.clock.now()
    given = messaging.near.give(ada, now)
    messaging.near.merge(anonymous, ada, now)
    messaging.near.tell("profiles", given | {"profile_id": anonymous})
    await messaging.settle()
    assert len(await asked(messaging)) == 1
    messaging.near.erase(ada, now, anonymous)
    messaging.near.give(ada, now)
    messaging.near.give(anonymous, now)
    await messaging.settle()
    assert await messaging.rows("SELECT * FROM sends") == []


async def test_a_consent_from_before_counts_and_other_purposes_do_not_ask(messaging: Messaging) -> None:
    await turned_on(messaging)
    before = messaging.near.add_person(consents=[consent()])
    await messaging.campaign("news", purpose="news")
    other = messaging.near.add_person(consents=[just_now(messaging, purpose="news")])
    await enters(messaging, before, other)
    assert {mail["campaign"] for mail in await messaging.mailbox()} == {"hello", "news"}
    assert await asked(messaging) == []


async def test_without_the_setting_nothing_is_asked(messaging: Messaging) -> None:
    await messaging.campaign()
    await enters(messaging, messaging.near.add_person(consents=[just_now(messaging)]))
    assert {mail["campaign"] for mail in await messaging.mailbox()} == {"hello"}


async def test_who_was_to_be_asked_is_not_once_nobody_is(new_messaging: NewMessaging) -> None:
    async with Post(rcpt=answering("451 later")).open() as post:
        messaging = await new_messaging(**post.settings)
        await turned_on(messaging)
        await enters(messaging, messaging.near.add_person(consents=[just_now(messaging)]))
        [waiting] = await messaging.decisions("campaign=double_opt_in:marketing")
        assert waiting["decision"] == "deferred"
        await messaging.call("PUT", "/v1/settings", {})
        [ended] = await messaging.decisions("campaign=double_opt_in:marketing")
        assert (ended["decision"], ended["reason"]) == ("skipped", "cancelled")


async def test_another_address_is_asked_for_itself_but_not_within_days(messaging: Messaging) -> None:
    await turned_on(messaging)
    ada = messaging.near.add_person(user_id="ada", consents=[just_now(messaging)])
    await enters(messaging, ada)
    [url] = await asked(messaging)
    messaging.near.people[ada]["traits"]["email"] = "new@example.com"
    await enters(messaging, ada)
    reasons = [one["reason"] for one in await messaging.decisions("campaign=double_opt_in:marketing")]
    assert sorted(reasons) == ["reentry", "sent"]
    assert (await visit(messaging, url)).status_code == 404, "the address is not theirs any more"
    messaging.step(timedelta(days=8))
    messaging.near.people[ada]["consents"] = [just_now(messaging)]
    await enters(messaging, ada)
    assert len(await asked(messaging)) == 2
    assert (await visit(messaging, (await asked(messaging))[0], {})).status_code == 200


async def test_who_took_it_back_or_is_suppressed_is_not_asked(messaging: Messaging) -> None:
    await turned_on(messaging)
    ada = messaging.near.add_person(user_id="ada", consents=[just_now(messaging)])
    await messaging.call("POST", "/v1/suppressions", {"channel": "email", "address": "ada@example.com"}, status=201)
    await enters(messaging, ada)
    assert await messaging.decided() == {str(ada): "suppressed"}
    assert await messaging.mailbox() == []


async def test_no_other_link_confirms_and_none_of_who_is_gone(messaging: Messaging) -> None:
    await turned_on(messaging)
    ada = messaging.near.add_person(user_id="ada", consents=[just_now(messaging)])
    await enters(messaging, ada)
    [mail] = await mails(messaging, "double_opt_in:marketing")
    confirming, unsubscribing = (url.split("8004")[1] for url in mail["text"].split())
    forged = unsubscribing.replace("/unsubscribe/", "/confirm/")
    for url in (forged, confirming[:-2]):
        assert (await visit(messaging, url, {})).status_code == 404
    messaging.near.erase(ada, messaging.clock.now(), addresses=[{"namespace": "email", "value": "ada@example.com"}])
    await messaging.settle()
    assert (await visit(messaging, confirming, {})).status_code == 404
    assert await messaging.rows("SELECT * FROM confirmed_addresses") == []


async def test_a_confirmation_goes_with_the_person_who_is_erased(messaging: Messaging) -> None:
    await turned_on(messaging)
    ada = messaging.near.add_person(user_id="ada", consents=[just_now(messaging)])
    await enters(messaging, ada)
    await visit(messaging, (await asked(messaging))[0], {})
    assert len(await messaging.rows("SELECT * FROM confirmed_addresses")) == 1
    messaging.near.erase(ada, messaging.clock.now(), addresses=[{"namespace": "email", "value": "ADA@example.com"}])
    await messaging.settle()
    assert await messaging.rows("SELECT * FROM confirmed_addresses") == []


async def test_who_allows_it_on_the_preference_page_has_confirmed_it(messaging: Messaging) -> None:
    await turned_on(messaging)
    await messaging.campaign("receipt", purpose="transactional", template={"body": "{{ preferences_url }}"})
    ada = messaging.near.add_person(user_id="ada", consents=[just_now(messaging)])
    await enters(messaging, ada)
    [mail] = await mails(messaging, "receipt")
    url = mail["text"].strip().split("8004")[1]
    assert "Waiting for you to confirm it" in (await visit(messaging, url)).text
    shown = re.findall('name="shown" value="([^"]*)"', (await visit(messaging, url)).text)[-1]
    assert "Saved." in (await visit(messaging, url, {"choice": "save", "shown": shown, "channel": "email"})).text
    await enters(messaging, ada)
    assert len(await mails(messaging, "hello")) == 1


async def test_the_setting_remembers_since_when(messaging: Messaging) -> None:
    put = await turned_on(messaging)
    since = put["double_opt_in"]["since"]["marketing"]
    messaging.step(timedelta(hours=1))
    again = await messaging.call("PUT", "/v1/settings", SETTING)
    assert again["double_opt_in"]["since"] == {"marketing": since}
    assert await messaging.call("PUT", "/v1/settings", again) == again
    both = {"double_opt_in": {"purposes": ["marketing", "news"], "template": "ask"}}
    more = (await messaging.call("PUT", "/v1/settings", both))["double_opt_in"]["since"]
    assert more["marketing"] == since < more["news"]
    assert (await messaging.call("DELETE", "/v1/templates/ask", status=409))["code"] == "in_use"
    faults: list[dict[str, Any]] = [
        {"template": "none"},
        {"purposes": []},
        {"purposes": ["transactional"]},
        {"since": {"marketing": 1}},
    ]
    for fault in faults:
        body = {"double_opt_in": SETTING["double_opt_in"] | fault}
        assert (await messaging.call("PUT", "/v1/settings", body, status=422))["errors"]


async def test_an_address_that_many_claim_to_have_is_asked_once_within_days(messaging: Messaging) -> None:
    await turned_on(messaging)
    spellings = ("ada@example.com", "ada@example.com", "Ada@Example.com", " ada@example.com")
    people = [messaging.near.add_person(consents=[], traits={"email": email}) for email in spellings]
    for one in people[:2]:
        messaging.near.give(one, messaging.clock.now())
    await messaging.settle()
    messaging.step(timedelta(days=6))
    for one in people[2:]:
        messaging.near.give(one, messaging.clock.now())
    await messaging.settle()
    waiting = await messaging.decisions("decision=deferred")
    assert [(one["reason"], one["facts"]["reentry"]) for one in waiting] == [("reentry", "P7D")] * 3
    assert len(await asked(messaging)) == 1
    messaging.step(timedelta(days=1))
    await messaging.settle()
    assert len(await asked(messaging)) == 2
    await visit(messaging, (await asked(messaging))[0], {})
    messaging.step(timedelta(days=7))
    await messaging.settle()
    assert sorted((await messaging.decided()).values()) == ["already_confirmed", "already_confirmed", "sent", "sent"]


async def test_a_question_to_somebody_else_keeps_nobody_back_for_ever(messaging: Messaging) -> None:
    await turned_on(messaging)
    eve, ben = (messaging.near.add_person(user_id=who, consents=[]) for who in ("eve", "ben"))
    messaging.near.people[eve]["traits"]["email"] = "ben@example.com"
    messaging.near.give(eve, messaging.clock.now())
    await messaging.settle()
    messaging.near.people[eve]["traits"]["email"] = "eve@example.com"
    [dead] = await asked(messaging)
    messaging.step(timedelta(days=1))
    messaging.near.give(ben, messaging.clock.now())
    await messaging.settle()
    await enters(messaging, ben)
    assert (await visit(messaging, dead, {})).status_code == 404
    messaging.step(timedelta(days=6))
    await messaging.settle()
    url, other = await asked(messaging)
    assert other == dead
    await visit(messaging, url, {})
    await enters(messaging, ben)
    assert [mail["to"] for mail in await mails(messaging, "hello")] == ["ben@example.com"]
