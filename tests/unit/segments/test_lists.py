"""Lists as a fact of profiles that callers can neither state nor ask for."""

from typing import Any
from uuid import UUID

import pytest

from services.segments.domain.lists import (
    is_list,
    list_condition,
    lists_of,
    reserved_places,
    shown_condition,
    unite,
    with_lists,
)

ONE, OTHER = str(UUID(int=1)), str(UUID(int=2))
SINCE, LATER = "2026-05-01T12:00:00.000000Z", "2026-05-02T12:00:00.000000Z"


def test_a_lists_own_condition_is_told_from_any_that_callers_can_write() -> None:
    assert is_list(list_condition(UUID(int=1)))
    assert shown_condition(list_condition(UUID(int=1))) == {"kind": "list", "condition": None}
    theirs = {"trait": "lists", "op": "exists"}
    assert shown_condition(theirs) == {"kind": "condition", "condition": theirs}


@pytest.mark.parametrize(
    ("condition", "places"),
    [
        ({"trait": "$lists", "op": "exists"}, [("trait",)]),
        ({"not": {"trait": f"$lists.{ONE}", "op": "exists"}}, [("not", "trait")]),
        ({"all": [{"trait": "a", "op": "exists"}, {"trait": "$lists", "op": "exists"}]}, [("all", 1, "trait")]),
        ({"trait_changed": "$lists", "within": "P1D"}, [("trait_changed",)]),
        ({"trait_date": "$lists.x", "from": "P0D", "until": "P0D"}, [("trait_date",)]),
        (
            {
                "event": "A",
                "where": [{"property": "p", "op": "=", "value_of": {"trait": "$lists.x"}}],
                "op": ">=",
                "value": 1,
            },
            [("where", 0, "value_of", "trait")],
        ),
        ({"trait": "$listsx", "op": "exists"}, []),
        ({"trait": "a.$lists", "op": "exists"}, []),
        ({"trait": "a", "op": "=", "value": "$lists"}, []),
        ({"event": "$lists", "where": [{"property": "$lists", "op": "exists"}], "op": "=", "value": 0}, []),
        ([1, "$lists", None], []),
    ],
)
def test_callers_cannot_name_the_fact(condition: Any, places: list[Any]) -> None:
    assert reserved_places(condition) == places


def test_what_a_profile_says_of_lists_itself_does_not_count() -> None:
    told = {"plan": "pro", "$lists": {OTHER: SINCE}}
    assert with_lists(told, {}) == {"plan": "pro"}
    assert with_lists(told, {ONE: SINCE}) == {"plan": "pro", "$lists": {ONE: SINCE}}
    assert lists_of({"$lists": "mine"}) == {}


def test_two_that_are_one_are_on_the_lists_of_both_since_the_first_was() -> None:
    assert unite({ONE: SINCE}, {ONE: LATER, OTHER: LATER}) == {ONE: SINCE, OTHER: LATER}
    assert unite({}, {}) == {}
