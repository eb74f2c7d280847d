"""Hostile input: a clear refusal or a kept rejection, never a 500, and never a stuck pipeline."""

import gzip
from typing import Any

import pytest

from shared.plumbing import json
from tests.support.world import WRITE_KEY, World

BODIES: dict[str, bytes] = {
    "not JSON": b"{",
    "an array": b"[]",
    "a number": b"1",
    "empty": b"",
    "null bytes": b'{"batch": [{"type": "track", "event": "a\\u0000b", "userId": "u", "messageId": "h1"}]}',
    "half a surrogate pair": b'{"batch": [{"type": "track", "event": "\\ud800", "userId": "u", "messageId": "h2"}]}',
    "NaN": b'{"batch": [{"type": "track", "event": "n", "userId": "u", "messageId": "h3", "properties": {"x": NaN}}]}',
    "huge number": b'{"batch": [{"type": "track", "event": "n", "userId": "u", "messageId": "h4", "properties": {"x": 1e999}}]}',
    "many digits": b'{"batch": [{"type": "track", "event": "n", "userId": "u", "messageId": "h5", "properties": {"x": '
    + b"9" * 5000
    + b"}}]}",
    "deep nesting": b'{"batch": [{"type": "track", "event": "n", "userId": "u", "messageId": "h6", "properties": {"x": '
    + b"[" * 20000
    + b"]" * 20000
    + b"}}]}",
    "wrong types": b'{"batch": [{"type": 7, "event": {}, "userId": [], "messageId": {}}, 3, null, "x", []]}',
    "absurd dates": b'{"batch": [{"type": "track", "event": "n", "userId": "u", "messageId": "h7", "timestamp": "99999-99-99T99:99"}, '
    b'{"type": "track", "event": "n", "userId": "u", "messageId": "h8", "timestamp": 1e99}, '
    b'{"type": "track", "event": "n", "userId": "u", "messageId": "h9", "timestamp": "0001-01-01T00:00:00Z"}]}',
    "not UTF-8": b'{"batch": [{"type": "track", "event": "\xff\xfe", "userId": "u", "messageId": "h10"}]}',
    "duplicate keys": b'{"batch": [{"type": "track", "type": "page", "event": "n", "userId": "u", "messageId": "h11"}]}',
    "ten megabytes": b'{"batch": [' + b" " * 10_000_000 + b"]}",
    "a batch that is no list": b'{"batch": {"a": 1}}',
    "an unknown zone and a wild locale": b'{"batch": [{"type": "identify", "userId": "u", "messageId": "h12", '
    b'"traits": {"timezone": "Mars/Olympus", "birthday": "1990-02-31", "email": ["x"], "phone": {}}}]}',
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_hostile_body_is_refused_or_kept_as_rejected_and_stops_nothing(world: World, name: str) -> None:
    answer = await world.http.post("http://events/v1/batch", content=BODIES[name], auth=(WRITE_KEY, ""))
    assert answer.status_code in (200, 400, 413), answer.text
    assert json.loads(answer.content)
    await world.send({"type": "track", "event": "Behind It", "userId": "after"})
    await world.settle()
    [event] = await world.items("events", "/v1/events?name=Behind%20It")
    assert event["user_id"] == "after"


async def test_a_gzip_bomb_is_refused(world: World) -> None:
    bomb = gzip.compress(b'{"batch": [' + b" " * 200_000_000 + b"]}")
    answer = await world.http.post(
        "http://events/v1/batch", content=bomb, auth=(WRITE_KEY, ""), headers={"Content-Encoding": "gzip"}
    )
    assert answer.status_code == 413


async def test_good_messages_beside_bad_ones_are_kept_and_the_bad_ones_are_there_with_their_reasons(
    world: World,
) -> None:
    good: dict[str, Any] = {"type": "track", "event": "Good", "userId": "u", "messageId": "good"}
    batch = [{"type": "track", "userId": "u", "messageId": "nameless"}, good, {"type": "track", "event": "No Ids"}]
    answer = await world.http.post("http://events/v1/batch", content=json.dumps({"batch": batch}), auth=(WRITE_KEY, ""))
    assert answer.status_code == 200
    await world.settle()
    assert len(await world.items("events", "/v1/events?message_id=good")) == 1
    rejected = await world.items("events", "/v1/rejected")
    assert len(rejected) == 2
    assert all(item["reason"] for item in rejected)
