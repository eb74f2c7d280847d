"""Where a request carries its write key."""

import base64
from typing import Any

import pytest

from services.events.domain.keys import basic_credentials, find_write_key


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


CASES: list[tuple[dict[str, Any], str | None]] = [
    ({"authorization": basic("ckey:")}, "ckey"),
    ({"authorization": basic("ckey:secret")}, "ckey"),
    ({"authorization": basic("ckey")}, "ckey"),
    ({"authorization": basic("ckey:").replace("Basic", "basic")}, "ckey"),
    ({"authorization": "ckey"}, "ckey"),
    ({"authorization": "Bearer ckey"}, "ckey"),
    ({"authorization": "Basic ckey"}, "ckey"),
    ({"authorization": basic("cfirst:"), "x_write_key": "csecond", "in_body": "cthird"}, "cfirst"),
    ({"authorization": basic(":"), "x_write_key": "csecond"}, "csecond"),
    ({"x_write_key": "ckey:secret"}, "ckey"),
    ({"x_write_key": "csecond", "in_query": "cthird"}, "csecond"),
    ({"in_query": "cthird", "in_body": "cfourth"}, "cthird"),
    ({"in_body": "cfourth"}, "cfourth"),
    ({"in_body": "***"}, None),
    ({"in_body": "cab***"}, None),
    ({"in_body": 5}, None),
    ({"in_body": ""}, None),
    ({"authorization": ""}, None),
    ({}, None),
]


@pytest.mark.parametrize(("given", "expected"), CASES)
def test_the_first_place_that_holds_a_key_counts(given: dict[str, Any], expected: str | None) -> None:
    places: dict[str, Any] = {"authorization": None, "x_write_key": None, "in_query": None, "in_body": None}
    assert find_write_key(**(places | given)) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (basic("site:api:with:colons"), ("site", "api:with:colons")),
        (basic("site"), ("site", "")),
        ("Bearer x", None),
        ("Basic ???", None),
        ("Basic " + base64.b64encode(b"\xff:x").decode(), None),
        (None, None),
    ],
)
def test_basic_credentials_are_user_name_and_password(header: str | None, expected: tuple[str, str] | None) -> None:
    assert basic_credentials(header) == expected
