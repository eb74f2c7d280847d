"""Templates over HTTP: languages, versions, and what is tried out before it is sent."""

from email import message_from_bytes
from typing import Any

import pytest

from shared.plumbing.ids import new_id
from tests.services.messaging.conftest import Messaging, NewMessaging
from tests.services.messaging.neighbours import consent
from tests.services.messaging.post import Post, answering

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


async def test_every_version_stays_to_be_seen(messaging: Messaging) -> None:
    body = {"key": "t", "channel": "email", "subject": "1", "body": "1"}
    await messaging.call("POST", "/v1/templates", body, status=201)
    await messaging.call("POST", "/v1/templates", {"key": "t", "channel": "sms", "body": "sms"}, status=201)
    for n in ("2", "3"):
        await messaging.call("PUT", "/v1/templates/t", body | {"subject": n, "body": n})
    versions = await messaging.items("/v1/templates/t/versions")
    assert [(one["version"], one["channel"], one["body"]) for one in versions] == [
        (3, "email", "3"),
        (2, "email", "2"),
        (1, "email", "1"),
        (1, "sms", "sms"),
    ]
    assert all(one["created_at"] for one in versions)
    path, seen = "/v1/templates/t/versions?limit=1", []
    while True:
        page = await messaging.call("GET", path)
        seen += page["items"]
        if page["next"] is None:
            break
        path = f"/v1/templates/t/versions?limit=1&cursor={page['next']}"
    assert seen == versions
    assert len(await messaging.items("/v1/templates/t/versions?channel=sms")) == 1
    await messaging.call("GET", "/v1/templates/nothing/versions", status=404)
    await messaging.call("GET", "/v1/templates/t/versions?cursor=nonsense", status=422)


async def test_a_message_is_rendered_with_one_version_also_while_it_is_edited(messaging: Messaging) -> None:
    await messaging.campaign(template={"subject": "1", "body": "1", "text": "1"})
    people = [messaging.near.add_person() for _ in range(60)]
    for n in range(2, 8):
        await messaging.enter(*people[(n - 2) * 10 : (n - 1) * 10])
        body = {"channel": "email", "subject": f"{n}", "body": f"{n}", "text": f"{n}"}
        await messaging.call("PUT", "/v1/templates/hello", body)
    await messaging.settle()
    versions = {one["id"]: one["template_version"] for one in await messaging.items("/v1/deliveries")}
    mailbox = await messaging.mailbox()
    assert len(mailbox) == 60
    for mail in mailbox:
        assert {mail["subject"], mail["text"].strip()} == {str(versions[mail["id"]])}


TRIED = {
    "key": "t",
    "channel": "email",
    "subject": "Hi {{ profile.traits.first_name }}",
    "body": "<p>{{ trigger.n }}</p>",
}


async def test_a_test_message_is_marked_and_counts_nowhere(messaging: Messaging) -> None:
    """The very person then gets the campaign's message, which a cap would hold back if the test had counted."""
    caps = {"frequency_caps": [{"purpose": one, "max": 1, "within": "P7D"} for one in ("marketing", "test")]}
    await messaging.call("PUT", "/v1/settings", caps)
    await messaging.call("POST", "/v1/templates", TRIED, status=201)
    ada = messaging.near.add_person(consents=[], traits={"first_name": "Ada", "email": "ada@example.com"})
    body = {"profile_id": ada, "to": "me@shop.example", "context": {"n": 7}}
    told = await messaging.call("POST", "/v1/templates/t/test", body)
    assert (told["status"], told["provider"], told["to"], told["version"]) == ("sent", "mailbox", "me@shop.example", 1)
    [mail] = await messaging.mailbox()
    assert (mail["id"], mail["to"], mail["subject"]) == (told["id"], "me@shop.example", "[Test] Hi Ada")
    assert (mail["text"], mail["headers"]["X-Regulars-Test"], mail["headers"]["To"]) == (
        "7\n",
        "true",
        "me@shop.example",
    )
    assert mail["headers"]["Subject"] == "[Test] Hi Ada"
    assert [one["status"] for one in await messaging.items("/v1/deliveries")] == ["test"]
    assert await messaging.decisions() == []
    assert await messaging.rows("SELECT 1 FROM feed") == []
    link = mail["headers"]["List-Unsubscribe"].strip("<>").removeprefix("http://127.0.0.1:8004")
    await messaging.http.post(link)
    assert await messaging.items("/v1/suppressions") == []
    messaging.near.people[ada]["consents"] = [consent()]
    for key, purpose in (("a", "marketing"), ("b", "test")):
        messaging.near.people[ada]["consents"].append(consent(purpose=purpose))
        await messaging.campaign(key, template={"subject": key, "body": key}, purpose=purpose)
    await messaging.enter(ada)
    await messaging.settle()
    assert sorted(one["decision"] for one in await messaging.decisions()) == ["sent", "sent"]


async def test_a_test_message_is_refused_where_nothing_may_be_sent(messaging: Messaging) -> None:
    await messaging.call("POST", "/v1/templates", TRIED, status=201)
    ada = messaging.near.add_person()
    for address, purpose in (("never@shop.example", None), ("no-news@shop.example", "marketing")):
        await messaging.call("POST", "/v1/suppressions", {"channel": "email", "address": address, "purpose": purpose})

    async def send(status: int, **asked: Any) -> Any:
        body = {"profile_id": ada, "to": "me@shop.example"} | asked
        return await messaging.call("POST", "/v1/templates/t/test", body, status=status)

    assert (await send(409, to="Never@shop.example"))["code"] == "suppressed"
    assert await messaging.mailbox() == []
    await send(200, to="no-news@shop.example")
    for wrong in ("me", "a@b, c@d", "me@shop.example\r\nBcc: x@y.example", "", " "):
        await send(422, to=wrong)
    await send(404, profile_id=new_id())
    await send(404, channel="sms")
    await messaging.call("POST", "/v1/templates/nothing/test", {"profile_id": ada, "to": "a@b.c"}, status=404)
    assert len(await messaging.mailbox()) == 1


async def test_a_test_message_on_a_channel_without_subjects_is_marked_too(messaging: Messaging) -> None:
    await messaging.call("POST", "/v1/templates", {"key": "t", "channel": "sms", "body": "Hi"}, status=201)
    body = {"profile_id": messaging.near.add_person(), "to": "+43 660 1234567"}
    await messaging.call("POST", "/v1/templates/t/test", body)
    [sent] = await messaging.mailbox()
    assert (sent["channel"], sent["text"]) == ("sms", "[Test] Hi")
    await messaging.call("POST", "/v1/templates/t/test", body | {"to": "me@shop.example"}, status=422)


@pytest.mark.parametrize("role", ["all", "api"])
async def test_a_test_message_goes_out_by_the_channels_provider(new_messaging: NewMessaging, role: str) -> None:
    async with Post(rcpt=answering("250 OK", "550 5.1.1 nobody here")).open() as post:
        messaging = await new_messaging(**post.settings, role=role)
        await messaging.call("POST", "/v1/templates", TRIED, status=201)
        body = {"profile_id": messaging.near.add_person(), "to": "me@shop.example"}
        told = await messaging.call("POST", "/v1/templates/t/test", body)
        assert (told["status"], told["provider"]) == ("sent", "smtp")
        [envelope] = post.taken
        assert envelope.rcpt_tos == ["me@shop.example"]
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content)
        assert (mail["Subject"], mail["X-Regulars-Test"]) == ("[Test] Hi Ada", "true")
        told = await messaging.call("POST", "/v1/templates/t/test", body)
        assert (told["status"], told["answer"]) == ("failed", "550 5.1.1 nobody here")
        assert await messaging.items("/v1/suppressions") == []
