"""Our pages in every language: complete, well formed, readable by machines that read aloud."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from services.messaging.domain import pages
from services.messaging.domain.choices import ChannelChoice, Choices, Window
from services.messaging.domain.preference_page import preference_page
from services.messaging.domain.topics import Topic
from services.messaging.domain.words import DEFAULT, accepted, languages, words_for

VOID = {"meta", "input"}
CHOICES = Choices(
    topics=((Topic("a&b", {"": '<b>"News"</b>'}), True), (Topic("wine", {"en": "Wine", "de": "Wein"}), False)),
    channels=(ChannelChoice("email", "a•••@e•••.com", "h1", True), ChannelChoice("sms", "••• 67", "h2", False, True)),
    windows=(Window(("mon",), "09:00", "12:00"),),
    zone="Europe/Berlin",
    first="sms",
    language="de",
)


class Outline(HTMLParser):
    """What is in a page; fails where tags do not nest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.unlabelled: list[Any] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag in ("input", "select") and found.get("type") != "hidden" and "label" not in self.open:
            self.unlabelled.append(found)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [found for name, found in self.tags if name == tag]


def page(language: str, **fields: Any) -> str:
    given: dict[str, Any] = {"purpose": "marketing", "action": "/p", "remembered": "x", "address": "a•••"} | fields
    return preference_page(words_for(language), given.pop("choices", CHOICES), **given)


@pytest.mark.parametrize("language", languages())
def test_every_language_says_everything_with_the_same_values(language: str) -> None:
    ours, default = languages()[language], languages()[DEFAULT]
    assert set(ours) == set(default)
    for name, text in ours.items():
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", default[name])), name


@pytest.mark.parametrize("language", languages())
def test_the_page_is_well_formed_labelled_and_without_scripts(language: str) -> None:
    outline = Outline(page(language, notice="Saved & done"))
    assert outline.all("html") == [{"lang": language}]
    assert outline.unlabelled == []
    assert [name for name, _ in outline.tags if name in ("script", "img", "link", "iframe", "h1")] == ["h1"]
    assert all(not name.startswith("on") for _, found in outline.tags for name in found)
    headings = [name for name, _ in outline.tags if name in ("h1", "h2", "h3")]
    assert headings == ["h1", "h2", "h2", "h2", "h2", "h2"]
    assert {form["method"] for form in outline.all("form")} == {"post"}


def test_whatever_stands_in_it_is_escaped() -> None:
    made = page("en", action='/p"><script>', remembered='"><script>', address="<script>", notice="<script>")
    assert "<script" not in made
    assert "&lt;b&gt;&quot;News&quot;&lt;/b&gt;" in made
    assert '"a&amp;b"' in made


def test_what_cannot_be_shown_can_be_unsubscribed_from_all_the_same() -> None:
    outline = Outline(page("en", choices=None, address=None))
    assert [found.get("value") for found in outline.all("button")] == ["all"]
    assert [found["name"] for found in outline.all("input")] == ["shown"]


@pytest.mark.parametrize("language", languages())
def test_every_language_can_be_chosen_in_its_own_words(language: str) -> None:
    options = Outline(page(language)).all("option")
    assert {one["value"] for one in options if "lang" in one} == languages().keys()
    assert [one["value"] for one in options if "selected" in one] == ["sms", "de"]
    assert all(f">{texts['language']}</option>" in page(language) for texts in languages().values())


def test_topics_are_called_in_the_language_of_the_page() -> None:
    assert "Wein" in page("de-AT")
    assert "Wine" in page("en")


@pytest.mark.parametrize(
    ("locales", "expected"),
    [
        (["de_AT.UTF-8"], "de"),
        (["pt-BR", "fr-CA"], "fr"),
        ([None, 5, "", "es"], "es"),
        (["tlh"], "en"),
        ([], "en"),
    ],
)
def test_the_first_language_that_there_is(locales: list[Any], expected: str) -> None:
    assert words_for(*locales).language == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("fr;q=0.5, es, de;q=0.8", ["es", "de", "fr"]),
        ("de;q=0, en", ["en"]),
        ("*;q=0.1,;;,en;q=much", ["*"]),
        (None, []),
        ("x" * 5000, ["x" * 1000]),
    ],
)
def test_a_browsers_languages_are_taken_by_its_preference(header: str | None, expected: list[str]) -> None:
    assert list(accepted(header)) == expected


def test_the_policy_allows_its_own_style_and_nothing_else() -> None:
    policy = pages.HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "script-src" not in policy
