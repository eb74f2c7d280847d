"""What callers ask, and what is refused."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest

from shared.plumbing.lanes import lane_of
from tests.services.segments.standing import NOW, Standing
from tests.services.segments.told import changed, did, known, person

BOUGHT = {"event": "Order Completed", "op": ">=", "value": 1}


@pytest.mark.parametrize(
    ("condition", "loc"),
    [
        ({"all": [{"trait": "a", "op": "="}]}, ["all", 0, "value"]),
        ({"event": "A", "op": ">=", "value": "1"}, ["value"]),
        ({"not": {"segment": "nobody"}}, ["not", "segment"]),
        ({"any": [{"bucket": [50, 40], "salt": ""}]}, ["any", 0, "bucket"]),
        ({"all": [], "any": []}, []),
    ],
)
async def test_a_bad_condition_is_refused_with_the_path_of_the_fault(
    segments: Standing, condition: Any, loc: list[Any]
) -> None:
    for method, path, body in (
        ("POST", "/v1/segments", {"key": "s", "condition": condition}),
        ("POST", "/v1/segments/preview", {"condition": condition}),
    ):
        problem = await segments.call(method, path, body, status=422)
        assert ["body", "condition", *loc] in [error["loc"] for error in problem["errors"]], problem["errors"]
    await segments.call("GET", "/v1/segments/s", status=404)


@pytest.mark.parametrize(
    "number", ["1e40", "-1e100", "123e90", "9876543210987654321098765432109876543210e60", "1e-100"]
)
async def test_a_number_is_kept_however_large_it_may_be_and_what_is_shown_may_be_given_again(
    segments: Standing, number: str
) -> None:
    value = Decimal(number)
    condition = {"event": "A", "where": [{"property": "v", "op": "in", "value": [value]}], "op": ">", "value": value}
    await segments.define("s", condition)
    found = await segments.call("GET", "/v1/segments/s")
    assert (found["status"], found["condition"]) == ("live", condition)
    await segments.call("PUT", "/v1/segments/s", {"condition": {"not": found["condition"]}})
    await segments.call("POST", "/v1/segments", {"key": "t", "condition": {"segment": "s"}}, status=201)


@pytest.mark.parametrize("kind", [None, "application/x-www-form-urlencoded", "text/plain", "application/json"])
async def test_a_body_is_json_whatever_the_client_calls_it(segments: Standing, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    body = b'{"key": "s", "name": "s", "condition": {"event": "A", "op": ">=", "value": 1}}'
    answer = await segments.http.post("/v1/segments", content=body, headers=headers)
    assert answer.status_code == 201, answer.text
    broken = await segments.http.post("/v1/segments", content=body[:-1], headers=headers)
    assert (broken.status_code, broken.json()["code"]) == (400, "malformed")
    assert "JSON" in broken.json()["detail"]


@pytest.mark.parametrize("as_of", [5, 1_700_000_000, "5", "1700000000", True, "2026-03-01", "2026-03-01T09:30:00"])
async def test_an_instant_is_written_with_its_date_and_offset(segments: Standing, as_of: Any) -> None:
    body = {"condition": {"all": []}, "as_of": as_of}
    problem = await segments.call("POST", "/v1/segments/preview", body, status=422)
    assert problem["errors"][0]["loc"] == ["body", "as_of"]


async def test_what_is_not_there_says_where_to_look(segments: Standing) -> None:
    lost = await segments.http.get("/v1/segment")
    assert (lost.status_code, lost.json()["code"]) == (404, "not_found")
    assert "/docs" in lost.json()["detail"]
    wrong = await segments.http.patch("/v1/segments")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert "takes" in wrong.json()["detail"]


async def test_the_pages_of_the_api_need_nobody_elses_server(segments: Standing) -> None:
    page = (await segments.http.get("/docs")).text
    named = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert named
    for path in named:
        assert path.startswith("/"), path
        assert (await segments.http.get(path)).status_code == 200


async def test_cycles_are_refused(segments: Standing) -> None:
    itself = await segments.call("POST", "/v1/segments", {"key": "a", "condition": {"segment": "a"}}, status=422)
    assert itself["errors"][0]["loc"] == ["body", "condition", "segment"]
    await segments.define("a", BOUGHT)
    await segments.define("b", {"segment": "a"})
    await segments.call("PUT", "/v1/segments/a", {"condition": {"not": {"segment": "b"}}}, status=422)


async def test_keys_are_taken_once_and_must_be_plain(segments: Standing) -> None:
    await segments.define("a", BOUGHT)
    assert (await segments.call("POST", "/v1/segments", {"key": "a", "condition": BOUGHT}, status=409))[
        "code"
    ] == "key_taken"
    for body in ({"key": "a/b", "condition": BOUGHT}, {"key": "c"}, {"key": "c", "condition": BOUGHT, "kind": "x"}):
        await segments.call("POST", "/v1/segments", body, status=422)
    await segments.call("PUT", "/v1/segments/a", {"key": "b", "condition": BOUGHT}, status=422)


async def test_lists_come_in_pages(segments: Standing) -> None:
    for key in ("a", "b", "c"):
        await segments.define(key, {"all": []})
    await segments.take(*(changed(f"p{number}") for number in range(30)))
    assert [item["key"] for item in await segments.items("/v1/segments", limit=2)] == ["a", "b", "c"]
    members = await segments.items("/v1/segments/a/members", limit=4)
    told = await segments.call("GET", "/internal/segments/a/members?limit=1000", internal=True)
    assert (told["items"], told["complete"]) == (members, True)
    assert await segments.call("GET", "/internal/segments/a", internal=True) == {"key": "a", "size": 30}
    await segments.call("GET", "/internal/segments/nobody", internal=True, status=404)
    assert len(members) == len({member["profile_id"] for member in members}) == 30
    for path in ("", "/a/members", "/a/changes"):
        await segments.call("GET", f"/v1/segments{path}?cursor=nonsense", status=422)
        await segments.call("GET", f"/v1/segments{path}?cursor=WzFd", status=422)
    await segments.call("GET", "/v1/segments/nobody/members", status=404)


async def test_other_services_are_told_while_members_are_missing_for_the_segment_is_new(segments: Standing) -> None:
    asked = "/internal/segments/a/members"
    await segments.define("a", BOUGHT, build=False)
    assert not (await segments.call("GET", asked, internal=True))["complete"]
    await segments.worker.work()
    assert (await segments.call("GET", asked, internal=True))["complete"]
    await segments.call("PUT", "/v1/segments/a", {"condition": {"not": BOUGHT}})
    assert (await segments.call("GET", asked, internal=True))["complete"]


async def test_a_changes_own_cursor_continues_right_after_it_also_when_new_ones_have_come(segments: Standing) -> None:
    await segments.define("odd", {"any": [{"event": "A", "op": "=", "value": n} for n in (1, 3, 5)]})
    people = [f"p{number}" for number in range(12)]
    assert len({lane_of(person(name)) for name in people}) > 3
    await segments.take(*(did(name, "A", profile=known(name)) for name in people))
    first = await segments.items("/v1/segments/odd/changes", limit=5)
    assert len(first) == 12
    for position, change in enumerate(first):
        rest = await segments.call("GET", f"/v1/segments/odd/changes?limit=1000&cursor={change['cursor']}")
        assert [c["profile_id"] for c in rest["items"]] == [c["profile_id"] for c in first[position + 1 :]]
    await segments.take(*(did(name, "A") for name in people))
    after_last = await segments.call("GET", f"/v1/segments/odd/changes?cursor={first[-1]['cursor']}")
    assert [change["change"] for change in after_last["items"]] == ["left"] * 12
    in_the_middle = await segments.call("GET", f"/v1/segments/odd/changes?limit=1000&cursor={first[6]['cursor']}")
    assert len(in_the_middle["items"]) == 5 + 12
    assert in_the_middle["next"] is None


async def test_explain_shows_the_numbers_behind_a_truth(segments: Standing) -> None:
    await segments.define("two", {"event": "Order Completed", "within": "P1D", "op": ">=", "value": 2})
    await segments.take(did("ann", "Order Completed", profile=known("ann")))
    explained = await segments.call("GET", f"/v1/segments/two/explain?profile_id={person('ann')}")
    assert (explained["value"], explained["user_id"], explained["segment"]) == (False, "ann", "two")
    assert explained["facts"]["actual"] == 1
    assert [event["name"] for event in explained["facts"]["events"]] == ["Order Completed"]
    assert (explained["member_since"], explained["last_change"]) == (None, None)
    await segments.call("GET", f"/v1/segments/two/explain?profile_id={person('nobody')}", status=404)
    await segments.call("GET", "/v1/segments/two/explain?profile_id=x", status=422)
    await segments.call("GET", "/v1/segments/two/explain", status=422)


async def test_explain_says_since_when_and_by_what(segments: Standing) -> None:
    await segments.define("recent", {**BOUGHT, "within": "P1D"})
    await segments.take(did("ann", "Order Completed", message_id="o1", profile=known("ann")))
    path = f"/v1/segments/recent/explain?profile_id={person('ann')}"
    explained = await segments.call("GET", path)
    assert explained["member_since"] == "2026-05-01T12:00:00Z"
    cause = {"kind": "event", "message_id": "o1", "name": "Order Completed"}
    entered = {"change": "entered", "at": "2026-05-01T12:00:00Z", "version": 1, "cause": cause}
    assert explained["last_change"] == entered
    await segments.later(days=2)
    explained = await segments.call("GET", path)
    assert explained["member_since"] is None
    assert explained["last_change"] == {
        "change": "left",
        "at": explained["last_change"]["at"],
        "version": 1,
        "cause": {"kind": "time"},
    }


async def test_explain_takes_any_name(segments: Standing) -> None:
    await segments.define("buyers", BOUGHT)
    await segments.take(did("ann", "Order Completed", profile=known("ann")))
    names = [("user_id", "ann"), ("anonymous_id", "a1"), ("email", "a+b@example.com"), ("loyalty_card", "7/8 & 9")]
    segments.others.names = {name: person("ann") for name in names} | {("user_id", "stranger"): person("stranger")}
    for namespace, value in names:
        asked = urlencode({namespace: value})
        assert (await segments.call("GET", f"/v1/segments/buyers/explain?{asked}"))["value"] is True
        assert len((await segments.call("GET", f"/v1/changes?{asked}"))["items"]) == 1
    for query in ("user_id=nobody", "user_id=stranger"):
        await segments.call("GET", f"/v1/segments/buyers/explain?{query}", status=404)
    mistyped = await segments.call("GET", "/v1/segments/buyers/explain?userid=ann", status=404)
    assert mistyped["detail"] == "There is no profile with this userid."
    for query in ("", "user_id=ann&email=x", f"user_id=ann&profile_id={person('ann')}"):
        await segments.call("GET", f"/v1/segments/buyers/explain?{query}", status=422)
    segments.others.away = {"profiles"}
    away = await segments.call("GET", "/v1/segments/buyers/explain?user_id=ann", status=503)
    assert away["code"] == "unavailable"
    await segments.call("GET", f"/v1/segments/buyers/explain?profile_id={person('ann')}")


async def test_a_preview_counts_who_would_be_a_member_at_an_instant(segments: Standing) -> None:
    await segments.define("buyers", BOUGHT)
    names = [f"p{number}" for number in range(15)]
    await segments.take(*(did(name, "Order Completed", NOW - timedelta(days=2), profile=known(name)) for name in names))
    now = await segments.call("POST", "/v1/segments/preview", {"condition": {"segment": "buyers"}})
    assert now["count"] == 15
    assert len(now["sample"]) == 10
    assert {sample["user_id"] for sample in now["sample"]} < set(names)
    before = {"condition": {"segment": "buyers"}, "as_of": (NOW - timedelta(days=3)).isoformat()}
    assert (await segments.call("POST", "/v1/segments/preview", before))["count"] == 0


async def test_the_feed_tells_messaging_of_every_change(segments: Standing) -> None:
    await segments.define("buyers", BOUGHT)
    await segments.take(did("ann", "Order Completed", profile=known("ann"), message_id="o1"))
    asked = {"consumer": "messaging", "cursors": {str(lane): 0 for lane in range(64)}, "limit": 10, "wait": 0}
    page = await segments.call("POST", "/internal/feed", asked, internal=True)
    [item] = page["items"]
    message = item["message"]
    assert item["lane"] == lane_of(person("ann"))
    assert (message["kind"], message["segment"], message["change"], message["user_id"]) == (
        "membership", "buyers", "entered", "ann",
    )  # fmt: skip
    oldest = await segments.call("POST", "/internal/oldest", {"cursors": asked["cursors"]}, internal=True)
    assert oldest == {"written_at": "2026-05-01T12:00:00Z"}
    await segments.call("DELETE", "/v1/segments/buyers", status=204)
    while await segments.worker.clear():
        pass
    [gap] = (await segments.call("POST", "/internal/feed", asked, internal=True))["items"]
    assert (gap["seq"], gap["message"]) == (1, {"kind": "gap"})  # so that its reader is not behind for ever


async def test_how_far_the_service_is(segments: Standing) -> None:
    await segments.take(changed("ann"))
    progress = await segments.call("GET", "/internal/progress", internal=True)
    assert progress["service"] == "segments"
    assert progress["cursors"]["profiles"][str(lane_of(person("ann")))] == 1


async def test_keys_and_roles(segments: Standing) -> None:
    for path in ("/v1/segments", "/v1/segments/a", "/v1/segments/a/members", "/v1/parked"):
        answer = await segments.http.get(path, headers={"Authorization": "Bearer wrong"})
        assert answer.status_code == 401
    assert (await segments.http.get("/readyz", headers={})).status_code == 200


@pytest.mark.parametrize("as_of", ["9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00"])
async def test_an_instant_beyond_the_calendar_is_refused_by_name(segments: Standing, as_of: str) -> None:
    asked = {"condition": {"trait": "plan", "op": "=", "value": "pro"}, "as_of": as_of}
    refused = await segments.call("POST", "/v1/segments/preview", asked, status=422)
    [error] = refused["errors"]
    assert error["loc"] == ["body", "as_of"]
    assert "beyond the calendar" in error["msg"]
