"""The tracking plan: events are held against their schemas; what they break is reported, or they are rejected."""

import asyncio
from typing import Any

import pytest

from shared.plumbing import json
from tests.services.events.conftest import WRITE_KEY, Connection, Events, running, track

ORDER = {
    "type": "object",
    "required": ["order_id", "total"],
    "properties": {"order_id": {"type": "string"}, "total": {"type": "number"}},
}
GOOD = {"order_id": "1", "total": 5}
PATH = "/v1/event-schemas/Order%20Completed"


def order(message_id: str, properties: Any, **more: Any) -> dict[str, Any]:
    return track(messageId=message_id, properties=properties, **more)


async def put(events: Events, on_violation: str = "report", schema: Any = ORDER, path: str = PATH, **more: Any) -> Any:
    return await events.call("PUT", path, {"schema": schema, "on_violation": on_violation, **more})


async def report(events: Events, query: str = "") -> dict[tuple[str, str], int]:
    return {(item["path"], item["rule"]): item["count"] for item in await events.items(f"/v1/violations{query}")}


async def kept(events: Events) -> list[str]:
    return sorted(message["message_id"] for message in await events.messages())


# --- report


async def test_what_breaks_its_schema_is_kept_as_ever_and_counted(events: Events) -> None:
    await put(events)
    answer = await events.send(
        order("m1", GOOD), order("m2", {"order_id": 7}), order("m3", {"order_id": 8, "total": 1}), track("Other")
    )
    assert [result["status"] for result in answer["results"]] == ["accepted"] * 4
    assert len(await events.messages()) == 4
    _, missing = await events.items("/v1/violations?source=default&event=Order%20Completed&limit=1")
    assert (missing["path"], missing["rule"], missing["message"]) == ("total", "required", "must be there")
    assert (missing["count"], missing["example_message_id"]) == (1, "m2")
    assert missing["first_seen"] == missing["last_seen"]
    assert await report(events) == {("order_id", "type"): 2, ("total", "required"): 1}


async def test_a_repeat_is_not_counted_again(events: Events) -> None:
    await put(events)
    bad = order("m1", {"order_id": "1"})
    for _ in range(2):
        await events.send(bad, bad)
        await events.post("/v1/track", bad)
    await asyncio.gather(*(events.send(bad) for _ in range(5)))
    assert await report(events) == {("total", "required"): 1}
    await put(events, "reject")
    refused = order("m2", {"order_id": "1"})
    for _ in range(3):
        await events.send(refused)
    assert await report(events) == {("total", "required"): 2}


async def test_the_report_is_filtered(events: Events) -> None:
    source = await events.call("POST", "/v1/sources", {"name": "ios"}, status=201)
    await put(events)
    await put(events, path="/v1/event-schemas/Page%20Viewed", schema={"required": ["url"]})
    await events.send(order("m1", {"order_id": "1"}))
    await events.post("/v1/page", {"anonymousId": "d", "name": "Home"}, key=source["write_key"])
    [page] = await events.items("/v1/violations?source=ios")
    assert (page["event"], page["source"], page["path"]) == ("Page Viewed", "ios", "url")
    assert await report(events, "?event=Order%20Completed") == {("total", "required"): 1}
    assert await report(events, "?event=Page%20Viewed&source=default") == {}
    assert len(await report(events, "?since=2026-01-01T00:00:00Z")) == 2
    assert await report(events, "?since=2999-01-01T00:00:00Z") == {}
    await events.call("GET", "/v1/violations?since=2026-01-01T00:00:00", status=422)
    await events.call("GET", "/v1/violations?cursor=WzFd", status=422)


async def test_no_value_of_an_event_is_in_the_report(events: Events, database: Connection) -> None:
    strict = {
        "additionalProperties": False,
        "properties": {"email": {"enum": ["x"]}, "map": {"additionalProperties": False}},
    }
    await put(events, schema=strict)
    await events.send(order("m1", {"email": "ann@secret", "secret": 1, "map": {"ann@secret": "secret"}}))
    rows = await database.fetch("SELECT row::text AS text FROM violations AS row")
    assert len(rows) == 3
    assert all("secret" not in row["text"] for row in rows)


# --- reject


async def test_what_breaks_its_schema_is_rejected_with_path_and_rule(events: Events) -> None:
    await put(events, "reject")
    answer = await events.send(
        order("m1", GOOD), order("m2", {"order_id": 7, "total": 1}), track("Other", messageId="m3")
    )
    assert (answer["accepted"], answer["rejected"]) == (2, 1)
    assert [result["status"] for result in answer["results"]] == ["accepted", "rejected", "accepted"]
    detail = "The event breaks its schema: `order_id` must be string (type)."
    assert answer["results"][1] == {
        "messageId": "m2",
        "status": "rejected",
        "reason": "schema_violation",
        "detail": detail,
    }
    single = await events.post("/v1/track", order("m4", {}))
    assert single["results"][0]["reason"] == "schema_violation"
    assert await kept(events) == ["m1", "m3"]
    [item] = await events.items("/v1/rejected?message_id=m2")
    assert (item["reason"], item["detail"], item["user_id"]) == ("schema_violation", detail, "ann")
    assert await report(events) == {("order_id", "type"): 1, ("order_id", "required"): 1, ("total", "required"): 1}


async def test_the_repeat_of_one_that_was_kept_stays_a_duplicate_under_a_later_schema(events: Events) -> None:
    await events.send(order("m1", {}))
    await put(events, "reject")
    answer = await events.send(order("m1", {}), order("m2", GOOD), order("m2", {}), order("m3", {}), order("m3", GOOD))
    assert [result["status"] for result in answer["results"]] == [
        "duplicate",
        "accepted",
        "duplicate",
        "rejected",
        "accepted",
    ]
    assert await report(events) == {("order_id", "required"): 1, ("total", "required"): 1}


async def test_a_rejected_event_is_taken_in_once_it_is_mended(events: Events) -> None:
    await put(events, "reject")
    await events.send(order("m1", {"order_id": "1"}))
    [item] = await events.items("/v1/rejected")
    retry = f"/v1/rejected/{item['id']}/retry"
    again = await events.call("POST", retry)
    assert (again["status"], again["reason"]) == ("rejected", "schema_violation")
    assert (await events.call("POST", retry, order("m1", GOOD)))["status"] == "accepted"
    assert await kept(events) == ["m1"]
    assert await report(events) == {("total", "required"): 1}


@pytest.mark.parametrize("change", ["schema", "report", "delete"])
async def test_a_rejected_event_is_taken_in_once_the_schema_is_mended(events: Events, change: str) -> None:
    await put(events, "reject")
    await events.send(order("m1", {"order_id": "1"}))
    [item] = await events.items("/v1/rejected")
    if change == "schema":
        await put(events, "reject", {"required": ["order_id"]})
    elif change == "report":
        await put(events, "report")
    else:
        await events.call("DELETE", PATH, status=204)
    assert (await events.call("POST", f"/v1/rejected/{item['id']}/retry"))["status"] == "accepted"
    assert await kept(events) == ["m1"]
    assert await report(events) == {("total", "required"): 1}


async def test_what_a_retry_finds_for_the_first_time_is_counted(events: Events) -> None:
    await put(events)
    await events.send({"type": "track", "userId": "ann", "messageId": "m1"})
    [item] = await events.items("/v1/rejected")
    answer = await events.call("POST", f"/v1/rejected/{item['id']}/retry", order("m1", {"order_id": "1"}))
    assert answer["status"] == "accepted"
    assert await report(events) == {("total", "required"): 1}


# --- whom it concerns


async def test_other_forms_and_history_are_held_against_the_schema_too(events: Events) -> None:
    await put(events, "reject", path="/v1/event-schemas/Screen%20Viewed", schema={"required": ["name"]})
    await put(events, "reject", path="/v1/event-schemas/bought", schema={"required": ["price"]})
    assert (await events.post("/v1/screen", {"userId": "ann"}))["rejected"] == 1
    assert (await events.post("/v1/screen", {"userId": "ann", "name": "Basket"}))["accepted"] == 1
    assert (await events.send(track("bought"), path="/v1/import"))["rejected"] == 1
    posthog = {"api_key": WRITE_KEY, "batch": [{"event": "bought", "distinct_id": "ann", "properties": {}}]}
    await events.post("/batch/", posthog, key=None)
    assert len(await events.items("/v1/rejected?reason=schema_violation")) == 3


async def test_a_schema_holds_for_its_sources_only(events: Events) -> None:
    await events.call("POST", "/v1/sources", {"name": "ios"}, status=201)
    await put(events, "reject", sources=["ios"])
    assert (await events.send(order("m1", {})))["accepted"] == 1
    await put(events, "reject", sources=["ios", "default"])
    assert (await events.send(order("m2", {})))["rejected"] == 1
    await events.call("PUT", PATH, {"schema": ORDER, "sources": ["ios", "tills"]}, status=422)
    await events.call("PUT", PATH, {"schema": ORDER, "sources": []}, status=422)


async def test_an_erased_message_is_no_example_any_more(events: Events, database: Connection) -> None:
    from services.events.store.violations import forget_examples

    await put(events)
    await events.send(order("ann-1", {}))
    await forget_examples(database, ["ann-1", "other"])
    assert {item["example_message_id"] for item in await events.items("/v1/violations")} == {None}
    await events.send(order("bea-1", {}))
    assert {item["example_message_id"] for item in await events.items("/v1/violations")} == {"bea-1"}


# --- the catalogue


async def test_schemas_are_put_listed_and_deleted(events: Events) -> None:
    exact = json.loads('{"properties": {"total": {"multipleOf": 0.010, "maximum": 12345678901234567890.5}}}')
    saved = await put(events, schema=exact)
    assert (saved["name"], saved["on_violation"], saved["sources"]) == ("Order Completed", "report", None)
    assert (await events.call("GET", PATH))["schema"] == exact
    again = await put(events, "reject", sources=["default"])
    assert (again["created_at"], again["sources"]) == (saved["created_at"], ["default"])
    assert again["updated_at"] > saved["updated_at"]
    for name in ("a/b", "ä 😀", "Zz"):
        await put(events, path=f"/v1/event-schemas/{name}")
    assert len(await events.items("/v1/event-schemas?limit=1")) == 4
    assert (await events.call("GET", "/v1/event-schemas/a/b"))["name"] == "a/b"
    await events.call("DELETE", PATH, status=204)
    await events.call("DELETE", PATH, status=404)
    await events.call("GET", PATH, status=404)
    assert (await events.send(order("m1", {})))["accepted"] == 1


async def test_changing_a_schema_needs_the_role_admin_and_looking_read(standing: Events) -> None:
    keys = {}
    for role in ("read", "write"):
        made = await standing.call("POST", "/v1/keys", {"name": role, "role": role}, status=201)
        keys[role] = made["key"]
    for key in keys.values():
        await standing.call("PUT", PATH, {"schema": {}}, key=key, status=403)
        await standing.call("DELETE", PATH, key=key, status=403)
        await standing.call("GET", "/v1/event-schemas", key=key)
        await standing.call("GET", "/v1/violations", key=key)
    for path in ("/v1/event-schemas", "/v1/violations", PATH):
        await standing.call("GET", path, key="wrong", status=401)


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"schema": {"type": "strin"}}, ["body", "schema", "type"]),
        ({"schema": {"properties": {"a": {"pattern": "(?<=x)"}}}}, ["body", "schema", "properties", "a", "pattern"]),
        ({"schema": {"allOf": [{"$ref": "http://127.0.0.1:1/x"}]}}, ["body", "schema", "allOf", 0, "$ref"]),
        ({"schema": {"description": "x" * 70_000}}, ["body", "schema"]),
        ({"schema": []}, ["body", "schema"]),
        ({}, ["body", "schema"]),
        ({"schema": {}, "on_violation": "drop"}, ["body", "on_violation"]),
        ({"schema": {}, "sources": ["tills"]}, ["body", "sources", 0]),
        ({"schema": {}, "extra": 1}, ["body", "extra"]),
    ],
)
async def test_an_invalid_schema_is_refused_with_its_place(standing: Events, body: Any, loc: list[Any]) -> None:
    answer = await standing.call("PUT", PATH, body, status=422)
    assert [error["loc"] for error in answer["errors"]] == [loc]


async def test_names_that_no_event_has_are_refused(standing: Events) -> None:
    for name in ("", "%20", "a%00b", "x" * 513):
        await standing.call("PUT", f"/v1/event-schemas/{name}", {"schema": {}}, status=422)


async def test_a_hostile_pattern_on_a_hostile_event_is_soon_done(events: Events) -> None:
    await put(events, "reject", {"properties": {"a": {"pattern": "^(a+)+$"}}})
    async with asyncio.timeout(60):
        answer = await events.send(*(order(f"m{n}", {"a": "a" * 30_000 + "!"}) for n in range(50)))
    assert answer["rejected"] == 50


async def test_a_change_takes_effect_in_other_processes_within_seconds(events: Events, events_url: str) -> None:
    async with running(events_url) as other, asyncio.timeout(60):
        assert (await other.send(order("m0", {})))["accepted"] == 1
        await put(events, "reject")
        assert (await events.send(order("m1", {})))["rejected"] == 1
        number = 0
        while (await other.send(order(f"n{number}", {})))["accepted"]:
            number += 1
            await asyncio.sleep(0.2)
        [item] = await other.items("/v1/rejected?message_id=m1")
        await events.call("DELETE", PATH, status=204)
        answer = await other.call("POST", f"/v1/rejected/{item['id']}/retry")
        assert answer["status"] == "accepted", "a retry looks at once"


async def test_what_was_not_broken_for_long_is_left_out(events: Events) -> None:
    from datetime import timedelta

    from services.events.service.chores import delete_old_violations

    await put(events)
    await events.send(order("m1", {"order_id": "1"}))
    db, now = events.app.state.frame.db, events.clock.now()
    await delete_old_violations(db, before=now - timedelta(days=1))
    assert len(await report(events)) == 1
    await delete_old_violations(db, before=now + timedelta(days=1))
    assert await report(events) == {}


async def test_an_event_that_is_no_valid_text_is_no_fault_of_ours(events: Events) -> None:
    await put(events, "reject", {"properties": {"a": {"maxLength": 1}}})
    odd = rb'{"event":"Order Completed","userId":"ann","messageId":"m1","properties":{"a":"\ud800"}}'
    assert (await events.post("/v1/track", odd))["results"][0]["reason"] == "invalid_json"
    for number, value in enumerate((b"1e400", b'"' + b"\\u0000" + b'"', b'"\xff"', b"[" * 150 + b"]" * 150)):
        body = b'{"batch":[{"type":"track","event":"Order Completed","userId":"ann","messageId":"n%d","properties":{"a":%b}}]}'
        assert (await events.post("/v1/batch", body % (number, value)))["rejected"] == 1
