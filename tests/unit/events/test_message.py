"""What a message of the tracking spec becomes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.events.domain.message import read_message
from services.events.domain.records import Limits, Origin, Record, Refusal
from shared.plumbing import json

RECEIVED = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ORIGIN = Origin("web", RECEIVED)
TRACK = {"type": "track", "event": "Order Completed", "messageId": "m1", "userId": "ann"}


def read(message: Any, origin: Origin = ORIGIN, **more: Any) -> Record | Refusal:
    raw = message if isinstance(message, bytes) else json.dumps(message)
    return read_message(raw, origin, make_id=lambda: "made", limits=more.pop("limits", Limits()), **more)


def record(message: Any, origin: Origin = ORIGIN, **more: Any) -> Record:
    found = read(message, origin, **more)
    assert isinstance(found, Record), found
    return found


def payload(message: Any, **more: Any) -> Any:
    return json.loads(record(message, **more).payload)


def test_a_track_is_kept_with_its_objects_as_they_stand() -> None:
    found = record(
        b'{"type":"track","event":"Order Completed","messageId":"m1","userId":"ann","properties":{"total": 10.10},"context":{"ip":"x"}}'
    )
    assert (found.name, found.type, found.user_id, found.message_id) == ("Order Completed", "track", "ann", "m1")
    assert found.payload == b'{"properties":{"total": 10.10},"context":{"ip":"x"}}'
    assert found.timestamp == found.received_at == RECEIVED


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (TRACK | {"event": None}, "no_event_name"),
        (TRACK | {"event": ""}, "no_event_name"),
        (TRACK | {"event": "  "}, "no_event_name"),
        (TRACK | {"event": 5}, "wrong_type"),
        (TRACK | {"event": "x" * 513}, "too_long"),
        (TRACK | {"userId": None}, "no_id"),
        (TRACK | {"userId": "", "anonymousId": None}, "no_id"),
        (TRACK | {"userId": " "}, "no_id"),
        (TRACK | {"userId": True}, "wrong_type"),
        (TRACK | {"userId": ["ann"]}, "wrong_type"),
        (TRACK | {"userId": "u" * 513}, "too_long"),
        (TRACK | {"messageId": {}}, "wrong_type"),
        (TRACK | {"type": "erase"}, "unknown_type"),
        (TRACK | {"type": "merge", "previousId": "bea"}, "unknown_type"),
        (TRACK | {"type": None}, "unknown_type"),
        (TRACK | {"type": 7}, "unknown_type"),
        (TRACK | {"properties": []}, "wrong_type"),
        (TRACK | {"properties": "x"}, "wrong_type"),
        (TRACK | {"context": 1}, "wrong_type"),
        (TRACK | {"traits": [1]}, "wrong_type"),
        (TRACK | {"timestamp": "never"}, "bad_timestamp"),
        (TRACK | {"timestamp": "0001-01-01T00:00:00Z"}, "bad_timestamp"),
        (TRACK | {"originalTimestamp": {}}, "bad_timestamp"),
        (TRACK | {"properties": {"x": "y" * 33_000}}, "too_large"),
        ({"type": "alias", "userId": "ann"}, "no_id"),
        ({"type": "alias", "previousId": "ann"}, "no_id"),
        ({"type": "group", "userId": "ann"}, "no_id"),
        (b"3", "wrong_type"),
        (b"null", "wrong_type"),
        (b"[]", "wrong_type"),
        (b'{"type":"track","event":"n\\u0000","userId":"u"}', "null_character"),
        (b'{"type":"track","event":"n","userId":"u","properties":{"n":1e999}}', "number_out_of_range"),
        (b'{"type":"track","event":"\\ud800","userId":"u"}', "invalid_json"),
        (b'{"type":"track","event":"\xff","userId":"u"}', "invalid_text"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(message: Any, reason: str) -> None:
    refusal = read(message)
    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason
    assert refusal.detail


def test_a_refusal_names_the_ids_that_could_be_read() -> None:
    refusal = read(TRACK | {"event": "", "anonymousId": "device"})
    assert isinstance(refusal, Refusal)
    assert (refusal.message_id, refusal.user_id, refusal.anonymous_id) == ("m1", "ann", "device")


@pytest.mark.parametrize(("user_id", "expected"), [("ann", "ann"), (5, "5"), (None, None), ("", None), ("  ", None)])
def test_null_empty_and_absent_ids_are_the_same_and_whole_numbers_are_text(user_id: Any, expected: str | None) -> None:
    assert record(TRACK | {"anonymousId": "device", "userId": user_id}).user_id == expected


def test_a_message_without_an_id_of_its_own_gets_one() -> None:
    assert record(TRACK | {"messageId": None}).message_id == "made"
    assert record(TRACK | {"messageId": ""}).message_id == "made"


@pytest.mark.parametrize(("kind", "name"), [("page", "Page Viewed"), ("screen", "Screen Viewed")])
def test_pages_and_screens_are_events_with_name_and_category_among_the_properties(kind: str, name: str) -> None:
    message = {"type": kind, "userId": "ann", "name": "Home", "category": "Shop", "properties": {"url": "/"}}
    assert record(message).name == name
    assert payload(message)["properties"] == {"url": "/", "name": "Home", "category": "Shop"}
    assert payload({"type": kind, "userId": "ann", "properties": {"name": "Own"}})["properties"] == {"name": "Own"}


def test_the_path_gives_the_type_where_it_does() -> None:
    assert record({"event": "x", "userId": "ann"}, path_type="track").type == "track"
    assert record(TRACK | {"type": "identify"}, path_type="track").type == "track"


def test_identify_takes_traits_from_both_places() -> None:
    message = {"type": "identify", "userId": "ann", "traits": {"a": 1}, "context": {"traits": {"a": 0, "b": 2}}}
    assert payload(message)["traits"] == {"a": 1, "b": 2}
    only_context = {"type": "identify", "userId": "ann", "context": {"traits": {"b": 2}}}
    assert payload(only_context)["traits"] == {"b": 2}
    assert "traits" not in payload(TRACK | {"context": {"traits": {"b": 2}}})


def test_group_keeps_its_id_among_the_properties() -> None:
    message = {"type": "group", "userId": "ann", "groupId": 7, "traits": {"name": "Acme"}}
    assert payload(message) == {"properties": {"groupId": "7"}, "traits": {"name": "Acme"}}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"userId": "ann", "previousId": "device"}, ("ann", None, "device")),
        ({"userId": "ann", "anonymousId": "device"}, ("ann", None, "device")),
        ({"userId": "ann", "previousId": "ann"}, ("ann", None, "ann")),
        ({"userId": "ann", "previousId": "old", "anonymousId": "device"}, ("ann", "device", "old")),
    ],
)
def test_alias_links_two_ids(message: dict[str, Any], expected: tuple[Any, ...]) -> None:
    found = record({"type": "alias"} | message)
    assert (found.user_id, found.anonymous_id, found.previous_id) == expected


def test_external_ids_become_identifiers() -> None:
    ids = [{"type": "loyalty_card", "id": 5}, {"type": "loyalty_card", "id": "6"}, {"type": "x"}, {"id": "y"}, "z"]
    assert payload(TRACK | {"context": {"externalIds": ids}})["identifiers"] == {"loyalty_card": "5"}
    assert "identifiers" not in payload(TRACK | {"context": {"externalIds": "none"}})


def test_the_envelopes_sent_at_counts_before_the_messages() -> None:
    origin = Origin("web", RECEIVED, sent_at=RECEIVED - timedelta(minutes=1))
    message = TRACK | {"timestamp": "2026-11-20T11:00:00Z", "sentAt": "2026-11-20T11:55:00Z"}
    assert record(message, origin).timestamp == datetime(2026, 11, 20, 11, 1, tzinfo=UTC)
    assert record(message).timestamp == datetime(2026, 11, 20, 11, 5, tzinfo=UTC)


def test_both_stamps_are_kept_and_timestamp_counts() -> None:
    message = TRACK | {"timestamp": "2026-11-20T11:00:00Z", "originalTimestamp": "2026-11-20T10:00:00Z"}
    found = record(message)
    assert found.timestamp == datetime(2026, 11, 20, 11, tzinfo=UTC)
    assert found.original_timestamp == datetime(2026, 11, 20, 10, tzinfo=UTC)
    assert record(TRACK | {"originalTimestamp": "2026-11-20T10:00:00Z"}).timestamp.hour == 10


def test_a_clock_at_the_end_of_time_is_corrected_or_refused_but_never_overflows() -> None:
    ahead = TRACK | {"timestamp": "9999-12-31T23:59:59Z", "sentAt": "9999-12-31T23:59:59Z"}
    assert record(ahead).timestamp == RECEIVED
    refused = read(TRACK | {"timestamp": "0001-01-01T00:00:00Z", "sentAt": "9999-12-31T23:59:59Z"})
    assert isinstance(refused, Refusal)


def test_customerio_may_do_what_the_public_may_not() -> None:
    origin = Origin("crm", RECEIVED, form="customerio")
    assert record({"type": "erase", "userId": "ann"}, origin).type == "erase"
    merged = record({"type": "merge", "userId": "ann", "previousId": "bea"}, origin)
    assert (merged.user_id, merged.previous_id) == ("ann", "bea")
    refused = read({"type": "device", "userId": "ann", "properties": {"platform": "ios"}}, origin)
    assert isinstance(refused, Refusal)


def test_limits_are_configurable() -> None:
    small = Limits(max_bytes=100, max_depth=3)
    assert isinstance(read(TRACK | {"properties": {"x": "y" * 100}}, limits=small), Refusal)
    assert isinstance(
        read(b'{"type":"track","event":"e","userId":"u","properties":{"a":{"b":{"c":1}}}}', limits=small), Refusal
    )
