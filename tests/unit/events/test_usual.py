"""The fast way comes to the same rows as the careful one, or says that it can't."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.events.domain.envelope import read_batch
from services.events.domain.message import read_message
from services.events.domain.records import Limits, Origin, Record, Refusal, Unusable
from services.events.domain.usual import Unusual, read_usual
from services.events.store.copying import Rows, make_rows
from services.events.store.usual import add_usual
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


def fast(message: dict[str, Any], origin: Origin) -> Rows | None:
    batch = read_usual(body(message))
    rows = Rows(origin.received_at, [], [], [])
    try:
        add_usual(rows, batch.batch if batch else [], origin, Limits())
    except (Unusual, Unusable):
        return None
    return rows if batch else None


def careful(message: dict[str, Any], origin: Origin) -> Record | Refusal:
    envelope = read_batch(body(message))
    [raw] = envelope.messages
    return read_message(raw, origin, make_id=lambda: "made", limits=Limits(), is_plain=envelope.is_plain)


def body(message: dict[str, Any]) -> bytes:
    return json.dumps({"batch": [message], "sentAt": "whatever", "writeKey": "ckey"})


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("message", USUAL)
def test_the_fast_way_comes_to_the_same(message: dict[str, Any], origin: Origin) -> None:
    record = careful(message, origin)
    assert isinstance(record, Record)
    assert fast(message, origin) == make_rows([record], received_at=RECEIVED)


@pytest.mark.parametrize("message", UNUSUAL)
def test_what_is_unusual_is_left_to_the_careful_way(message: dict[str, Any]) -> None:
    assert fast(message, ORIGINS[0]) is None


def test_what_surrounds_the_batch_is_read_too() -> None:
    batch = read_usual(json.dumps({"batch": [TRACK], "sentAt": "now", "writeKey": "ckey"}))
    assert batch is not None
    assert (batch.sent_at, batch.write_key) == ("now", "ckey")
    assert read_usual(b"{") is None
    assert read_usual(b"[]") is None
