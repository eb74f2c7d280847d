"""Messages between services: what an older release wrote is still read, and what a newer one adds is ignored."""

from typing import Any

import pytest

from shared.plumbing import json
from shared.schemas.membership import MembershipChanged
from shared.schemas.message import Message
from shared.schemas.outcome import OutcomeRecorded
from shared.schemas.raw import RawMessage
from shared.schemas.recipients import RecipientsAnswer
from shared.schemas.resolved import Glimpse, parse_resolved

ID = "01940000-0000-7000-8000-000000000001"
OTHER = "01940000-0000-7000-8000-000000000002"
AT = "2026-11-01T12:00:00Z"
SNAPSHOT = {"id": ID, "version": 3, "created_at": AT, "updated_at": AT}
LOG = {"lane": 3, "seq": 9, "received_at": AT}
EVENT = {
    "name": "Order Completed",
    "type": "track",
    "source": "web",
    "message_id": "m",
    "timestamp": AT,
    "received_at": AT,
}

TRAITS_CHANGED = {"at": AT, "message_id": "m", "source": "web", "before": {"plan": "free"}, "after": {"plan": "pro"}}

FIRST_RELEASE: list[tuple[type[Message], dict[str, Any]]] = [
    (
        RawMessage,
        {"source": "web", "message_id": "m", "type": "track", "name": "X", "timestamp": AT, "received_at": AT},
    ),
    (
        MembershipChanged,
        {"id": ID, "segment_id": ID, "segment": "vip", "version": 1, "profile_id": ID, "change": "entered", "at": AT},
    ),
    (OutcomeRecorded, {"message_id": "d:sent", "profile_id": ID, "name": "Email Sent", "at": AT}),
    (RecipientsAnswer, {"recipients": [{"requested_id": ID, "id": OTHER}], "as_of": AT}),
]
RESOLVED: list[dict[str, Any]] = [
    {"kind": "event", "profile_id": ID, "event": EVENT, "log": LOG},
    {"kind": "event", "profile_id": ID, "event": EVENT, "log": LOG, "profile": SNAPSHOT, "imported": True},
    {"kind": "profile", "profile_id": ID, "profile": SNAPSHOT, "at": AT},
    {"kind": "merge", "profile_id": OTHER, "survivor_id": ID, "profile": SNAPSHOT, "at": AT},
    {"kind": "erase", "profile_id": ID, "profile_ids": [ID], "receipt_id": OTHER, "at": AT},
    {"kind": "dropped", "profile_id": ID, "log": LOG, "at": AT},
    {"kind": "event", "profile_id": ID, "event": EVENT, "log": LOG, "traits_changed": TRAITS_CHANGED},
    {"kind": "profile", "profile_id": ID, "profile": SNAPSHOT, "at": AT, "traits_changed": TRAITS_CHANGED},
    {
        "kind": "consent",
        "profile_id": ID,
        "id": OTHER,
        "purpose": "news",
        "channel": "any",
        "status": "granted",
        "at": AT,
    },
]
"""The least that the first release wrote. Never change a line here: add."""


@pytest.mark.parametrize(("model", "message"), FIRST_RELEASE)
def test_what_the_first_release_wrote_is_read(model: type[Message], message: dict[str, Any]) -> None:
    model.read(json.dumps(message))


@pytest.mark.parametrize(("model", "message"), FIRST_RELEASE)
def test_what_a_newer_release_adds_is_ignored(model: type[Message], message: dict[str, Any]) -> None:
    assert model.of(message | {"added_later": {"x": 1}}) == model.read(json.dumps(message))


@pytest.mark.parametrize("message", RESOLVED)
def test_resolved_messages_of_the_first_release_are_read_and_additions_ignored(message: dict[str, Any]) -> None:
    read = parse_resolved(json.dumps(message))
    assert read is not None
    assert read == parse_resolved(json.dumps(message | {"added_later": 1}))
    assert parse_resolved(json.dumps(read)) == read


def test_a_kind_that_only_a_newer_release_knows_is_passed_over() -> None:
    assert parse_resolved(json.dumps({"kind": "household_formed", "profile_id": ID})) is None


def test_of_a_kind_that_only_a_newer_release_knows_enough_can_be_seen_to_pass_it_over() -> None:
    assert Glimpse.read(json.dumps({"kind": "household_formed", "household_id": ID})).event is None


def test_numbers_cross_unchanged() -> None:
    message = RawMessage.read(json.dumps(FIRST_RELEASE[0][1] | {"properties": {"total": json.loads("0.10")}}))
    assert json.dumps_text(message.properties) == '{"total":0.10}'
