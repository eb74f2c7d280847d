"""Templates over HTTP: languages, versions, and what is tried out before it is sent."""

from typing import Any

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
    told = {people[one]: None for one in people}
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
