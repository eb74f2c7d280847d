"""Topics: which need a yes, which hold until a no, and how they are called."""

from typing import Any

import pytest

from services.messaging.domain.decision import decide
from services.messaging.domain.topics import is_wanted
from services.messaging.domain.verdict import History, Refuse
from shared.language.errors import ConditionError
from tests.unit.messaging.builders import NOW, campaign, person, request, rules

CATALOGUE = [
    {"key": "news", "name": "News", "default": "opt_out"},
    {"key": "wine", "name": {"en": "Wine", "de": "Wein", "pt-BR": "Vinho"}, "default": "opt_in"},
    {"key": "sale", "name": "Sales"},
]


def reason_for(topic: str, said: Any, **fields: Any) -> str:
    """Why a campaign on this topic does not speak to somebody who said this about it."""
    preferences = {"topics": {} if said is None else {topic: said}}
    found = decide(
        request(
            campaign=campaign(topic=topic, **fields),
            recipient=person(preferences=preferences),
            rules=rules(topics=CATALOGUE),
        ),
        History(),
        now=NOW,
    )
    return found.reason if isinstance(found, Refuse) else "sent"


@pytest.mark.parametrize(
    ("topic", "said", "expected"),
    [
        ("news", None, "sent"),
        ("news", True, "sent"),
        ("news", False, "topic_opt_out"),
        ("wine", None, "topic_not_chosen"),
        ("wine", True, "sent"),
        ("wine", False, "topic_opt_out"),
        ("sale", None, "sent"),
        ("not in the catalogue", None, "sent"),
        ("not in the catalogue", False, "topic_opt_out"),
        ("wine", "yes", "topic_not_chosen"),
    ],
)
def test_a_yes_a_no_and_nothing_said(topic: str, said: Any, expected: str) -> None:
    assert reason_for(topic, said) == expected


def test_what_is_transactional_has_no_topic() -> None:
    assert reason_for("wine", None, purpose="transactional") == "sent"
    assert reason_for("wine", False, purpose="transactional") == "sent"


def test_a_topic_is_called_as_in_the_nearest_language() -> None:
    news, wine, _ = rules(topics=CATALOGUE).topics
    spoken = [wine.name(locale) for locale in ("de-AT", "de_CH.UTF-8", "pt-BR", "pt", "fr", None)]
    assert spoken == ["Wein", "Wein", "Vinho", "Wine", "Wine", "Wine"]
    assert news.name("de") == "News"


def test_preferences_that_are_no_preferences_say_nothing() -> None:
    news, wine, _ = rules(topics=CATALOGUE).topics
    for preferences in ({}, {"topics": None}, {"topics": ["news"]}, {"topics": {"news": 1, "wine": 1}}):
        assert (is_wanted(news, preferences), is_wanted(wine, preferences)) == (True, False)


@pytest.mark.parametrize(
    ("topics", "loc"),
    [
        ({}, []),
        ([{"key": "a"}], [0, "name"]),
        ([{"key": "", "name": "A"}], [0, "key"]),
        ([{"key": "a", "name": ""}], [0, "name"]),
        ([{"key": "a", "name": {}}], [0, "name"]),
        ([{"key": "a", "name": {"deutsch!": "A"}}], [0, "name", "deutsch!"]),
        ([{"key": "a", "name": {"de": 5}}], [0, "name", "de"]),
        ([{"key": "a", "name": "A", "default": "yes"}], [0, "default"]),
        ([{"key": "a", "name": "A", "why": 1}], [0, "why"]),
        ([{"key": "a", "name": "A"}, {"key": "a", "name": "B"}], [1, "key"]),
        ([{"key": f"{n}", "name": "A"} for n in range(101)], []),
    ],
)
def test_faults_of_a_catalogue_are_named_by_their_place(topics: Any, loc: list[Any]) -> None:
    with pytest.raises(ConditionError) as refused:
        rules(topics=topics)
    assert [fault["loc"] for fault in refused.value.errors] == [["topics", *loc]]
