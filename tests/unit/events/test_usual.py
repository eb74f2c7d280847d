"""The fast way comes to the same records as the careful one, or says that it can't."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.events.domain.envelope import read_batch
from services.events.domain.message import read_message
from services.events.domain.records import Limits, Origin, Record
from services.events.domain.usual import read_usual, usual_records
from shared.plumbing import json

RECEIVED = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ORIGINS = [
    Origin("web", RECEIVED),
    Origin("web", RECEIVED, sent_at=RECEIVED - timedelta(seconds=3)),
    Origin("web", RECEIVED, sent_at=RECEIVED + timedelta(hours=3), imported=True),
    Origin("web", RECEIVED, sent_at=RECEIVED - timedelta(days=2)),
]
TRACK: dict[str, Any] = {"type": "track", "event": "Order Completed", "messageId": "m1", "userId": "ann"}
USUAL: list[dict[str, Any]] = [
    TRACK,
    TRACK | {"anonymousId": "device", "userId": None},
    TRACK | {"anonymousId": "device", "userId": ""},
    TRACK | {"timestamp": "2026-11-20T11:59:58.123Z", "originalTimestamp": "2026-11-20T11:59:57+00:00"},
    TRACK | {"originalTimestamp": "2026-11-20T11:59:57Z", "sentAt": "2026-11-20T11:59:59Z"},
    TRACK | {"timestamp": "2099-11-20T11:59:57Z"},
    TRACK
    | {"properties": {"total": json.loads("10.10"), "text": 'ä "\\ 😀'}, "context": {"ip": "::1"}, "traits": {"a": 1}},
    TRACK | {"properties": None, "context": {}, "integrations": {"All": False}},
    TRACK | {"context": {"externalIds": [{"type": "card", "id": "7"}], "traits": {"not": "an identify's"}}},
    {
        "type": "page",
        "messageId": "m2",
        "anonymousId": "d",
        "name": "Home",
        "category": "Shop",
        "properties": {"url": "/"},
    },
    {"type": "screen", "messageId": "m3", "anonymousId": "d"},
    {
        "type": "identify",
        "messageId": "m4",
        "userId": "ann",
        "traits": {"a": 1},
        "context": {"traits": {"a": 0, "b": 2}},
    },
]
UNUSUAL: list[dict[str, Any]] = [
    TRACK | {"userId": 5},
    TRACK | {"userId": " "},
    TRACK | {"userId": None},
    TRACK | {"userId": "u" * 513},
    TRACK | {"event": None},
    TRACK | {"event": " "},
    TRACK | {"event": "e" * 513},
    TRACK | {"messageId": None},
    TRACK | {"messageId": ""},
    TRACK | {"timestamp": 1_700_000_000},
    TRACK | {"timestamp": "yesterday"},
    TRACK | {"timestamp": "2026-11-20T11:59:57"},
    TRACK | {"timestamp": "2026-11-20T11:59:57+02:00"},
    TRACK | {"timestamp": "0001-01-01T00:00:00Z"},
    TRACK | {"timestamp": "9999-12-31T23:59:59Z"},
    TRACK | {"properties": []},
    TRACK | {"properties": {"x": "y" * 33_000}},
    TRACK | {"properties": {"n": json.loads("1e101")}},
    TRACK | {"properties": {"s": "\x00"}},
    TRACK | {"type": "erase"},
    {"type": "alias", "messageId": "m", "userId": "ann", "previousId": "d"},
    {"type": "group", "messageId": "m", "userId": "ann", "groupId": "acme"},
    {"messageId": "m", "userId": "ann", "event": "x"},
]


def both(message: dict[str, Any], origin: Origin) -> tuple[Any, Any]:
    body = json.dumps({"batch": [message], "sentAt": "whatever", "writeKey": "ckey"})
    batch = read_usual(body)
    fast = usual_records(batch.batch, origin, Limits()) if batch else None
    envelope = read_batch(body)
    [raw] = envelope.messages
    careful = read_message(raw, origin, make_id=lambda: "made", limits=Limits(), is_plain=envelope.is_plain)
    return fast, careful


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("message", USUAL)
def test_the_fast_way_comes_to_the_same(message: dict[str, Any], origin: Origin) -> None:
    fast, careful = both(message, origin)
    assert isinstance(careful, Record)
    assert fast == [careful]


@pytest.mark.parametrize("message", UNUSUAL)
def test_what_is_unusual_is_left_to_the_careful_way(message: dict[str, Any]) -> None:
    fast, _ = both(message, ORIGINS[0])
    assert fast is None


def test_what_surrounds_the_batch_is_read_too() -> None:
    batch = read_usual(json.dumps({"batch": [TRACK], "sentAt": "now", "writeKey": "ckey"}))
    assert batch is not None
    assert (batch.sent_at, batch.write_key) == ("now", "ckey")
    assert read_usual(b"{") is None
    assert read_usual(b"[]") is None
