"""Templates over HTTP: languages, versions, and what is tried out before it is sent."""

from typing import Any

import pytest

from shared.plumbing.ids import new_id
from tests.services.messaging.conftest import Messaging

GERMAN = {"subject": "Hallo", "body": "Guten Tag, {{ profile.traits.first_name }}"}


def speaks(messaging: Messaging, locale: Any, **traits: Any) -> Any:
    """Somebody who reads this language."""
    known = {"email": "ada@example.com", "first_name": "Ada", "locale": locale}
    return messaging.near.add_person(traits=known | traits)


async def test_everybody_is_written_to_in_their_language(messaging: Messaging) -> None:
    await messaging.campaign(template={"locales": {"de": GERMAN}})
    people = {speaks(messaging, locale): locale for locale in ("de_AT", "DE", "en", "no such locale", None, 5)}
    await messaging.enter(*people)
    await messaging.settle()
    told: dict[Any, Any] = {people[one]: None for one in people}
    for mail in await messaging.mailbox():
        told[next(locale for one, locale in people.items() if str(one) == mail["profile_id"])] = (
            mail["subject"],
            mail["text"],
            mail["locale"],
        )
    german, english = ("Hallo", "Guten Tag, Ada", "de"), ("Hi", "Hi Ada", None)
    assert told == {
        "de_AT": german,
        "DE": german,
        "en": english,
        "no such locale": english,
        None: english,
        5: english,
    }
    assert sorted(str(one["locale"]) for one in await messaging.items("/v1/deliveries")) == ["None"] * 4 + ["de"] * 2


async def test_a_preview_says_which_language_it_shows_and_can_show_another(messaging: Messaging) -> None:
    body = {"key": "t", "channel": "email", "subject": "Hi", "body": "Hello", "locales": {"de": GERMAN}}
    await messaging.call("POST", "/v1/templates", body, status=201)
    ada = speaks(messaging, "de-AT")

    async def preview(**asked: Any) -> Any:
        shown = await messaging.call("POST", "/v1/templates/t/preview", {"profile_id": ada} | asked)
        return shown["subject"], shown["locale"]

    assert await preview() == ("Hallo", "de")
    assert await preview(locale="en") == ("Hi", None)
    assert await preview(locale="de_CH") == ("Hallo", "de")
    assert await preview(locale="?") == ("Hi", None)
    assert (await messaging.call("GET", "/v1/templates/t"))["locales"] == {"de": GERMAN}


async def test_faults_of_a_language_are_refused_with_their_path(messaging: Messaging) -> None:
    body = {"key": "t", "channel": "email", "subject": "Hi", "body": "Hello", "locales": {"de": {"body": "{% if %}"}}}
    refused = await messaging.call("POST", "/v1/templates", body, status=422)
    locs = [error["loc"] for error in refused["errors"]]
    assert ["body", "locales", "de", "body"] in locs
    assert ["body", "locales", "de", "subject"] in locs


def join(messaging: Messaging, *people: Any, segment: str = "vip") -> None:
    """These people are in a segment."""
    entered = {"entered_at": messaging.clock.now()}
    messaging.near.members[segment] += [{"profile_id": one, "user_id": f"u-{one}"} | entered for one in people]


CHECKED = {
    "key": "t",
    "channel": "email",
    "subject": "{{ trigger.order_id }} {{ profile.traits.nick | default: 'you' }}",
    "body": "<p>{{ profile.traits.city }}{% if profile.traits.vip %}!{% endif %}{{ campaign.key }}</p>",
    "locales": {"de": {"subject": "Hallo", "body": "{{ profile.traits.stadt }}"}},
}


@pytest.mark.parametrize("strict", [True, False])
async def test_a_check_lists_for_whom_a_variable_is_missing(messaging: Messaging, strict: bool) -> None:
    await messaging.call("POST", "/v1/templates", CHECKED | {"strict": strict}, status=201)
    whole = messaging.near.add_person(traits={"city": "Graz", "vip": True})
    empty = messaging.near.add_person(traits={"first_name": "Ben"})
    half = messaging.near.add_person(traits={"city": "Wien"})
    german = messaging.near.add_person(traits={"city": "Wien", "vip": True, "locale": "de"})
    join(messaging, whole, empty, half, german, new_id())

    async def check(**asked: Any) -> Any:
        return await messaging.call("POST", "/v1/templates/t/check", {"segment": "vip"} | asked)

    found = await check(context={"order_id": "1"})
    assert {one["profile_id"]: one["missing"] for one in found["items"]} == {
        str(empty): ["profile.traits.city", "profile.traits.vip"],
        str(half): ["profile.traits.vip"],
        str(german): ["profile.traits.stadt"],
    }
    assert found["missing"] == {"profile.traits.vip": 2, "profile.traits.city": 1, "profile.traits.stadt": 1}
    assert (found["looked_at"], found["of"], found["people"]) == (5, 5, 3)
    assert [one["locale"] for one in found["items"]] == [None, None, "de"]
    assert (await check())["missing"]["trigger.order_id"] == 3
    some = await check(context={"order_id": "1"}, limit=3)
    assert (some["looked_at"], some["of"], some["people"]) == (3, 5, 2)
    assert await messaging.items("/v1/decisions") == []


async def test_a_check_says_who_cannot_be_written_to_at_all(messaging: Messaging) -> None:
    body = {"key": "t", "channel": "sms", "body": "{{ 10 | divided_by: profile.traits.n }}"}
    await messaging.call("POST", "/v1/templates", body, status=201)
    join(messaging, *(messaging.near.add_person(traits={"n": n}) for n in (0, 5)))
    found = await messaging.call("POST", "/v1/templates/t/check", {"segment": "vip"})
    (only,) = found["items"]
    assert (only["missing"], found["people"]) == ([], 1)
    assert only["error"]


async def test_a_check_refuses_what_is_not_there(messaging: Messaging) -> None:
    await messaging.call("POST", "/v1/templates", CHECKED, status=201)
    messaging.near.no_segments.add("nobody")
    refused = await messaging.call("POST", "/v1/templates/t/check", {"segment": "nobody"}, status=422)
    assert refused["errors"][0]["loc"] == ["body", "segment"]
    await messaging.call("POST", "/v1/templates/nothing/check", {"segment": "vip"}, status=404)
    await messaging.call("POST", "/v1/templates/t/check", {"segment": "vip", "channel": "sms"}, status=404)
    await messaging.call("POST", "/v1/templates/t/check", {"segment": "vip", "limit": 10_001}, status=422)
    messaging.near.down.add("segments")
    await messaging.call("POST", "/v1/templates/t/check", {"segment": "vip"}, status=503)
