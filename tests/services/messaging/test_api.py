"""The catalogue over HTTP: made, read, replaced, refused with the place of the fault."""

from typing import Any
from uuid import uuid4

import pytest

from shared.plumbing import json
from shared.plumbing.ids import new_id
from tests.services.messaging.conftest import Messaging
from tests.services.messaging.neighbours import READER

TEMPLATE = {"key": "welcome", "channel": "email", "subject": "Hi", "body": "<p>Hi {{ profile.traits.first_name }}</p>"}
CAMPAIGN = {
    "key": "hello",
    "trigger": {"segment": "vip", "on": "entered"},
    "template": "welcome",
    "purpose": "marketing",
}


async def faults(messaging: Messaging, method: str, path: str, body: Any, status: int = 422) -> list[Any]:
    answer = await messaging.call(method, path, body, status=status)
    assert {"type", "title", "status", "detail", "code", "message"} <= set(answer)
    return [error["loc"] for error in answer["errors"]]


async def test_a_template_has_versions_and_contents_for_channels(messaging: Messaging) -> None:
    made = await messaging.call("POST", "/v1/templates", TEMPLATE, status=201)
    assert (made["key"], made["version"], made["body"]) == ("welcome", 1, TEMPLATE["body"])
    assert (await messaging.call("POST", "/v1/templates", TEMPLATE, status=409))["code"] == "key_taken"
    text = {"key": "welcome", "channel": "sms", "body": "Hi"}
    assert (await messaging.call("POST", "/v1/templates", text, status=201))["channel"] == "sms"
    replaced = await messaging.call("PUT", "/v1/templates/welcome", TEMPLATE | {"subject": "Hello"})
    assert (replaced["version"], replaced["subject"]) == (2, "Hello")
    assert set((await messaging.call("GET", "/v1/templates/welcome"))["contents"]) == {"email", "sms"}
    assert [one["channel"] for one in await messaging.items("/v1/templates")] == ["email", "sms"]
    await messaging.call("PUT", "/v1/templates/nothing", TEMPLATE, status=422)
    await messaging.call("PUT", "/v1/templates/nothing", TEMPLATE | {"key": "nothing"}, status=404)
    await messaging.call("GET", "/v1/templates/nothing", status=404)


async def test_refusals_name_the_place(messaging: Messaging) -> None:
    async def template(change: Any) -> list[Any]:
        return await faults(messaging, "POST", "/v1/templates", TEMPLATE | change)

    async def campaign(change: Any) -> list[Any]:
        return await faults(messaging, "POST", "/v1/campaigns", CAMPAIGN | change)

    assert await template({"body": "{% if %}"}) == [["body", "body"]]
    assert await template({"key": "a/b"}) == [["body", "key"]]
    assert await template({"colour": "red"}) == [["body", "colour"]]
    assert await campaign({}) == [["body", "template"]]
    said = await messaging.call("POST", "/v1/templates/x/preview", {"user_id": "ada"}, status=422)
    assert said["detail"] == "profile_id: is missing (1 more in `errors`)."
    await messaging.call("POST", "/v1/templates", TEMPLATE, status=201)
    assert await campaign({"trigger": {"segment": "vip", "on": "x"}}) == [["body", "trigger", "on"]]
    assert await campaign({"channel": "sms"}) == [["body", "channel"]]
    body: dict[str, Any] = {key: value for key, value in CAMPAIGN.items() if key != "template"}
    body["variants"] = [{"template": "welcome"}, {"template": "nothing"}]
    assert await faults(messaging, "POST", "/v1/campaigns", body) == [["body", "variants", 1, "template"]]
    assert await faults(messaging, "POST", "/v1/campaigns", [1]) != []
    assert (await messaging.http.post("/v1/campaigns", content=b"{")).status_code == 400
    assert await faults(messaging, "PUT", "/v1/settings", {"quiet_hours": {"from": "9", "until": "08:00"}}) == [
        ["body", "quiet_hours", "from"]
    ]


@pytest.mark.parametrize("when", [{"on": "entered"}, {"at": "2026-11-21T09:00:00Z"}])
async def test_a_campaign_on_a_segment_that_is_not_there_is_refused(messaging: Messaging, when: Any) -> None:
    await messaging.call("POST", "/v1/templates", TEMPLATE, status=201)
    unknown = CAMPAIGN | {"trigger": {"segment": "vipp"} | when}
    messaging.near.no_segments.add("vipp")
    assert await faults(messaging, "POST", "/v1/campaigns", unknown) == [["body", "trigger", "segment"]]
    await messaging.call("POST", "/v1/campaigns", CAMPAIGN, status=201)
    assert await faults(messaging, "PUT", "/v1/campaigns/hello", unknown) == [["body", "trigger", "segment"]]
    assert (await messaging.call("GET", "/v1/campaigns/hello"))["trigger"] == CAMPAIGN["trigger"]


async def test_while_segments_is_away_only_campaigns_on_events_are_made(messaging: Messaging) -> None:
    await messaging.call("POST", "/v1/templates", TEMPLATE, status=201)
    messaging.near.down.add("segments")
    answer = await messaging.http.post("/v1/campaigns", content=json.dumps(CAMPAIGN))
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    await messaging.call("POST", "/v1/campaigns", CAMPAIGN | {"trigger": {"event": "Signed Up"}}, status=201)
    await messaging.call("PUT", "/v1/campaigns/hello", CAMPAIGN, status=503)
    messaging.near.down.clear()
    await messaging.call("PUT", "/v1/campaigns/hello", CAMPAIGN)


async def test_a_campaign_from_draft_to_its_end(messaging: Messaging) -> None:
    await messaging.call("POST", "/v1/templates", TEMPLATE, status=201)
    made = await messaging.call("POST", "/v1/campaigns", CAMPAIGN | {"holdout": 0.1}, status=201)
    assert (made["status"], made["started_at"], made["holdout"]) == ("draft", None, made["holdout"])
    assert (await messaging.call("POST", "/v1/campaigns", CAMPAIGN, status=409))["code"] == "key_taken"
    started = await messaging.call("POST", "/v1/campaigns/hello/start")
    assert started["status"] == "running"
    assert (await messaging.call("POST", "/v1/campaigns/hello/start"))["started_at"] == started["started_at"]
    assert (await messaging.call("POST", "/v1/campaigns/hello/pause"))["status"] == "paused"
    changed = await messaging.call("PUT", "/v1/campaigns/hello", CAMPAIGN | {"topic": "news"})
    assert (changed["topic"], changed["status"]) == ("news", "paused")
    assert (await messaging.call("DELETE", "/v1/templates/welcome", status=409))["code"] == "in_use"
    assert [one["key"] for one in await messaging.items("/v1/campaigns")] == ["hello"]
    await messaging.call("DELETE", "/v1/campaigns/hello", status=204)
    await messaging.call("GET", "/v1/campaigns/hello", status=404)
    for action in ("start", "pause"):
        await messaging.call("POST", f"/v1/campaigns/hello/{action}", status=404)
    await messaging.call("DELETE", "/v1/templates/welcome", status=204)


async def test_a_draft_that_is_paused_stays_a_draft(messaging: Messaging) -> None:
    await messaging.call("POST", "/v1/templates", TEMPLATE, status=201)
    await messaging.call("POST", "/v1/campaigns", CAMPAIGN, status=201)
    assert (await messaging.call("POST", "/v1/campaigns/hello/pause"))["status"] == "draft"


async def test_numbers_come_back_as_they_were_given(messaging: Messaging) -> None:
    await messaging.call("POST", "/v1/templates", TEMPLATE, status=201)
    exact = b"0.1000000000000000055511151231257827"
    where = b'"trigger":{"event":"x","where":[{"property":"n","op":"=","value":' + exact + b"}]}"
    body = b'{"key":"n","template":"welcome","purpose":"marketing",' + where + b"}"
    answer = await messaging.http.post("/v1/campaigns", content=body)
    assert answer.status_code == 201
    assert exact in (await messaging.http.get("/v1/campaigns/n")).content


async def test_a_preview_shows_what_somebody_would_get(messaging: Messaging) -> None:
    body = TEMPLATE | {"subject": "{{ trigger.order_id }}", "body": "<p>{{ profile.traits.first_name }}</p>"}
    await messaging.call("POST", "/v1/templates", body, status=201)
    ada = messaging.near.add_person(traits={"first_name": "<Ada>"})
    shown = await messaging.call(
        "POST", "/v1/templates/welcome/preview", {"profile_id": ada, "context": {"order_id": "7"}}
    )
    assert (shown["subject"], shown["text"], shown["html"]) == ("7", "<Ada>\n", "<p>&lt;Ada&gt;</p>")
    nested = {"profile_id": ada, "context": {"trigger": {"order_id": "8"}}}
    assert (await messaging.call("POST", "/v1/templates/welcome/preview", nested))["subject"] == "8"
    await messaging.call("POST", "/v1/templates/welcome/preview", {"profile_id": uuid4()}, status=404)
    await messaging.call("POST", "/v1/templates/welcome/preview", {"profile_id": "x"}, status=422)
    await messaging.call("PUT", "/v1/templates/welcome", TEMPLATE | {"body": "{{ 1 | divided_by: 0 }}"})
    refused = await messaging.call("POST", "/v1/templates/welcome/preview", {"profile_id": ada}, status=422)
    assert refused["code"] == "template_error"
    messaging.near.down.add("profiles")
    await messaging.call("POST", "/v1/templates/welcome/preview", {"profile_id": ada}, status=503)


async def test_settings_are_replaced_as_a_whole(messaging: Messaging) -> None:
    assert await messaging.call("GET", "/v1/settings") == {"frequency_caps": [], "quiet_hours": None}
    cap = {"purpose": "marketing", "max": 3, "within": "P7D"}
    await messaging.call("PUT", "/v1/settings", {"frequency_caps": [cap]})
    assert await messaging.call("GET", "/v1/settings") == {"frequency_caps": [cap], "quiet_hours": None}
    await messaging.call("PUT", "/v1/settings", {"quiet_hours": {"from": "21:00", "until": "08:00"}})
    assert (await messaging.call("GET", "/v1/settings"))["frequency_caps"] == []


async def test_suppressions_are_made_found_and_lifted(messaging: Messaging) -> None:
    body = {"channel": "email", "address": "Ada@example.com", "reason": "asked"}
    made = await messaging.call("POST", "/v1/suppressions", body, status=201)
    assert (made["address"], made["purpose"]) == ("Ada@example.com", None)
    await messaging.call("POST", "/v1/suppressions", body | {"purpose": "news"}, status=201)
    await messaging.call("POST", "/v1/suppressions", body | {"channel": "sms", "address": "+49 171"}, status=201)
    assert len(await messaging.items("/v1/suppressions")) == 3
    assert len(await messaging.items("/v1/suppressions?channel=email&address=ada@EXAMPLE.com")) == 2
    await messaging.call("DELETE", f"/v1/suppressions/{made['id']}", status=204)
    await messaging.call("DELETE", "/v1/suppressions?channel=email&address=ada@example.com", status=204)
    await messaging.call("DELETE", "/v1/suppressions?channel=email&address=ada@example.com", status=404)
    await messaging.call("DELETE", "/v1/suppressions", {"channel": "sms", "address": "+49171"}, status=204)
    await messaging.call("DELETE", "/v1/suppressions", status=422)
    assert await messaging.items("/v1/suppressions") == []
    await messaging.call("POST", "/v1/suppressions", {"channel": "fax", "address": "1", "reason": "x"}, status=422)


async def test_lists_come_in_pages(messaging: Messaging) -> None:
    await messaging.campaign()
    people = [messaging.near.add_person() for _ in range(7)]
    await messaging.enter(*people)
    await messaging.settle()
    for path in ("/v1/decisions", "/v1/deliveries", "/v1/mailbox"):
        seen: list[Any] = []
        cursor = ""
        while True:
            page = await messaging.call("GET", f"{path}?limit=3{cursor}")
            seen += page["items"]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        assert len(seen) == len({one["id"] for one in seen}) == 7
        assert len(await messaging.items(f"{path}?profile_id={people[0]}")) == 1
        assert await messaging.items(f"{path}?campaign=other") == []
        await messaging.call("GET", f"{path}?cursor=nonsense", status=422)
        await messaging.call("GET", f"{path}?limit=1001", status=422)
        refused = await messaging.call("GET", f"{path}?userid=ada", status=422)
        assert refused["errors"][0]["loc"] == ["query", "userid"]
        assert refused["detail"].startswith("userid: is not known here; known: campaign, ")


async def test_lists_of_a_person_are_asked_by_their_user_id_too(messaging: Messaging) -> None:
    ada, bob = (messaging.near.add_person(user_id=name) for name in ("ada", "bob"))
    await messaging.campaign()
    for one in (ada, bob):
        await messaging.enter(one)
    await messaging.settle()
    for what in ("decisions", "deliveries", "mailbox"):
        found = await messaging.items(f"/v1/{what}?user_id=bob")
        assert [one["profile_id"] for one in found] == [str(bob)], what
    await messaging.call("GET", "/v1/decisions?user_id=nobody", status=404)
    await messaging.call("GET", f"/v1/decisions?user_id=ada&profile_id={ada}", status=422)
    messaging.near.down.add("profiles")
    await messaging.call("GET", "/v1/decisions?user_id=ada", status=503)


ROUTES = [
    ("GET", "/v1/templates", "read"),
    ("POST", "/v1/templates", "write"),
    ("PUT", "/v1/templates/x", "write"),
    ("DELETE", "/v1/templates/x", "write"),
    ("POST", "/v1/templates/x/preview", "read"),
    ("POST", "/v1/templates/x/check", "read"),
    ("GET", "/v1/templates/x/versions", "read"),
    ("POST", "/v1/templates/x/test", "write"),
    ("GET", "/v1/campaigns", "read"),
    ("POST", "/v1/campaigns", "write"),
    ("PUT", "/v1/campaigns/x", "write"),
    ("DELETE", "/v1/campaigns/x", "write"),
    ("POST", "/v1/campaigns/x/start", "write"),
    ("POST", "/v1/campaigns/x/pause", "write"),
    ("GET", "/v1/campaigns/x/report", "read"),
    ("POST", "/v1/campaigns/x/dry-run", "read"),
    ("POST", "/v1/campaigns/backtest", "read"),
    ("GET", "/v1/decisions", "read"),
    ("GET", "/v1/deliveries", "read"),
    ("GET", "/v1/mailbox", "read"),
    ("GET", "/v1/dead-letters", "read"),
    ("POST", "/v1/dead-letters/redrive", "write"),
    ("GET", "/v1/settings", "read"),
    ("PUT", "/v1/settings", "write"),
    ("GET", "/v1/control-group/report", "read"),
    ("GET", "/v1/suppressions", "read"),
    ("POST", "/v1/suppressions", "write"),
    ("DELETE", "/v1/suppressions", "write"),
    ("DELETE", f"/v1/suppressions/{new_id()}", "write"),
    ("GET", "/v1/parked", "read"),
    ("POST", f"/v1/parked/{new_id()}/retry", "admin"),
    ("GET", "/internal/progress", "internal"),
    ("POST", "/internal/feed", "internal"),
    ("GET", "/internal/segments/x/uses", "internal"),
]


async def test_every_route_asks_for_its_key(messaging: Messaging) -> None:
    for method, path, needs in ROUTES:
        without = await messaging.http.request(method, path, content=b"{}", headers={"Authorization": ""})
        assert without.status_code == 401, (method, path)
        headers = {"Authorization": f"Bearer {READER}"}
        reading = await messaging.http.request(method, path, content=b"{}", headers=headers)
        expected = {"write": 403, "admin": 403, "internal": 401}.get(needs)
        assert reading.status_code == expected if expected else reading.status_code not in (401, 403), (method, path)


async def test_the_segments_service_learns_who_uses_a_segment(messaging: Messaging) -> None:
    await messaging.campaign()
    headers = {"Authorization": f"Bearer {messaging.app.state.internal_token}"}
    for segment, users in (("vip", ["hello"]), ("other", [])):
        answer = await messaging.http.get(f"/internal/segments/{segment}/uses", headers=headers)
        assert answer.json() == {"campaigns": users}


async def test_the_service_says_how_it_is(messaging: Messaging) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"):
        assert (await messaging.http.get(path, headers={"Authorization": ""})).status_code == 200


async def test_every_route_is_documented_with_an_example(messaging: Messaging) -> None:
    document = messaging.app.openapi()
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            assert route.get("summary"), (method, path)
            if not path.startswith("/v1") or "parked" in path:
                continue
            if method in ("post", "put") and not path.endswith(("start", "pause", "cancel", "release")):
                assert "example" in str(route["requestBody"]), (method, path)
            good = next(code for code in route["responses"] if code.startswith("2"))
            assert good == "204" or "example" in route["responses"][good]["content"]["application/json"], (method, path)


@pytest.mark.parametrize("value", ["\x00", "\ud800", "x" * 5000])
async def test_what_cannot_be_kept_is_refused(messaging: Messaging, value: str) -> None:
    raw = f'{{"key": {_quoted(value)}, "channel": "email", "subject": "s", "body": "b"}}'
    answer = await messaging.http.post("/v1/templates", content=raw.encode("utf-8", "surrogatepass"))
    assert answer.status_code in (400, 422)


def _quoted(text: str) -> str:
    return '"' + "".join(c if c == "x" else f"\\u{ord(c):04x}" for c in text) + '"'
