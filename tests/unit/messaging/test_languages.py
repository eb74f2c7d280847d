"""In which language somebody is written to."""

from typing import Any

import pytest

from services.messaging.domain.languages import nearest
from services.messaging.domain.template import parse_template
from shared.language.errors import ConditionError

GERMAN = {"subject": "Hallo", "body": "Guten Tag"}


def template(**locales: Any) -> Any:
    named = {name.replace("__", "-"): words for name, words in locales.items()}
    return {"key": "t", "channel": "email", "subject": "Hi", "body": "Hello", "locales": named}


def faults(definition: Any) -> list[Any]:
    with pytest.raises(ConditionError) as caught:
        parse_template(definition)
    return [error["loc"] for error in caught.value.errors]


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("de", ["de"]),
        ("de-AT", ["de-at", "de"]),
        ("DE_at", ["de-at", "de"]),
        (" de-AT ", ["de-at", "de"]),
        ("de_AT.UTF-8", ["de-at", "de"]),
        ("de_AT@euro", ["de-at", "de"]),
        ("zh-Hant-TW", ["zh-hant-tw", "zh-hant", "zh"]),
        ("de-DE-u-co-phonebk", ["de-de-u-co-phonebk", "de-de-u-co", "de-de", "de"]),
        *[(wrong, []) for wrong in ("", "d", "deutsch!", "de AT", "de--AT", "-", "x" * 500, "de\nAT", "*", "ß")],
        *[(wrong, []) for wrong in (None, 5, True, ["de"], {"de": 1})],
    ],
)
def test_a_locale_leads_to_its_nearest_languages(locale: Any, expected: list[str]) -> None:
    assert list(nearest(locale)) == expected


@pytest.mark.parametrize(
    ("locale", "body", "used"),
    [
        ("de", "Guten Tag", "de"),
        ("de-CH", "Guten Tag", "de"),
        ("de_at", "Servus", "de-AT"),
        ("en", "Hello", None),
        ("fr-FR", "Hello", None),
        ("??", "Hello", None),
        (None, "Hello", None),
        (7, "Hello", None),
    ],
)
def test_the_nearest_language_is_spoken(locale: Any, body: str, used: str | None) -> None:
    spoken = parse_template(template(de=GERMAN, de__AT={"subject": "Servus", "body": "Servus"})).speaking(locale)
    assert (spoken.body, spoken.locale) == (body, used)


def test_a_message_is_in_one_language_only() -> None:
    """The text that was written for English is none of the German message."""
    spoken = parse_template(template(de=GERMAN) | {"text": "Hello as text"}).speaking("de")
    assert (spoken.subject, spoken.body, spoken.text) == ("Hallo", "Guten Tag", None)


@pytest.mark.parametrize(
    ("words", "loc"),
    [
        ({"body": "x"}, ["de", "subject"]),
        ({"subject": None, "body": "x"}, ["de", "subject"]),
        ({"subject": "x"}, ["de", "body"]),
        ({"subject": "x", "body": ""}, ["de", "body"]),
        ({"subject": "x", "body": "{% if %}"}, ["de", "body"]),
        ({"subject": "{{ x | nosuch }}", "body": "x"}, ["de", "subject"]),
        ({"subject": "x", "body": "x", "text": "{% for %}"}, ["de", "text"]),
        ({"subject": "x", "body": "x", "from": "a@b.c"}, ["de", "from"]),
        ("x", ["de"]),
        (None, ["de"]),
    ],
)
def test_faults_in_a_language_have_their_path(words: Any, loc: list[str]) -> None:
    assert ["locales", *loc] in faults(template(de=words))


@pytest.mark.parametrize("name", ["", "deutsch_oesterreich", "de AT", "de\x00", "1", "d"])
def test_a_language_must_be_one(name: str) -> None:
    assert ["locales", name] in faults(template(**{name: GERMAN}))


def test_a_language_is_given_once() -> None:
    assert ["locales", "DE_at"] in faults(template(de__AT=GERMAN, DE_at=GERMAN))
    assert ["locales"] in faults(template(**{f"l{chr(97 + n // 26)}{chr(97 + n % 26)}": GERMAN for n in range(101)}))
    assert ["locales"] in faults(template() | {"locales": ["de"]})
