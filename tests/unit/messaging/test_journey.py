"""Journeys as they are given: what is read, and what is refused with its path."""

from datetime import time, timedelta
from typing import Any

import pytest

from services.messaging.api.journey_docs import JOURNEY, REPORT
from services.messaging.domain.campaign import EventTrigger, JourneyTrigger
from services.messaging.domain.campaign_reading import parse_definition
from services.messaging.domain.journey import (
    Selection,
    WaitFor,
    WaitUntil,
    campaigns_named,
    event_names,
    instance_of,
    kinds_of,
    segments_named,
)
from services.messaging.domain.journey_reading import parse_journey
from shared.language.errors import ConditionError
from shared.plumbing import json

BASE = {"key": "j", "entry": {"event": "Signed Up"}, "steps": [{"send": "a"}]}
NESTED = [
    {"send": "a"},
    {"wait_for": {"segment": "vip", "on": "left"}, "at_most": "P1D", "then": [{"send": "b"}], "else": []},
    {
        "branch": [
            {"if": {"segment": "rich"}, "steps": [{"send": "c"}]},
            {"if": {"trait": "x", "op": "exists"}, "steps": []},
        ]
    },
    {"wait_for": {"event": "Paid"}, "at_most": "PT1H"},
]


def test_places_are_paths_and_lead_on() -> None:
    found = parse_journey(BASE | {"steps": NESTED})
    assert list(found.steps) == ["0", "1", "1.then.0", "2", "2.branch.0.steps.0", "3"]
    assert {place: one.after for place, one in found.steps.items()} == {
        "0": "1", "1": "2", "1.then.0": "2", "2": "3", "2.branch.0.steps.0": "3", "3": None,
    }  # fmt: skip
    assert list(campaigns_named(found)) == [
        ("a", ("steps", 0, "send")),
        ("b", ("steps", 1, "then", 0, "send")),
        ("c", ("steps", 2, "branch", 0, "steps", 0, "send")),
    ]
    assert list(segments_named(found)) == [
        ("vip", ("steps", 1, "wait_for", "segment")),
        ("rich", ("steps", 2, "branch", 0, "if", "segment")),
    ]
    assert set(event_names(found)) == {"Signed Up", "Paid"}


def test_the_documented_one_is_accepted() -> None:
    found = parse_journey(JOURNEY)
    assert [(place, kind) for place, kind, _ in kinds_of(found)] == [
        (one["step"], one["kind"]) for one in REPORT["steps"]
    ]
    assert [key for key, _ in campaigns_named(found)] == ["welcome-mail", "first-order"]
    assert (found.entry, found.goal) == (EventTrigger("Signed Up"), Selection("Order Completed"))
    assert found.steps["1"].step == WaitFor(Selection("Order Completed"), timedelta(days=3), "1.then.0", "1.else.0")
    assert found.steps["1.else.0"].step == WaitUntil(time(9), frozenset(range(5)))


@pytest.mark.parametrize(
    ("fields", "loc"),
    [
        ({"steps": []}, ["steps"]),
        ({"steps": "x"}, ["steps"]),
        ({"steps": [{}]}, ["steps", 0]),
        ({"steps": [{"send": "a", "wait": "P1D"}]}, ["steps", 0]),
        ({"steps": [{"send": ""}]}, ["steps", 0, "send"]),
        ({"steps": [{"send": "a", "then": []}]}, ["steps", 0, "then"]),
        ({"steps": [{"wait": "-P1D"}]}, ["steps", 0, "wait"]),
        ({"steps": [{"wait_until": "9"}]}, ["steps", 0, "wait_until"]),
        ({"steps": [{"wait_until": "09:00", "days": ["monday"]}]}, ["steps", 0, "days"]),
        ({"steps": [{"wait_for": {"event": "A"}}]}, ["steps", 0, "at_most"]),
        ({"steps": [{"wait_for": {"segment": "A", "on": "x"}, "at_most": "P1D"}]}, ["steps", 0, "wait_for", "on"]),
        ({"steps": [{"wait_for": {"event": "A"}, "at_most": "P1D", "then": [{"exit": 1}]}]}, ["steps", 0, "then", 0, "exit"]),
        ({"steps": [{"branch": []}]}, ["steps", 0, "branch"]),
        ({"steps": [{"branch": [{"if": {"trait": "a"}, "steps": []}]}]}, ["steps", 0, "branch", 0, "if", "op"]),
        ({"steps": [{"branch": [{"if": {"segment": "a"}}]}]}, ["steps", 0, "branch", 0, "steps"]),
        ({"entry": {"segment": "vip", "at": "2026-01-01T00:00:00Z"}}, ["entry"]),
        ({"entry": {"segment": "vip", "on": "entered", "existing": True}}, ["entry", "existing"]),
        ({"entry": {"journey": "other"}}, ["entry"]),
        ({"entry": {"segment": "vip", "on": "entered"}, "instance": "order_id"}, ["instance"]),
        ({"leave_with_segment": 1}, ["leave_with_segment"]),
        ({"leave_with_segment": True}, ["leave_with_segment"]),
        ({"reentry": "often"}, ["reentry"]),
        ({"goal": {"name": "A"}}, ["goal", "name"]),
        ({"more": 1}, ["more"]),
    ],
)  # fmt: skip
def test_faults_are_told_with_their_path(fields: Any, loc: Any) -> None:
    with pytest.raises(ConditionError) as raised:
        parse_journey(BASE | fields)
    assert loc in [fault["loc"] for fault in raised.value.errors]


def test_too_deep_or_too_many_steps_are_refused() -> None:
    deep: Any = {"send": "a"}
    for _ in range(30):
        deep = {"wait_for": {"event": "A"}, "at_most": "P1D", "then": [deep]}
    for steps in ([deep], [{"send": "a"}] * 600):
        with pytest.raises(ConditionError):
            parse_journey(BASE | {"steps": steps})


@pytest.mark.parametrize(
    ("value", "instance"),
    [
        ('"7"', "7"),
        ("7", "7"),
        ("7.0", "7"),
        ("7.5", None),
        ("true", None),
        ("null", None),
        ('""', None),
        ("[1]", None),
    ],
)
def test_which_run_an_event_is_about(value: str, instance: str | None) -> None:
    assert instance_of("order.id", json.loads(f'{{"order": {{"id": {value}}}}}')) == instance


def test_a_campaign_of_a_journey_leaves_re_entry_to_it() -> None:
    found = parse_definition({"key": "a", "trigger": {"journey": "j"}, "template": "t", "purpose": "marketing"})
    assert (found.trigger, found.reentry) == (JourneyTrigger("j"), "always")
