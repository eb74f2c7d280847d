"""What became of messages, told to the others as events of the e-mail spec."""

from datetime import datetime
from typing import Any
from uuid import UUID

from services.messaging.domain.staff import OPERATIONAL
from shared.plumbing import json
from shared.plumbing.feed import Entry
from shared.plumbing.lanes import lane_of
from shared.schemas.outcome import OutcomeRecorded

_NAMES = {"email": "Email", "sms": "SMS", "push": "Push Notification", "webhook": "Webhook"}


def outcome(
    what: str,
    *,
    delivery_id: UUID,
    profile_id: UUID,
    channel: str,
    at: datetime,
    properties: dict[str, Any],
    name: str | None = None,
    key: str | None = None,
) -> Entry:
    """`what` happened to a delivery (`Sent`, `Failed` …), to be appended to the feed; told twice it counts once. `key`: of what
    may happen more than once. What staff are told has names of its own: the person got, opened and refused nothing."""
    message = OutcomeRecorded(
        message_id=f"{delivery_id}:{key or what.lower()}",
        profile_id=profile_id,
        name=name or f"{'Staff ' if properties.get('purpose') == OPERATIONAL else ''}{_NAMES[channel]} {what}",
        properties={"delivery_id": str(delivery_id), "channel": channel} | properties,
        at=at,
    )
    return Entry(lane_of(profile_id), profile_id, json.dumps_text(message))
