"""The preference page: what it shows and to whom, what it saves, and that it holds from the answer on."""

import re
from datetime import timedelta
from typing import Any

import pytest

from shared.plumbing.ids import new_id
from tests.services.messaging.conftest import Messaging
from tests.services.messaging.neighbours import consent
from tests.services.messaging.page_visits import MORNING, TRAITS, fields_of, mailed, told, visit
from tests.support.waiting import until


async def test_it_shows_what_holds_and_no_address_in_full(messaging: Messaging) -> None:
    ada, url = await mailed(messaging)
    messaging.near.people[ada]["preferences"] = {"topics": {"wine": True}, "contact_windows": [MORNING]}
    page = await visit(messaging, url)
    assert page.status_code == 200
    fields = fields_of(page)
    assert (fields["topic"], fields["channel"], fields["days-0"]) == (["news", "wine"], ["email"], ["mon"])
    assert "a•••@e•••.com" in page.text
    assert "Europe/Berlin" in page.text
    for secret in ("lovelace", "1234567", "example.com"):
        assert secret not in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


async def test_looking_and_saving_as_it_is_change_nothing(messaging: Messaging) -> None:
    _, url = await mailed(messaging)
    page = await visit(messaging, url, fields_of(await visit(messaging, url)))
    assert "Nothing was changed." in page.text
    assert await told(messaging) == ([], [])
    assert await messaging.items("/v1/suppressions") == []


async def test_what_is_saved_is_told_to_profiles_and_shown_at_once(messaging: Messaging) -> None:
    _, url = await mailed(messaging)
    fields = fields_of(await visit(messaging, url))
    times = {"days-0": ["sat", "sun"], "from-0": ["10:00"], "until-0": ["00:00"]}
    page = await visit(messaging, url, fields | times | {"topic": ["wine"], "channel": ["email", "sms"]})
    assert "Saved." in page.text
    again = fields_of(page)
    assert (again["topic"], again["channel"], again["days-0"]) == (["wine"], ["email", "sms"], ["sat", "sun"])
    windows = [{"days": ["sat", "sun"], "from": "10:00", "until": "24:00"}]
    assert await told(messaging) == (
        [("marketing", "sms", "granted", "preference_page")],
        [({"news": False, "wine": True}, windows)],
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"channel": []}, "no_consent"),
        ({"topic": []}, "topic_opt_out"),
        ({"choice": ["all"]}, "no_consent"),
        ({"days-0": ["mon"], "from-0": ["03:00"], "until-0": ["03:01"]}, "contact_window"),
    ],
)
async def test_it_is_honoured_by_messages_that_wait_while_profiles_is_away(
    messaging: Messaging, change: dict[str, Any], reason: str
) -> None:
    """Profiles does not know of it when it is asked: the answer of before is what it still says."""
    ada, url = await mailed(messaging)
    fields = fields_of(await visit(messaging, url))
    await messaging.campaign("later", delay="PT1H", topic="news")
    await messaging.enter(ada)
    await messaging.settle()
    messaging.near.down |= {
        "profiles/internal/consents",
        "profiles/internal/preferences",
        "profiles/internal/recipients",
    }
    page = await visit(messaging, url, fields | change)
    assert ("Saved. This holds from now on for everything" in page.text) or "You are unsubscribed" in page.text
    messaging.near.down -= {"profiles/internal/recipients"}
    messaging.step(timedelta(hours=1))

    async def decided() -> bool:
        [decision] = await messaging.decisions("campaign=later")
        return bool(decision["reason"] != "delay")

    await until(decided, "the message that waits is decided")
    assert [one["reason"] for one in await messaging.decisions("campaign=later")] == [reason]
    messaging.near.down.clear()
    consents, preferences = await told(messaging)
    assert len(consents) + len(preferences) == 1


async def test_a_word_just_told_holds_against_an_answer_from_before(messaging: Messaging) -> None:
    ada, url = await mailed(messaging)
    await visit(messaging, url, fields_of(await visit(messaging, url)) | {"topic": []})
    assert (await told(messaging))[1] == [({"news": False}, None)]
    await messaging.enter(ada)  # profiles says still what it said before
    await messaging.settle()
    assert {one["reason"] for one in await messaging.decisions()} == {"sent", "topic_opt_out"}
    messaging.step(timedelta(seconds=11))  # from then on profiles is believed
    await messaging.settle()
    await messaging.enter(ada)
    await messaging.settle()
    assert len(await messaging.mailbox()) == 2

    async def forgotten() -> bool:
        return not await messaging.rows("SELECT 1 FROM preference_outbox")

    await until(forgotten, "what was told is not kept")


async def test_an_open_form_takes_back_nothing_that_was_changed_elsewhere(messaging: Messaging) -> None:
    ada, url = await mailed(messaging, preferences={"topics": {"wine": False}})
    stale = fields_of(await visit(messaging, url))
    messaging.near.people[ada]["preferences"] = {"topics": {"wine": True}, "contact_windows": [MORNING]}
    messaging.near.people[ada]["consents"].append(consent(channel="sms"))
    page = await visit(messaging, url, stale | {"topic": []})
    assert await told(messaging) == ([], [({"news": False}, None)])
    again = fields_of(page)
    assert (again["topic"], again["channel"], again["days-0"]) == (["wine"], ["email", "sms"], ["mon"])


async def test_a_form_of_yesterday_or_of_another_link_saves_nothing(messaging: Messaging) -> None:
    _, url = await mailed(messaging)
    fields = fields_of(await visit(messaging, url))
    messaging.step(timedelta(days=1))
    for shown in (fields["shown"], ["forged"], []):
        page = await visit(messaging, url, fields | {"topic": [], "shown": shown})
        assert "nothing was saved" in page.text
    bob = messaging.near.add_person(user_id="bob")
    await messaging.enter(bob)
    await messaging.settle()
    other = next(mail for mail in await messaging.mailbox() if mail["profile_id"] == str(bob))["text"].split("8004")[1]
    page = await visit(messaging, url, fields_of(await visit(messaging, other.strip())) | {"topic": []})
    assert "nothing was saved" in page.text
    assert await told(messaging) == ([], [])


async def test_faulty_times_save_nothing_and_keep_what_was_typed(messaging: Messaging) -> None:
    _, url = await mailed(messaging)
    typed = {"topic": ["wine"], "days-0": ["sun"], "from-0": ["10:00"], "until-0": ["10:00"]}
    page = await visit(messaging, url, fields_of(await visit(messaging, url)) | typed)
    assert "Nothing is saved yet" in page.text
    again = fields_of(page)
    assert {name: again[name] for name in typed} == typed
    assert await told(messaging) == ([], [])
    await visit(messaging, url, again | {"until-0": ["11:00"]})
    windows = [{"days": ["sun"], "from": "10:00", "until": "11:00"}]
    assert (await told(messaging))[1] == [({"news": False, "wine": True}, windows)]


async def test_everything_is_every_purpose_on_every_channel_and_can_be_undone(messaging: Messaging) -> None:
    ada, url = await mailed(messaging)
    messaging.near.people[ada]["consents"] += [
        consent(purpose="surveys", channel="sms"),
        consent("denied", channel="sms"),
    ]
    done = await visit(messaging, url, fields_of(await visit(messaging, url)) | {"choice": ["all"]})
    assert "You are unsubscribed" in done.text
    scopes = await messaging.rows("SELECT channel, scope FROM suppressions ORDER BY channel")
    assert [tuple(row) for row in scopes] == [("email", "non_transactional"), ("sms", "non_transactional")]
    withdrawn, _ = await told(messaging)
    assert {one[:3] for one in withdrawn} == {("marketing", "any", "withdrawn"), ("surveys", "any", "withdrawn")}
    messaging.step(timedelta(seconds=1))
    undo = re.findall('name="undo" value="([^"]*)"', done.text)
    page = await visit(messaging, url, {"choice": "undo", "undo": undo})
    assert "Undone." in page.text
    assert fields_of(page)["channel"] == ["email"]
    given = (await told(messaging))[0][2:]
    assert {one[:3] for one in given} == {("marketing", "email", "granted"), ("surveys", "sms", "granted")}


async def test_a_forwarded_link_of_an_erased_person_shows_nothing_of_them(messaging: Messaging) -> None:
    ada, url = await mailed(messaging)
    messaging.near.erase(ada, messaging.clock.now(), addresses=[{"namespace": "email", "value": TRAITS["email"]}])
    await messaging.settle()
    page = await visit(messaging, url)
    assert page.status_code == 200
    assert "•••" not in page.text
    assert "News" not in page.text
    assert 'name="topic"' not in page.text
    assert "You are unsubscribed" in (await visit(messaging, url, {"choice": "all"})).text
    assert [row["address"] for row in await messaging.rows("SELECT address FROM suppressions")] == [None]
    assert await messaging.rows("SELECT * FROM consent_outbox") == []


async def test_a_link_to_an_address_that_is_another_by_now_shows_nothing(messaging: Messaging) -> None:
    ada, url = await mailed(messaging)
    stale = fields_of(await visit(messaging, url))
    messaging.near.people[ada]["traits"]["email"] = "new@example.com"
    page = await visit(messaging, url)
    assert "•••" not in page.text
    assert 'name="topic"' not in page.text
    assert "You are unsubscribed" in (await visit(messaging, url, stale | {"choice": ["all"]})).text


async def test_while_profiles_is_away_it_says_so_and_unsubscribes(messaging: Messaging) -> None:
    _, url = await mailed(messaging, traits={"locale": "de_AT"})
    messaging.near.down.add("profiles")
    page = await visit(messaging, url)
    assert "We cannot show your choices at the moment." in page.text
    assert "You are unsubscribed" in (await visit(messaging, url, {"choice": "all"})).text
    assert len(await messaging.items("/v1/suppressions")) == 1
    messaging.near.down.clear()
    assert (await told(messaging))[0] == [("marketing", "any", "withdrawn", "preference_page")]


async def test_it_speaks_the_persons_language_before_the_browsers(messaging: Messaging) -> None:
    ada, url = await mailed(messaging, traits={"locale": "de_AT"})
    german = await visit(messaging, url, **{"Accept-Language": "fr"})
    assert '<html lang="de">' in german.text
    assert "Neues" in german.text
    unsubscribe = url.replace("/preferences/", "/unsubscribe/")
    assert '<html lang="de">' in (await visit(messaging, unsubscribe)).text
    messaging.near.people[ada]["traits"]["locale"] = "tlh"
    assert '<html lang="fr">' in (await visit(messaging, url, **{"Accept-Language": "fr-CH, en;q=0.5"})).text
    assert '<html lang="en">' in (await visit(messaging, url)).text
    assert "abgemeldet" in (await visit(messaging, unsubscribe, {}, **{"Accept-Language": "de"})).text
    assert '<html lang="de">' in (await visit(messaging, url[:-3], **{"Accept-Language": "de"})).text


async def test_a_link_is_not_for_machines(messaging: Messaging) -> None:
    _, url = await mailed(messaging)
    assert (await visit(messaging, url, {"topic": "x" * 70_000})).status_code == 413
    assert (await visit(messaging, url, [("topic", "x")] * 1001)).status_code == 400
    answers = [await visit(messaging, url) for _ in range(29)]
    assert [one.status_code for one in answers] == [200] * 28 + [429]
    assert answers[-1].headers["Retry-After"] == "60"
    unsubscribe = url.replace("/preferences/", "/unsubscribe/")
    assert (await visit(messaging, unsubscribe, {})).status_code == 200, "to unsubscribe is never refused"


@pytest.mark.parametrize("survivor_first", [True, False])
async def test_what_was_said_follows_the_person_into_a_merge(messaging: Messaging, survivor_first: bool) -> None:
    ada, url = await mailed(messaging)
    survivor = messaging.near.add_person(id=new_id(), traits=TRAITS)
    fields = fields_of(await visit(messaging, url)) | {"topic": [], "channel": []}
    messaging.near.down |= {"profiles/internal/consents", "profiles/internal/preferences"}
    if not survivor_first:
        await visit(messaging, url, fields)
    messaging.near.merge(ada, survivor, messaging.clock.now())
    await messaging_took_in(messaging, ada)
    if survivor_first:
        await visit(messaging, url, fields)
    messaging.near.down.clear()
    await told(messaging)
    people = [*messaging.near.consents_told, *messaging.near.preferences_told]
    assert {one["profile_id"] for one in people} == {str(survivor)}
    assert len(people) == 2


async def messaging_took_in(messaging: Messaging, loser: Any) -> None:
    merged = "SELECT * FROM people WHERE profile_id = $1 AND merged_into IS NOT NULL"
    await until(lambda: messaging.rows(merged, loser), "the merge is taken in")
