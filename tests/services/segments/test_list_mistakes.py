"""Uploads to static lists that are not what was meant: refused, and nothing changes."""

from typing import Any

import pytest

from shared.plumbing import json
from tests.services.segments.listing import PATH, know, make_list
from tests.services.segments.standing import Standing
from tests.services.segments.told import person

ANN, BEN = person("ann"), person("ben")


@pytest.fixture
async def guests(segments: Standing) -> Standing:
    """A list with two people."""
    await make_list(segments)
    await know(segments, "ann", "ben")
    await segments.call("POST", PATH, {"user_ids": ["ann", "ben"]})
    return segments


async def _sent(guests: Standing, method: str, kind: str, content: str) -> tuple[int, Any]:
    answer = await guests.http.request(method, PATH, content=content.encode(), headers={"Content-Type": kind})
    return answer.status_code, json.loads(answer.content)


def counts(answer: Any) -> tuple[int, int, int, int]:
    return answer["added"], answer["removed"], answer["kept"], answer["unknown"]


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("text/csv", "user_idd\nann\n"),
        ("text/csv", "\ufeffUser_Id\r\nann\r\n"),
        ("application/json", '{"identifiers": [{"namespace": "user_idd", "value": "ann"}], "user_ids": ["ann"]}'),
    ],
)
async def test_a_mistyped_namespace_is_named_with_those_understood_and_changes_nothing(
    guests: Standing, method: str, kind: str, content: str
) -> None:
    status, refused = await _sent(guests, method, kind, content)
    assert (status, refused["code"]) == (422, "invalid")
    assert "user_id, anonymous_id, email, phone, profile_id" in refused["detail"]
    [fault] = refused["errors"]
    assert fault["loc"] in (["body", "user_idd"], ["body", "User_Id"])
    assert fault["loc"][1] in refused["detail"]
    assert await guests.members("guests") == {ANN, BEN}


async def test_a_namespace_of_yours_is_one_in_which_somebody_is_known(guests: Standing) -> None:
    guests.others.people["loyalty_card", "77"] = [ANN]
    status, answer = await _sent(guests, "PUT", "text/csv", "loyalty_card\n77\n78\n")
    assert (status, counts(answer)) == (200, (0, 1, 1, 1))


async def test_a_list_is_emptied_on_purpose_only(guests: Standing) -> None:
    for kind, content in (
        ("text/csv", "user_id\n"),
        ("text/csv", ""),
        ("text/csv", "user_id\nann@example.com\n"),
        ("application/json", '{"user_ids": ["Ann"]}'),
    ):
        status, refused = await _sent(guests, "PUT", kind, content)
        assert (status, refused["code"]) == (422, "invalid"), content
        assert await guests.members("guests") == {ANN, BEN}
    for names, counted in (([], (0, 2, 0, 0)), (["nobody"], (0, 0, 0, 1))):
        answer = await guests.call("PUT", PATH, {"user_ids": names})
        assert counts(answer) == counted
