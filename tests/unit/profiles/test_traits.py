"""Traits, life events and contact points, decided without a database."""

import itertools
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.profiles.domain.contacts import contacts_of, normalise
from services.profiles.domain.life_events import all_life_events, read_date
from services.profiles.domain.traits import (
    Stamp,
    Traits,
    after_all,
    counted_at,
    infer,
    infer_again,
    merge_patch,
    read_stamp,
    tell,
    tell_again,
    unite,
)
from shared.schemas.resolved import LifeEvent
from tests.unit.profiles.told import NOW

NOTHING = Traits({}, {})


def stamp(minute: int, message_id: str = "m", *, source: str = "web", implied: bool = False) -> Stamp:
    return Stamp(NOW + timedelta(minutes=minute), message_id, source, implied)


def test_a_stamp_is_read_as_it_was_written() -> None:
    written = stamp(3, "m1", implied=True)
    assert read_stamp(written.as_json(removed=False)) == written


TOLD = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(["a", "b", "firstName"]), st.sampled_from([None, 1, 2, "x", [1]])),
        st.integers(0, 3),
        st.sampled_from(["m1", "m2", "m3"]),
        st.sampled_from(["app", "web"]),
    ),
    max_size=4,
    unique_by=lambda told: told[1:],
)


@given(TOLD)
def test_the_order_of_messages_makes_no_difference(told: list[tuple[dict[str, Any], int, str, str]]) -> None:
    outcomes = []
    for order in itertools.permutations(told):
        held = NOTHING
        for values, minute, message_id, source in order:
            held = tell(held, values, stamp(minute, message_id, source=source))
        outcomes.append((held.values, held.provenance))
    assert all(outcome == outcomes[0] for outcome in outcomes)


@given(TOLD, st.integers(0, 4))
def test_two_halves_united_know_what_one_would(told: list[tuple[dict[str, Any], int, str, str]], split: int) -> None:
    def of(some: list[tuple[dict[str, Any], int, str, str]]) -> Traits:
        held = NOTHING
        for values, minute, message_id, source in some:
            held = tell(held, values, stamp(minute, message_id, source=source))
        return held

    assert unite(of(told[:split]), of(told[split:])) == unite(of(told[split:]), of(told[:split])) == of(told)


@pytest.mark.parametrize(
    ("timestamp", "received_at", "counted"),
    [(NOW, NOW, NOW), (NOW + timedelta(1), NOW, NOW), (NOW - timedelta(1), NOW, NOW - timedelta(1))],
)
def test_a_time_ahead_of_its_receipt_counts_as_the_receipt(
    timestamp: datetime, received_at: datetime, counted: datetime
) -> None:
    assert counted_at(timestamp, received_at) == counted


def test_what_is_told_beats_what_is_inferred_whenever_it_was_told() -> None:
    inferred = infer(NOTHING, {"timezone": "Europe/Berlin"}, stamp(9, implied=True))
    both = tell(inferred, {"timezone": "Asia/Tokyo"}, stamp(0))
    assert both.values == {"timezone": "Asia/Tokyo"}
    assert infer(both, {"timezone": "Europe/Berlin"}, stamp(10, implied=True)) is both
    removed = tell(both, {"timezone": None}, stamp(1))
    assert infer(removed, {"timezone": "Europe/Berlin"}, stamp(10, implied=True)) is removed


@pytest.mark.parametrize("zone", ["europe/berlin", "CEST", "Mars/Olympus", "", "../etc/passwd", None, 7, ["UTC"]])
def test_only_an_exact_name_is_a_time_zone(zone: Any) -> None:
    assert infer(NOTHING, {"timezone": zone}, stamp(0, implied=True)) is NOTHING


def test_the_same_zone_again_is_no_news_for_an_hour() -> None:
    held = infer(NOTHING, {"timezone": "Europe/Berlin"}, stamp(0, implied=True))
    assert infer(held, {"timezone": "Europe/Berlin"}, stamp(60, implied=True)) is held
    assert infer(held, {"timezone": "Europe/Berlin"}, stamp(61, implied=True)) is not held
    assert infer(held, {"timezone": "Asia/Tokyo"}, stamp(1, implied=True)).values == {"timezone": "Asia/Tokyo"}


@pytest.mark.parametrize(
    ("value", "patch", "patched"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_patches_are_those_of_the_standard(value: Any, patch: Any, patched: Any) -> None:
    assert merge_patch(value, patch) == patched


def test_a_change_made_here_is_the_newest_even_where_the_clock_is_behind() -> None:
    held = tell(NOTHING, {"a": 1}, stamp(5))
    assert after_all(held, ["b"], NOW) == NOW
    assert after_all(held, ["a"], NOW) == NOW + timedelta(minutes=5, microseconds=1)
    assert after_all(held, ["a"], NOW + timedelta(minutes=6)) == NOW + timedelta(minutes=6)


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("1990-02-28", date(1990, 2, 28)),
        ("1990-02-28T23:00:00-05:00", date(1990, 2, 28)),
        ("1990-02-28 00:00:00", date(1990, 2, 28)),
        ("1990-02-30", None),
        ("19900228", None),
        ("1990-2-8", None),
        ("1990-02-28x", None),
        ("0000-01-01", None),
        (642124800, None),
        (None, None),
    ],
)
def test_what_is_a_date(value: Any, day: date | None) -> None:
    assert read_date(value) == day


def test_a_birthday_that_was_told_twice_is_one() -> None:
    told = LifeEvent(id=UUID(int=1), kind="birthday", date=date(1990, 2, 28), recurs="yearly")
    childs = LifeEvent(id=UUID(int=2), kind="birthday", date=date(1990, 2, 28), recurs="yearly", subject="child")
    assert all_life_events(UUID(int=9), [told], {"birthday": "1990-02-28"}) == (told,)
    assert len(all_life_events(UUID(int=9), [childs], {"birthday": "1990-02-28"})) == 2
    assert len(all_life_events(UUID(int=9), [told], {"birthday": "1991-02-28"})) == 2


@pytest.mark.parametrize(
    ("namespace", "value", "region", "kept"),
    [
        ("email", " Ann@Example.COM ", "", "ann@example.com"),
        ("phone", "+49 (0)151 12345678", "", "+4915112345678"),
        ("phone", "0151 12345678", "DE", "+4915112345678"),
        ("phone", "0151 12345678", "", "015112345678"),
        ("phone", "not a number", "", "notanumber"),
    ],
)
def test_contact_points_have_one_form(namespace: str, value: str, region: str, kept: str) -> None:
    assert normalise(namespace, value, region) == kept


@pytest.mark.parametrize("value", [None, "", " ", True, [], {}, 1.5, "x" * 600])
def test_what_is_no_address_leads_to_nobody(value: Any) -> None:
    assert contacts_of({"email": value, "phone": value}) == frozenset()


def test_told_again_only_what_is_missing_is_told() -> None:
    told, first = {"a": 1, "b": 2, "c": None}, stamp(1, "m1")
    held = tell(tell(NOTHING, told, first), {"b": 3}, stamp(2, "m2"))
    assert tell_again(held, told, first) is held
    lost = Traits({"b": 3, "c": 7}, {key: held.provenance[key] for key in "bc"})
    assert tell_again(lost, told, first) == held
    damaged = Traits({"a": 5, "b": 3}, held.provenance)
    assert tell_again(damaged, told, first) == held
    assert tell_again(held, {"b": 4}, stamp(3, "m3")).values["b"] == 4


def test_inferred_again_only_where_nothing_is_known_any_more() -> None:
    first, later = stamp(0, "m1", implied=True), stamp(200, "m2", implied=True)
    held = infer(NOTHING, {"timezone": "Europe/Berlin"}, first)
    assert infer_again(held, {"timezone": "Europe/Berlin"}, later) is held
    assert infer_again(held, {"timezone": "Asia/Tokyo"}, later) is held
    assert infer_again(NOTHING, {"timezone": "Europe/Berlin"}, first) == held
    assert infer_again(Traits({}, held.provenance), {"timezone": "Europe/Berlin"}, first) == held
