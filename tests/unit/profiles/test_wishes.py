"""Consent, devices, erasure and values, decided without a database."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from services.profiles.domain.consent import standing
from services.profiles.domain.devices import device_of
from services.profiles.domain.erasure import Receipt, keyed_hash, who_is_through
from services.profiles.domain.names import Name
from services.profiles.domain.preferences import unite_preferences
from services.profiles.domain.values import faults
from shared.schemas.recipients import Consent
from tests.unit.profiles.told import NOW, message


def word(status: str, minute: int, channel: str = "email", purpose: str = "marketing") -> Consent:
    return Consent(purpose=purpose, channel=channel, status=status, at=NOW + timedelta(minutes=minute))


@pytest.mark.parametrize(
    ("words", "granted"),
    [
        ([], False),
        ([word("granted", 0)], True),
        ([word("granted", 0), word("withdrawn", 1)], False),
        ([word("withdrawn", 1), word("granted", 0)], False),
        ([word("denied", 0), word("granted", 1)], True),
        ([word("granted", 0), word("denied", 0)], False),
        ([word("denied", 0), word("granted", 0)], False),
        ([word("granted", 0), word("denied", 1, "any")], False),
        ([word("denied", 1), word("granted", 2, "any")], True),
        ([word("granted", 1), word("denied", 1, "any")], False),
        ([word("granted", 0), word("denied", 1, "sms")], True),
        ([word("granted", 0), word("denied", 1, purpose="news")], True),
        ([word("granted", 0, purpose="news")], False),
    ],
)
def test_the_newest_word_for_the_channel_or_any_decides(words: list[Consent], granted: bool) -> None:
    for heard in (words, standing(words)):
        about = [one for one in heard if one.purpose == "marketing" and one.channel in ("email", "any")]
        newest = max(about, key=lambda one: (one.at, one.status != "granted"), default=None)
        assert (newest is not None and newest.status == "granted") is granted


def test_only_the_last_word_for_each_purpose_and_channel_stands() -> None:
    words = [word("granted", 0), word("denied", 0), word("granted", 1, "sms"), word("withdrawn", 0, "sms")]
    assert {(one.channel, one.status) for one in standing(words)} == {("email", "denied"), ("sms", "granted")}


@pytest.mark.parametrize(
    ("older", "newer", "united"),
    [
        ({}, {}, {}),
        ({"topics": {"news": False}}, {}, {"topics": {"news": False}}),
        (
            {"topics": {"news": False, "wine": True}},
            {"topics": {"tea": True}},
            {"topics": {"news": False, "tea": True}},
        ),
        ({"topics": {"news": False}}, {"topics": {"news": True}}, {"topics": {"news": True}}),
        ({"channels": ["sms"], "topics": {}}, {"channels": []}, {"channels": []}),
    ],
)
def test_of_two_preferences_the_newer_stand_and_no_refused_topic_is_lost(older: Any, newer: Any, united: Any) -> None:
    assert unite_preferences(older, newer) == united


@pytest.mark.parametrize(
    ("fields", "seen"),
    [
        ({"type": "device", "properties": {"token": "t", "platform": "iOS", "app_version": "1"}}, ("t", "ios", "1")),
        ({"type": "device", "properties": {"device": {"id": "t", "platform": "android"}}}, ("t", "android", None)),
        ({"type": "device_removed", "properties": {"token": "t"}}, ("t", None, None)),
        ({"context": {"device": {"token": "t", "type": "ios"}, "app": {"version": "2"}}}, ("t", "ios", "2")),
        ({"context": {"device": {"id": "t"}}}, None),
        ({"context": {"device": "t"}}, None),
        ({"context": {"device": {"token": 7}}}, None),
        ({"context": {"device": {"token": "t" * 2000}}}, None),
        ({"properties": {"token": "t"}}, None),
    ],
)
def test_a_device_is_known_by_its_push_token(fields: dict[str, Any], seen: tuple[Any, ...] | None) -> None:
    found = device_of(message(**fields), UUID(int=1), NOW)
    assert (found and (found.token, found.platform, found.app_version)) == seen


def test_hashes_of_names_are_keyed_and_tell_namespaces_apart() -> None:
    name = Name("user_id", "u")
    assert keyed_hash(name, "k") == keyed_hash(name, "k")
    assert len({keyed_hash(name, "k"), keyed_hash(name, "l"), keyed_hash(Name("anonymous_id", "u"), "k")}) == 3


@pytest.mark.parametrize(
    ("heads", "passed", "through"),
    [
        (None, {"a": {1: 9}, "b": {1: 9}}, set()),
        ({1: 7}, {}, set()),
        ({1: 7}, {"a": {1: 7}, "b": {1: 6}}, {"a"}),
        ({1: 3}, {"a": {1: 5}, "b": {1: 4}}, {"a"}),
        ({1: 7}, {"a": {1: 7}, "b": {1: 8}}, {"a", "b"}),
        ({}, {"a": {2: 8}, "b": {1: 5}}, {"b"}),
    ],
)
def test_a_service_is_through_when_it_has_passed_all_that_told_it(
    heads: dict[int, int] | None, passed: dict[str, dict[int, int]], through: set[str]
) -> None:
    receipt = Receipt(UUID(int=1), UUID(int=2), "pending", NOW, None, {1: 5}, {}, heads, {})
    state = who_is_through(receipt, passed, ["a", "b"], now=NOW)
    assert {name for name, at in state.items() if at} == through


@pytest.mark.parametrize(
    "value",
    [10**39, -(10**39), Decimal("1e100"), Decimal("1e-100"), Decimal("0." + "1" * 40), "ä€", {"a": [None, True, "x"]}],
)
def test_what_can_be_kept(value: Any) -> None:
    assert list(faults(value)) == []


@pytest.mark.parametrize(
    ("value", "loc"),
    [
        ({"a": 10**40}, ["a"]),
        ({"a": [1, Decimal("1e101")]}, ["a", 1]),
        ([Decimal("1e-101")], [0]),
        (Decimal("0." + "1" * 41), []),
        ("a\x00", []),
        ({"a\x00": 1}, ["a\ufffd"]),
        ("\ud800", []),
    ],
)
def test_what_cannot_be_kept_is_named_with_its_place(value: Any, loc: list[Any]) -> None:
    [fault] = faults(value)
    assert fault["loc"] == loc
