"""Replays as callers ask for them."""

from typing import Any
from uuid import UUID

import pytest

from shared.plumbing import json
from tests.services.profiles.standing import Standing

BAD: list[tuple[dict[str, Any], str]] = [
    ({"to": "2026-04-01T00:00:00Z"}, "from"),
    ({"from": "2026-04-02T00:00:00Z", "to": "2026-04-01T00:00:00Z"}, "to"),
    ({"from": "2026-04-01T00:00:00Z", "to": "2026-04-01T00:00:00Z"}, "to"),
    ({"from": "2026-04-01T00:00:00Z", "to": "2026-05-01T12:00:01Z"}, "to"),
    ({"from": "2026-04-01T00:00:00", "to": "2026-04-02T00:00:00Z"}, "from"),
    ({"from": 1, "to": "2026-04-02T00:00:00Z"}, "from"),
    ({"from": "0001-01-01T00:00:00+14:00", "to": "2026-04-02T00:00:00Z"}, "from"),
    ({"from": "2026-04-01T00:00:00Z", "to": "2026-04-02T00:00:00Z", "profile_ids": []}, "profile_ids"),
    ({"from": "2026-04-01T00:00:00Z", "to": "2026-04-02T00:00:00Z", "reason": "a\x00b"}, "reason"),
    ({"from": "2026-04-01T00:00:00Z", "to": "2026-04-02T00:00:00Z", "reason": 7}, "reason"),
]


@pytest.mark.parametrize(("body", "field"), BAD)
async def test_what_is_no_range_of_time_is_refused(standing: Standing, body: dict[str, Any], field: str) -> None:
    problem = await standing.call("POST", "/v1/replays", body, status=422)
    assert [error["loc"][:2] for error in problem["errors"]] == [["body", field]]
    assert (await standing.call("GET", "/v1/replays"))["items"] == []


async def test_replays_are_listed_the_newest_first_and_only_an_admin_asks_for_one(standing: Standing) -> None:
    body = {"from": "2026-04-01T00:00:00Z", "to": "2026-04-02T00:00:00Z", "reason": "rows were lost"}
    ids = [(await standing.call("POST", "/v1/replays", body, status=202))["id"] for _ in range(3)]
    page = await standing.call("GET", "/v1/replays?limit=2", key="a-reading-key")
    rest = await standing.call("GET", f"/v1/replays?cursor={page['next']}", key="a-reading-key")
    assert [one["id"] for one in (*page["items"], *rest["items"])] == ids[::-1]
    assert rest["items"][0] == await standing.call("GET", f"/v1/replays/{ids[0]}", key="a-reading-key")
    assert {**body, "status": "running", "messages": 0}.items() <= rest["items"][0].items()
    headers = {"Authorization": "Bearer an-api-key", "Content-Type": "application/x-www-form-urlencoded"}
    as_curl = await standing.http.post("/v1/replays", content=json.dumps(body), headers=headers)
    assert as_curl.status_code == 202, as_curl.text
    assert as_curl.headers["Location"] == f"/v1/replays/{json.loads(as_curl.content)['id']}"
    await standing.call("POST", "/v1/replays", body, key="a-writing-key", status=403)
    await standing.call("POST", "/v1/replays", body, key="no-key", status=401)
    await standing.call("GET", f"/v1/replays/{UUID(int=1)}", status=404)
    await standing.call("GET", "/v1/replays/not-an-id", status=422)
