"""Traits through messages and calls: the newest by event time, whatever the order."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from shared.schemas.resolved import EventResolved
from tests.services.profiles.standing import NOW, Standing

HOUR = timedelta(hours=1)


async def test_the_newest_by_event_time_wins_whatever_came_last(standing: Standing) -> None:
    await standing.take("identify", user_id="u1", traits={"plan": "pro", "city": "Bonn"}, timestamp=NOW - HOUR)
    await standing.take("identify", user_id="u1", traits={"plan": "free", "age": 7}, timestamp=NOW - 2 * HOUR)
    assert (await standing.look_up(user_id="u1"))["traits"] == {"plan": "pro", "city": "Bonn", "age": 7}


async def test_a_tie_goes_to_the_greater_message_id(standing: Standing) -> None:
    await standing.take("identify", user_id="u1", traits={"plan": "b"}, message_id="m2")
    await standing.take("identify", user_id="u1", traits={"plan": "a"}, message_id="m1")
    assert (await standing.look_up(user_id="u1"))["traits"] == {"plan": "b"}


async def test_a_time_ahead_of_its_receipt_counts_as_the_receipt(standing: Standing) -> None:
    await standing.take("identify", user_id="u1", traits={"plan": "future"}, timestamp=NOW + 100 * HOUR)
    standing.clock.step(seconds=1)
    await standing.take("identify", user_id="u1", traits={"plan": "now"})
    assert (await standing.look_up(user_id="u1"))["traits"] == {"plan": "now"}


async def test_what_was_removed_is_not_brought_back_by_something_older(standing: Standing) -> None:
    await standing.take("identify", user_id="u1", traits={"plan": None}, timestamp=NOW - HOUR)
    await standing.take("identify", user_id="u1", traits={"plan": "pro"}, timestamp=NOW - 2 * HOUR)
    found = await standing.look_up(user_id="u1")
    assert found["traits"] == {}
    [trait] = (await standing.call("GET", f"/v1/profiles/{found['id']}/traits"))["items"]
    assert (trait["key"], trait["removed"], trait["source"]) == ("plan", True, "web")
    assert "value" not in trait


async def test_a_merge_keeps_the_newer_of_each_trait_and_what_was_removed(standing: Standing) -> None:
    await standing.take("identify", anonymous_id="a1", traits={"plan": "new", "city": None}, timestamp=NOW)
    await standing.take(
        "identify", user_id="u1", traits={"plan": "old", "city": "Bonn", "age": 1}, timestamp=NOW - HOUR
    )
    await standing.take(user_id="u1", anonymous_id="a1")
    assert (await standing.look_up(user_id="u1"))["traits"] == {"plan": "new", "age": 1}


async def test_numbers_keep_their_exact_value_all_the_way(standing: Standing) -> None:
    exact = {"a": Decimal("0.1"), "b": Decimal("1234567890123456789012345678901234567.890"), "c": 10**39, "d": 1}
    await standing.take("identify", user_id="u1", traits=exact)
    found = await standing.look_up(user_id="u1")
    assert {key: str(value) for key, value in found["traits"].items()} == {key: str(v) for key, v in exact.items()}
    [told] = await standing.feed()
    assert isinstance(told, EventResolved)
    assert told.profile is not None
    assert told.profile.traits == exact


async def test_a_trait_keeps_the_name_it_was_sent_with(standing: Standing) -> None:
    await standing.take("identify", user_id="u1", traits={"firstName": "Ann", "first_name": "Anna"})
    assert (await standing.look_up(user_id="u1"))["traits"] == {"firstName": "Ann", "first_name": "Anna"}


class TestContext:
    async def test_fills_the_time_zone_until_it_is_told(self, standing: Standing) -> None:
        await standing.take("identify", user_id="u1", traits={"timezone": "Asia/Tokyo"}, timestamp=NOW - HOUR)
        await standing.take(user_id="u1", context={"timezone": "Europe/Berlin", "locale": "de-DE"})
        assert (await standing.look_up(user_id="u1"))["traits"] == {"timezone": "Asia/Tokyo", "locale": "de-DE"}

    async def test_is_no_trait_where_it_is_no_zone(self, standing: Standing) -> None:
        await standing.take(user_id="u1", context={"timezone": "Mars/Olympus", "locale": 7})
        assert (await standing.look_up(user_id="u1"))["traits"] == {}

    async def test_that_says_the_same_again_changes_nothing(self, standing: Standing) -> None:
        for _ in range(3):
            await standing.take(user_id="u1", context={"timezone": "Europe/Berlin"})
            standing.clock.step(seconds=1)
        [row] = await standing.rows("profiles")
        assert row["version"] == 1


class TestPatch:
    async def test_is_a_json_merge_patch(self, standing: Standing) -> None:
        profile_id = await standing.make("u1", address={"city": "Bonn", "zip": "53111"}, plan="pro", tags=["a"])
        patch: dict[str, Any] = {"address": {"zip": None, "street": {"no": 7}}, "plan": None, "tags": ["b"]}
        answer = await standing.call("PATCH", f"/v1/profiles/{profile_id}", {"traits": patch})
        assert answer["traits"] == {"address": {"city": "Bonn", "street": {"no": 7}}, "tags": ["b"]}

    async def test_is_dated_now(self, standing: Standing) -> None:
        profile_id = await standing.make("u1", plan="old")
        standing.clock.step(hours=2)
        await standing.call("PATCH", f"/v1/profiles/{profile_id}", {"traits": {"plan": "patched"}})
        await standing.take("identify", user_id="u1", traits={"plan": "late"}, timestamp=NOW + HOUR)
        assert (await standing.look_up(user_id="u1"))["traits"] == {"plan": "patched"}
        await standing.take("identify", user_id="u1", traits={"plan": "new"}, timestamp=standing.clock.step(seconds=1))
        assert (await standing.look_up(user_id="u1"))["traits"] == {"plan": "new"}

    async def test_twenty_at_once_lose_nothing(self, standing: Standing) -> None:
        profile_id = await standing.make("u1", counts={})
        await asyncio.gather(
            *(
                standing.call("PATCH", f"/v1/profiles/{profile_id}", {"traits": {f"k{n}": n, "counts": {f"c{n}": n}}})
                for n in range(20)
            )
        )
        found = await standing.look_up(user_id="u1")
        assert found["traits"] == {f"k{n}": n for n in range(20)} | {"counts": {f"c{n}": n for n in range(20)}}
        versions = [told.profile.version for told in await standing.feed() if getattr(told, "profile", None)]  # type: ignore[union-attr]
        assert versions == list(range(1, 22))

    async def test_after_a_merge_goes_to_the_survivor(self, standing: Standing) -> None:
        old = await standing.make("u1")
        standing.clock.step(seconds=1)
        young = await standing.make("u2")
        await standing.call("POST", "/v1/profiles/merge", {"profile_ids": [young, old]})
        answer = await standing.call("PATCH", f"/v1/profiles/{young}", {"traits": {"plan": "pro"}})
        assert answer["id"] == old

    async def test_takes_what_it_shows_however_large_a_number_is(self, standing: Standing) -> None:
        profile_id = await standing.make("u1")
        for number in ("1e40", "-1e100", "12e59"):
            traits = {"x": Decimal(number), "y": {"z": [Decimal(number)]}}
            await standing.call("PATCH", f"/v1/profiles/{profile_id}", {"traits": traits})
            shown = (await standing.look_up(user_id="u1"))["traits"]
            assert shown == traits
            again = await standing.call("PATCH", f"/v1/profiles/{profile_id}", {"traits": shown})
            assert again["traits"] == traits

    @pytest.mark.parametrize(
        "value",
        [b"1e101", b"1e-101", b"1" * 41, b'"a\\u0000b"', b'{"a\\u0000": 1}', b"[" * 60 + b"]" * 60],
    )
    async def test_refuses_what_cannot_be_kept(self, standing: Standing, value: bytes) -> None:
        profile_id = await standing.make("u1")
        answer = await standing.http.patch(
            f"/v1/profiles/{profile_id}",
            content=b'{"traits": {"x": ' + value + b"}}",
            headers={"Authorization": "Bearer an-api-key", "Content-Type": "application/json"},
        )
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["errors"][0]["loc"][:3] == ["body", "traits", "x"]

    async def test_says_what_is_wrong_with_a_number_that_cannot_even_be_read(self, standing: Standing) -> None:
        profile_id = await standing.make("u1")
        answer = await standing.http.patch(
            f"/v1/profiles/{profile_id}",
            content=b'{"traits": {"x": 1e' + b"9" * 30 + b"}}",
            headers={"Authorization": "Bearer an-api-key", "Content-Type": "application/json"},
        )
        assert answer.status_code == 400, answer.text
        assert answer.json()["detail"].endswith("a number is too large or too long to be read")

    async def test_refuses_a_huge_body(self, standing: Standing) -> None:
        profile_id = await standing.make("u1")
        path = f"/v1/profiles/{profile_id}"
        refused = await standing.call("PATCH", path, {"traits": {"x": "y" * 2_000_000}}, status=413)
        assert refused["code"] == "too_large"
        assert (await standing.call("GET", path))["traits"] == {}


async def test_a_birthday_that_is_a_date_is_a_life_event_as_long_as_it_stands(standing: Standing) -> None:
    await standing.take("identify", user_id="u1", traits={"birthday": "1990-02-28T00:00:00.000Z"})
    [event] = (await standing.look_up(user_id="u1"))["life_events"]
    assert {key: event[key] for key in ("kind", "date", "recurs", "subject")} == {
        "kind": "birthday",
        "date": "1990-02-28",
        "recurs": "yearly",
        "subject": "self",
    }
    standing.clock.step(seconds=1)
    await standing.take("identify", user_id="u1", traits={"birthday": "1991-03-01"})
    [changed] = (await standing.look_up(user_id="u1"))["life_events"]
    assert (changed["date"], changed["id"]) == ("1991-03-01", event["id"])
    profile_id = await standing.id_of(user_id="u1")
    await standing.call("DELETE", f"/v1/profiles/{profile_id}/life-events/{event['id']}", status=204)
    found = await standing.look_up(user_id="u1")
    assert (found["life_events"], found["traits"]) == ([], {})
