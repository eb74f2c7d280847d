"""Every path and form that the SDKs use."""

import base64
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from services.events.api.tracking import BATCHES, SINGLE
from shared.plumbing import json
from tests.services.events.conftest import API_KEY, WRITE_KEY, Events, running

KINDS = [(kind, path) for kind, paths in SINGLE.items() for path in (*paths, f"/api/public/apps/{kind}")]
KINDS += [(kind, f"/api/s/{prefix}{kind}") for kind in SINGLE for prefix in ("", "s2s/")]
BODY: dict[str, Any] = {"event": "Seen", "groupId": "acme", "previousId": "before", "name": "Home"}


async def stored(events: Events, message_id: str) -> Any:
    [item] = await events.items(f"/v1/events?message_id={message_id}")
    return item


@pytest.mark.parametrize(("kind", "path"), KINDS)
async def test_single_messages(standing: Events, kind: str, path: str) -> None:
    message_id, user = str(uuid4()), f"user-{uuid4()}"
    body = BODY | {"messageId": message_id, "userId": user}
    answer = await standing.post(path, body, headers={"Content-Type": "text/plain"})
    assert (answer["success"], answer["accepted"]) == (True, 1)
    assert (await stored(standing, message_id))["type"] == kind


@pytest.mark.parametrize("path", [*BATCHES, "/v1/import"])
@pytest.mark.parametrize("zipped", [False, True])
async def test_batches(standing: Events, path: str, zipped: bool) -> None:
    message_id = str(uuid4())
    message = {"type": "track", "event": "Seen", "userId": "ann", "messageId": message_id}
    content_type = "application/x-www-form-urlencoded" if zipped else "text/plain"
    await standing.post(path, {"batch": [message]}, zipped=zipped, headers={"Content-Type": content_type})
    assert (await stored(standing, message_id))["imported"] is (path == "/v1/import")


async def test_a_body_in_chunks(standing: Events) -> None:
    message_id = str(uuid4())
    body = json.dumps({"batch": [{"type": "track", "event": "Seen", "userId": "ann", "messageId": message_id}]})

    async def chunks() -> Any:
        for start in range(0, len(body), 10):
            yield body[start : start + 10]

    answer = await standing.http.post("/v1/b", content=chunks(), auth=(WRITE_KEY, ""))
    assert answer.status_code == 200
    await stored(standing, message_id)


async def test_a_beacon_carries_its_key_in_the_query(standing: Events) -> None:
    body = {"batch": [{"type": "track", "event": "Seen", "anonymousId": "d", "messageId": str(uuid4())}]}
    answer = await standing.post("/beacon/v1/batch", body, key=None, params={"writeKey": WRITE_KEY})
    assert answer["accepted"] == 1


async def test_jitsu_sends_its_key_in_a_header_and_masks_it_in_the_body(standing: Events) -> None:
    body = {"event": "Seen", "userId": "ann", "messageId": str(uuid4()), "writeKey": "***"}
    answer = await standing.post("/api/s/track", body, key=None, headers={"X-Write-Key": f"{WRITE_KEY}:secret"})
    assert answer["accepted"] == 1


@pytest.mark.parametrize("path", ["/batch", "/batch/"])
async def test_posthog(standing: Events, path: str) -> None:
    message_id = str(uuid4())
    item = {"event": "buy", "distinct_id": "ann", "uuid": message_id, "properties": {"$set": {"plan": "pro"}}}
    answer = await standing.post(path, {"api_key": WRITE_KEY, "batch": [item, 5]}, key=None)
    assert (answer["accepted"], answer["rejected"]) == (2, 1)
    assert (await stored(standing, message_id))["name"] == "buy"
    assert (await stored(standing, f"{message_id}:set"))["traits"] == {"plan": "pro"}


# --- what SDKs ask first


async def test_settings_lead_the_sdk_back_here(standing: Events) -> None:
    answer = await standing.http.get(f"/v1/projects/{WRITE_KEY}/settings")
    assert json.loads(answer.content)["integrations"]["Segment.io"] == {
        "apiKey": WRITE_KEY, "apiHost": "events/v1", "protocol": "http",
    }  # fmt: skip
    assert (await standing.http.get("/v1/projects/cunknown/settings")).status_code == 404


@pytest.mark.parametrize("path", ["/sourceConfig", "/sourceConfig/"])
async def test_rudderstacks_source_config(standing: Events, path: str) -> None:
    answer = await standing.http.get(path, params={"writeKey": WRITE_KEY, "p": "cdn"})
    source = json.loads(answer.content)["source"]
    assert (source["enabled"], source["destinations"]) == (True, [])
    assert (await standing.http.get(path, params={"writeKey": "cunknown"})).status_code == 401


@pytest.mark.parametrize("path", ["/v1/m", "/rsaMetrics"])
async def test_the_sdks_metrics_are_dropped(standing: Events, path: str) -> None:
    answer = await standing.http.post(path, content=b"anything")
    assert (answer.status_code, json.loads(answer.content)) == (200, {"success": True})


async def test_analytics_js_is_the_operators_copy(standing: Events, events_url: str, tmp_path: Any) -> None:
    path = f"/analytics.js/v1/{WRITE_KEY}/analytics.min.js"
    answer = await standing.http.get(path)
    assert answer.status_code == 404
    assert "REGULARS_ANALYTICS_JS" in answer.text
    copy = tmp_path / "standalone.js"
    copy.write_text("window.analytics")
    async with running(events_url, analytics_js=copy) as events:
        answer = await events.http.get(path)
        assert (answer.status_code, answer.text) == (200, "window.analytics")
        assert answer.headers["Content-Type"].startswith("text/javascript")


async def test_browsers_may_send_from_anywhere(standing: Events) -> None:
    asked = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-odd",
    }
    preflight = await standing.http.options("/v1/t", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "x-odd" in preflight.headers["Access-Control-Allow-Headers"].lower()
    assert int(preflight.headers["Access-Control-Max-Age"]) > 600
    assert "Access-Control-Allow-Credentials" not in preflight.headers
    refused = await standing.http.post("/v1/t", content=b"{}", headers={"Origin": "https://shop.example"})
    assert refused.status_code == 401
    assert refused.headers["Access-Control-Allow-Origin"] == "*"
    assert "Retry-After" in refused.headers["Access-Control-Expose-Headers"]


async def test_there_are_no_redirects(standing: Events) -> None:
    answer = await standing.http.post("/v1/batch/", content=b"{}")
    assert answer.status_code == 404


# --- Customer.io


def basic(password: str = API_KEY, user: str = WRITE_KEY) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


async def customerio(
    events: Events, method: str, path: str, body: Any = None, *, status: int = 200, **more: Any
) -> Any:
    content = b"" if body is None else json.dumps(body)
    answer = await events.http.request(method, path, content=content, headers=basic(**more))
    assert answer.status_code == status, answer.text
    return json.loads(answer.content)


CUSTOMER = "a/b c%ä@x.org"
CALLS: list[tuple[str, str, Any, str, dict[str, Any]]] = [
    ("PUT", "", {"plan": "pro"}, "identify", {"traits": {"plan": "pro"}}),
    ("POST", "/events", {"name": "buy", "data": {"n": 1}}, "track", {"name": "buy", "properties": {"n": 1}}),
    ("POST", "/events", {"name": "/home", "type": "page"}, "page", {"name": "Page Viewed"}),
    ("POST", "/suppress", {}, "suppress", {}),
    ("POST", "/unsuppress", None, "unsuppress", {}),
    ("PUT", "/devices", {"device": {"id": "t/1", "platform": "ios"}}, "device", {"properties": {"token": "t/1", "platform": "ios"}}),
    ("DELETE", "/devices/t%2F1", {}, "device_removed", {"properties": {"token": "t/1"}}),
    ("DELETE", "", {}, "erase", {}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "kind", "expected"), CALLS)
async def test_customers_whose_ids_need_escapes(
    standing: Events, method: str, path: str, body: Any, kind: str, expected: dict[str, Any]
) -> None:
    customer = f"{CUSTOMER} {uuid4()}"
    await customerio(standing, method, f"/api/v1/customers/{quote(customer, safe='')}{path}", body)
    [item] = await standing.items(f"/v1/events?user_id={quote(customer, safe='')}")
    assert item["type"] == kind
    assert {name: item[name] for name in expected} == expected


async def test_customerios_anonymous_events_merges_and_batches(standing: Events) -> None:
    user = f"user-{uuid4()}"
    await customerio(standing, "POST", "/api/v1/events", {"name": "visit", "anonymous_id": user, "data": {}})
    [visit] = await standing.items(f"/v1/events?anonymous_id={user}")
    assert visit["name"] == "visit"
    merging = {"primary": {"id": user}, "secondary": {"email": "old@x.org"}}
    await customerio(standing, "POST", "/api/v1/merge_customers", merging)
    operations = [
        {"type": "person", "action": "event", "identifiers": {"id": user}, "name": "buy", "timestamp": 1_700_000_000},
        {"type": "object", "action": "identify"},
    ]
    answer = await customerio(standing, "POST", "/api/v2/batch", {"batch": operations})
    assert (answer["accepted"], answer["rejected"]) == (1, 1)
    merged, bought = await standing.items(f"/v1/events?user_id={user}")
    assert (merged["type"], merged["previous_id"]) == ("merge", "old@x.org")
    assert (bought["name"], bought["timestamp"]) == ("buy", "2023-11-14T22:13:20Z")


async def test_customerio_needs_an_api_key_that_may_write(standing: Events) -> None:
    path = "/api/v1/customers/ann"
    await customerio(standing, "DELETE", path, {}, password="", status=401)
    await customerio(standing, "DELETE", path, {}, password="wrong", status=401)
    await customerio(standing, "DELETE", path, {}, user="cunknown", status=401)
    reading = await standing.call("POST", "/v1/keys", {"name": "reports", "role": "read"}, status=201)
    await customerio(standing, "DELETE", path, {}, password=reading["key"], status=403)
    writing = await standing.call("POST", "/v1/keys", {"name": "crm", "role": "write"}, status=201)
    await customerio(standing, "POST", f"{path}/suppress", {}, password=writing["key"])


async def test_customerio_erases_only_with_an_admin_key(standing: Events) -> None:
    created = await standing.call("POST", "/v1/keys", {"name": "writer", "role": "write"}, status=201)
    path = "/api/v1/customers/ann"
    await customerio(standing, "DELETE", path, {}, password=created["key"], status=403)
    operations = [{"type": "person", "action": "delete", "identifiers": {"id": "ann"}}]
    await customerio(standing, "POST", "/api/v2/batch", {"batch": operations}, password=created["key"], status=403)
    await customerio(standing, "PUT", path, {"plan": "pro"}, password=created["key"])
