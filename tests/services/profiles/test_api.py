"""The API of profiles: upsert, merge, lists, questions, refusals."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from shared.schemas.recipients import RecipientsAnswer
from shared.schemas.resolved import ProfileChanged
from tests.services.profiles.standing import NOBODY, Standing, names_of


class TestUpsert:
    async def test_makes_a_profile_and_then_changes_it(self, standing: Standing) -> None:
        body: dict[str, Any] = {"identifiers": [{"namespace": "user_id", "value": "u1"}], "traits": {"a": 1, "b": 1}}
        made = await standing.call("POST", "/v1/profiles", body, status=201)
        changed = await standing.call("POST", "/v1/profiles", {"user_id": "u1", "traits": {"b": 2}}, status=200)
        assert changed["id"] == made["id"]
        assert changed["traits"] == {"a": 1, "b": 2}
        assert [type(told) for told in await standing.feed()] == [ProfileChanged] * 2

    async def test_links_what_it_names(self, standing: Standing) -> None:
        await standing.take(anonymous_id="a1")
        body = {"user_id": "u1", "identifiers": [{"namespace": "loyalty_card", "value": "c1"}], "anonymous_id": "a1"}
        found = await standing.call("POST", "/v1/profiles", body, status=200)
        assert names_of(found) == {("user_id", "u1"), ("loyalty_card", "c1"), ("anonymous_id", "a1")}
        assert await standing.id_of(anonymous_id="a1") == UUID(found["id"])

    async def test_by_an_address_finds_or_makes(self, standing: Standing) -> None:
        made = await standing.call("POST", "/v1/profiles", {"email": "Ann@x.com"}, status=201)
        again = await standing.call("POST", "/v1/profiles", {"email": "ann@x.com", "traits": {"a": 1}}, status=200)
        assert again["id"] == made["id"]
        assert again["traits"] == {"email": "ann@x.com", "a": 1}

    async def test_of_one_id_by_twenty_at_once_makes_one(self, standing: Standing) -> None:
        calls = [standing.call("POST", "/v1/profiles", {"user_id": "u1", "traits": {f"k{n}": n}}) for n in range(20)]
        assert len({answer["id"] for answer in await asyncio.gather(*calls)}) == 1
        assert (await standing.look_up(user_id="u1"))["traits"] == {f"k{n}": n for n in range(20)}

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"traits": {"a": 1}},
            {"user_id": "null"},
            {"user_id": ""},
            {"user_id": "u" * 600},
            {"user_id": "a\x00b"},
            {"user_id": "u1", "nickname": "x"},
            {"identifiers": [{"namespace": "user_id", "value": "a"}, {"namespace": "user_id", "value": "b"}]},
            {"user_id": "u1", "traits": []},
        ],
    )
    async def test_refuses_what_names_nobody(self, standing: Standing, body: Any) -> None:
        await standing.call("POST", "/v1/profiles", body, status=422)
        assert await standing.rows("profiles") == []


class TestMerge:
    async def test_unites_everything(self, standing: Standing) -> None:
        one = await standing.make("u1", plan="old", city="Bonn")
        standing.clock.step(seconds=1)
        other = await standing.make("u2", plan="new")
        for profile_id, kind in ((one, "wedding"), (other, "graduation")):
            await standing.call("POST", f"/v1/profiles/{profile_id}/life-events", {"kind": kind, "date": "2020-05-01"})
            consent = {"purpose": kind, "channel": "email", "status": "granted"}
            await standing.call("POST", f"/v1/profiles/{profile_id}/consents", consent)
            await standing.call("PUT", f"/v1/profiles/{profile_id}/devices/token-{kind}", {"platform": "ios"})
        await standing.call("PUT", f"/v1/profiles/{other}/preferences", {"channels": ["sms"]})
        merged = await standing.call("POST", "/v1/profiles/merge", {"profile_ids": [other, one]})
        assert merged["id"] == one
        assert merged["user_id"] == "u1"
        assert merged["traits"] == {"plan": "new", "city": "Bonn"}
        assert names_of(merged) == {("user_id", "u1"), ("user_id", "u2")}
        assert {event["kind"] for event in merged["life_events"]} == {"wedding", "graduation"}
        recipients = await standing.call("POST", "/internal/recipients", {"profile_ids": [other, one, NOBODY]})
        first, second = RecipientsAnswer.of(recipients).recipients
        assert {str(first.requested_id), str(second.requested_id)} == {one, other}
        assert first.id == second.id == UUID(one)
        assert {consent.purpose for consent in first.consents} == {"wedding", "graduation"}
        assert {device.token for device in first.devices} == {"token-wedding", "token-graduation"}
        assert first.preferences["channels"] == ["sms"]
        for table in ("life_events", "consents", "devices", "preferences", "profile_identifiers"):
            assert {str(row["profile_id"]) for row in await standing.rows(table)} == {one}

    async def test_by_names(self, standing: Standing) -> None:
        await standing.make("u1", email="ann@x.com")
        await standing.make("u2")
        body = {"primary": {"email": "ann@x.com"}, "secondary": {"user_id": "u2"}}
        merged = await standing.call("POST", "/v1/profiles/merge", body)
        assert names_of(merged) == {("user_id", "u1"), ("user_id", "u2")}

    async def test_of_one_with_itself_is_nothing(self, standing: Standing) -> None:
        one = await standing.make("u1")
        await standing.call("POST", "/v1/profiles/merge", {"profile_ids": [one, one]})
        assert len(await standing.feed()) == 1

    async def test_with_nobody_is_refused_and_leaves_no_trace(self, standing: Standing) -> None:
        one = await standing.make("u1")
        await standing.call("POST", "/v1/profiles/merge", {"profile_ids": [one, NOBODY]}, status=404)
        body = {"primary": {"id": one}, "secondary": {"user_id": "nobody"}}
        await standing.call("POST", "/v1/profiles/merge", body, status=404)
        await standing.call("POST", "/v1/profiles/merge", {"profile_ids": [one]}, status=422)
        assert len(await standing.rows("identifiers")) == 1

    async def test_is_logged(self, standing: Standing) -> None:
        one, other = await standing.make("u1"), await standing.make("u2")
        await standing.call("POST", "/v1/profiles/merge", {"profile_ids": [one, other]})
        [merge] = (await standing.call("GET", f"/v1/profiles/{other}/merges"))["items"]
        assert {merge["loser_id"], merge["survivor_id"]} == {one, other}
        assert merge["cause"] == "api"


async def test_lists_go_page_by_page_through_everybody_once(standing: Standing) -> None:
    made = {await standing.make(f"u{number}") for number in range(7)}
    found: list[str] = []
    path = "/v1/profiles?limit=3"
    while path:
        page = await standing.call("GET", path)
        found += [item["id"] for item in page["items"]]
        path = page["next"] and f"/v1/profiles?limit=3&cursor={page['next']}"
    assert sorted(found) == sorted(made)
    await standing.call("GET", "/v1/profiles?cursor=nonsense", status=422)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/profiles?email=u1@example.com", None),
        ("GET", "/v1/profiles/ID?includes=events", None),
        ("GET", "/v1/profiles/ID/export?since=2026-01-01", None),
        ("GET", "/v1/profiles/ID/consents?purpose=marketing", None),
        ("PATCH", "/v1/profiles/ID?dry_run=true", {"traits": {"plan": "pro"}}),
        ("DELETE", "/v1/profiles/ID?dry_run=true", None),
        ("GET", "/v1/erasures?profile_id=1", None),
        ("GET", "/v1/replays?status=running", None),
    ],
)
async def test_an_unknown_parameter_is_refused_and_nothing_is_done(
    standing: Standing, method: str, path: str, body: Any
) -> None:
    profile_id = await standing.make("u1")
    before = await standing.call("GET", f"/v1/profiles/{profile_id}")
    refused = await standing.call(method, path.replace("ID", profile_id), body, status=422)
    name = path.partition("?")[2].partition("=")[0]
    assert refused["errors"][0]["loc"] == ["query", name]
    assert refused["detail"].startswith(f"{name}: is not known here; known: ")
    assert await standing.call("GET", f"/v1/profiles/{profile_id}") == before


async def test_segments_are_asked_of_their_owner(standing: Standing) -> None:
    profile_id = await standing.make("u1")
    answer = await standing.call("GET", f"/v1/profiles/{profile_id}/segments")
    assert (answer["items"][0]["key"], answer["next"]) == ("vip", None)
    found = await standing.call("GET", "/v1/profiles/lookup?user_id=u1&include=segments")
    assert [segment["key"] for segment in found["segments"]] == ["vip"]
    standing.others.away.add("segments")
    await standing.call("GET", f"/v1/profiles/{profile_id}?include=segments", status=503)
    await standing.call("GET", f"/v1/profiles/{profile_id}")
    await standing.call("GET", f"/v1/profiles/{profile_id}/segments", status=503)


async def test_what_somebody_did_is_shown_by_any_of_their_names(standing: Standing) -> None:
    identifiers = [{"namespace": "user_id", "value": "u1"}, {"namespace": "loyalty_card", "value": "7"}]
    body = {"identifiers": identifiers, "traits": {"email": "u1@example.com"}}
    profile = await standing.call("POST", "/v1/profiles", body, status=201)
    for query in ("user_id=u1", "loyalty_card=7", "email=u1@example.com"):
        found = await standing.call("GET", f"/v1/profiles/lookup?{query}&include=events")
        assert found["events"] == [{"message_id": "m1", "profile_id": profile["id"]}]
        assert "segments" not in found
    for query in ("include=segments,events", "include=events&include=segments"):
        found = await standing.call("GET", f"/v1/profiles/{profile['id']}?{query}")
        assert len(found["events"]) == len(found["segments"]) == 1
    assert "events" not in await standing.call("GET", "/v1/profiles/lookup?user_id=u1")
    await standing.call("GET", "/v1/profiles/lookup?user_id=u1&include=nothing", status=422)
    standing.others.away.add("events")
    await standing.call("GET", "/v1/profiles/lookup?user_id=u1&include=events", status=503)


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 422), ("user_id=a&email=b", 422), ("user_id=", 404), ("user_id=null", 404), ("user_id=%00", 422)],
)
async def test_a_lookup_needs_exactly_one_name(standing: Standing, query: str, status: int) -> None:
    await standing.call("GET", f"/v1/profiles/lookup?{query}", status=status)


async def test_the_other_services_learn_whom_a_name_leads_to(standing: Standing) -> None:
    ann = await standing.make("ann", email="ann@example.com")
    for query in ("user_id=ann", "email=ann@example.com"):
        assert await standing.call("GET", f"/internal/lookup?{query}") == {"id": ann}
    for query in ("user_id=nobody", "user_id=null", "user_id=%00", ""):
        await standing.call("GET", f"/internal/lookup?{query}", status=404)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"traits": {"a": 1}}),
        ("DELETE", "", None),
        ("GET", "/traits", None),
        ("GET", "/segments", None),
        ("GET", "/merges", None),
        ("GET", "/consents", None),
        ("POST", "/consents", {"purpose": "p", "channel": "any", "status": "granted"}),
        ("POST", "/life-events", {"kind": "birthday", "date": "2020-01-01"}),
        ("DELETE", f"/life-events/{NOBODY}", None),
        ("GET", "/preferences", None),
        ("PUT", "/preferences", {}),
        ("GET", "/devices", None),
        ("PUT", "/devices/t", {}),
        ("DELETE", "/devices/t", None),
    ],
)
async def test_nobody_is_not_found(standing: Standing, method: str, path: str, body: Any) -> None:
    await standing.call(method, f"/v1/profiles/{NOBODY}{path}", body, status=404)


async def test_keys_reach_as_far_as_their_roles(standing: Standing) -> None:
    profile_id = await standing.make("u1")
    await standing.call("GET", f"/v1/profiles/{profile_id}", key="a-reading-key")
    await standing.call("PATCH", f"/v1/profiles/{profile_id}", {"traits": {}}, key="a-reading-key", status=403)
    await standing.call("PATCH", f"/v1/profiles/{profile_id}", {"traits": {}}, key="a-writing-key")
    await standing.call("DELETE", f"/v1/profiles/{profile_id}", key="a-writing-key", status=403)
    await standing.call("GET", f"/v1/profiles/{profile_id}", key="no key of ours", status=401)
    for path in ("/internal/recipients", "/internal/feed", "/internal/consents"):
        answer = await standing.http.post(path, headers={"Authorization": "Bearer an-api-key"}, content=b"{}")
        assert answer.status_code == 401
