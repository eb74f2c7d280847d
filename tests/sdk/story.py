"""What every SDK is made to say, and how it must be found afterwards."""

import json as plain_json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.plumbing import json
from tests.sdk.running import Source

Event = dict[str, Any]
STORY: dict[str, Any] = {
    "user": "ann/1@example.com",
    "device": "device-7",
    "before": "ann-before",
    "traits": {
        "email": "ann@example.com",
        "firstName": "Žofia 🚲",
        "address": {"city": "Köln", "floors": [0, 1.5]},
        "points": 1234.56,
    },
    "event": "Order Completed",
    "properties": {
        "order_id": "1001",
        "revenue": 1234.56,
        "tax": 0.1,
        "quantity": 9007199254740991,
        "note": "Grüße, “bis bald” 🚲\n日本",
        "products": [{"sku": "A-1", "price": 19.99, "gift": {"wrapped": True, "ribbons": [1, 2.25]}}],
    },
    "page": {"name": "Home", "category": "Shop", "properties": {"path": "/späti", "load": 0.35}},
    "screen": {"name": "Basket", "properties": {"items": 3, "sum": 20.05}},
    "group": {"id": "acme", "traits": {"name": "Acme & Søn", "seats": 12.5}},
}
PROPERTIES = {
    "track": STORY["properties"],
    "page": STORY["page"]["properties"] | {"name": STORY["page"]["name"]},
    "screen": STORY["screen"]["properties"] | {"name": STORY["screen"]["name"]},
    "group": {"groupId": STORY["group"]["id"]},
}
NAMES = {"track": STORY["event"], "page": "Page Viewed", "screen": "Screen Viewed"}
EVERYTHING = ("identify", "track", "page", "screen", "group", "alias")


def exact(value: Any) -> Any:
    """The value as exact JSON has it."""
    return json.loads(plain_json.dumps(value))


def contains(found: Any, expected: Any) -> bool:
    """Whether an object has all this, exactly as it was said; SDKs add some of their own."""
    return bool(exact(expected).items() <= found.items())


def check(events: Iterable[Event], source: Source, *kinds: str) -> dict[str, Event]:
    """The story's events by their types, just these kinds, each as it was told."""
    found = {event["type"]: event for event in events}
    assert sorted(found) == sorted(kinds)
    assert len({event["message_id"] for event in found.values()}) == len(kinds)
    for kind, event in found.items():
        assert event["source"] == source.name
        assert event["name"] == NAMES.get(kind)
        assert event["message_id"]
        assert event["imported"] is False
        assert event["user_id"] == STORY["user"]
        assert contains(event["properties"], PROPERTIES.get(kind, {})), (kind, event["properties"])
        check_times(event)
    if "identify" in kinds:
        assert contains(found["identify"]["traits"], STORY["traits"]), found["identify"]
    if "group" in kinds:
        assert contains(found["group"]["traits"], STORY["group"]["traits"]), found["group"]
    if "alias" in kinds:
        assert found["alias"]["previous_id"] == STORY["before"]
    return found


def check_times(event: Event) -> None:
    """It happened just now."""
    now = datetime.now(UTC)
    for name in ("timestamp", "received_at"):
        at = datetime.fromisoformat(event[name])
        assert now - timedelta(minutes=1) < at < now + timedelta(seconds=2), (name, event)


def library(event: Event) -> str:
    """The SDK, as it calls itself."""
    return str(event["context"]["library"]["name"])
