"""Other vendors' bodies become messages of the tracking spec."""

from typing import Any

import pytest

from services.events.domain.forms import customerio, posthog


def without_empty(message: Any) -> Any:
    return {name: value for name, value in message.items() if value is not None}


OPERATIONS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"action": "identify", "identifiers": {"id": "ann"}, "attributes": {"plan": "pro"}},
        {"type": "identify", "userId": "ann", "traits": {"plan": "pro"}},
    ),
    (
        {"action": "identify", "identifiers": {"email": "a@x.org"}, "attributes": {"anonymous_id": "d"}},
        {"type": "identify", "userId": "a@x.org", "anonymousId": "d", "traits": {}},
    ),
    (
        {"action": "event", "identifiers": {"id": 5}, "name": "buy", "attributes": {"n": 1}, "timestamp": 9, "id": "m"},
        {"type": "track", "userId": 5, "event": "buy", "properties": {"n": 1}, "timestamp": 9, "messageId": "m"},
    ),
    (
        {"action": "page", "identifiers": {"anonymous_id": "d"}, "name": "/home"},
        {"type": "page", "anonymousId": "d", "name": "/home"},
    ),
    ({"action": "delete", "identifiers": {"id": "ann"}}, {"type": "erase", "userId": "ann"}),
    ({"action": "suppress", "identifiers": {"id": "ann"}}, {"type": "suppress", "userId": "ann"}),
    ({"action": "unsuppress", "identifiers": {"id": "ann"}}, {"type": "unsuppress", "userId": "ann"}),
    (
        {"action": "merge", "primary": {"id": "ann"}, "secondary": {"email": "b@x.org"}},
        {"type": "merge", "userId": "ann", "previousId": "b@x.org"},
    ),
    (
        {"action": "add_device", "identifiers": {"id": "ann"}, "device": {"token": "t", "platform": "ios", "attributes": {"app_version": "2"}}},
        {"type": "device", "userId": "ann", "properties": {"token": "t", "platform": "ios", "app_version": "2"}},
    ),
    (
        {"action": "delete_device", "identifiers": {"id": "ann"}, "device": {"token": "t"}},
        {"type": "device_removed", "userId": "ann", "properties": {"token": "t"}},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "expected"), OPERATIONS)
def test_customerio_operations(operation: dict[str, Any], expected: dict[str, Any]) -> None:
    assert without_empty(customerio.operation({"type": "person"} | operation)) == expected


@pytest.mark.parametrize("operation", [{"type": "object", "action": "identify"}, {"type": "person", "action": "dance"}])
def test_what_is_not_for_people_has_a_type_that_is_refused(operation: dict[str, Any]) -> None:
    assert customerio.operation(operation)["type"] not in ("identify", "track", "erase")
    assert customerio.operation(5) == 5


def test_customerio_devices_are_named_by_their_token() -> None:
    message = customerio.add_device("ann", {"id": "t", "platform": "android", "last_used": 5})
    assert message["properties"] == {"token": "t", "platform": "android", "last_used": 5}


POSTHOG: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
    (
        {"event": "buy", "distinct_id": "ann", "uuid": "m", "properties": {"n": 1}, "timestamp": "t"},
        [{"type": "track", "event": "buy", "userId": "ann", "messageId": "m", "properties": {"n": 1}, "timestamp": "t"}],
    ),
    (
        {"event": "buy", "distinct_id": "ann", "uuid": "m", "properties": {"$set": {"plan": "pro"}}},
        [
            {"type": "track", "event": "buy", "userId": "ann", "messageId": "m", "properties": {}},
            {"type": "identify", "userId": "ann", "messageId": "m:set", "traits": {"plan": "pro"}},
        ],
    ),
    (
        {"event": "$identify", "distinct_id": "ann", "properties": {"$anon_distinct_id": "d", "$set": {"a": 1}}},
        [{"type": "identify", "userId": "ann", "anonymousId": "d", "traits": {"a": 1}}],
    ),
    (
        {"event": "$set", "distinct_id": "ann", "$set": {"a": 1}, "properties": {}},
        [{"type": "identify", "userId": "ann", "traits": {"a": 1}}],
    ),
    (
        {"event": "$create_alias", "distinct_id": "old", "properties": {"distinct_id": "old", "alias": "ann"}},
        [{"type": "alias", "userId": "ann", "previousId": "old"}],
    ),
    (
        {"event": "$pageview", "distinct_id": "ann", "properties": {"$pathname": "/home"}},
        [{"type": "page", "userId": "ann", "name": "/home", "properties": {"$pathname": "/home"}}],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("item", "expected"), POSTHOG)
def test_posthog_events(item: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    assert [without_empty(message) for message in posthog.messages_of(item)] == expected
