"""Events of SendGrid's signed event webhook.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
"""

import base64
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from services.messaging.domain.provider_events.event import (
    BOUNCED,
    COMPLAINED,
    DELIVERY,
    Kind,
    ProviderEvent,
    delivery_of,
    instant,
    part,
    text,
)

KINDS: dict[str, Kind] = {
    "delivered": "delivered",
    "bounce": "bounced",
    "dropped": "bounced",
    "spamreport": "complained",
    "open": "opened",
    "click": "clicked",
    "unsubscribe": "unsubscribed",
    "group_unsubscribe": "unsubscribed",
}
NO_ADDRESS = frozenset({"bounced address", "invalid"})
"""Why a message is dropped whose address the provider knows to be none."""


def key_of(encoded: str) -> ec.EllipticCurvePublicKey:
    """The verification key as the provider shows it (base64). Raises ValueError."""
    key = serialization.load_der_public_key(base64.b64decode(encoded, validate=True))
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("it is no key of an elliptic curve")
    return key


def is_signed(body: bytes, timestamp: str, signature: str, key: ec.EllipticCurvePublicKey) -> bool:
    """Whether the owner of the key sent this body."""
    try:
        key.verify(base64.b64decode(signature, validate=True), timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def read(batch: object) -> list[ProviderEvent]:
    """What a batch tells, but for what is of no concern."""
    found = [_read_one(part(one)) for one in batch] if isinstance(batch, list) else []
    return [event for event in found if event is not None]


def _read_one(found: Mapping[str, Any]) -> ProviderEvent | None:
    kind = KINDS.get(str(found.get("event")))
    if kind is None:
        return None
    hard = kind == "bounced" and _is_hard(found)
    return ProviderEvent(
        kind,
        delivery_of(found.get(DELIVERY), found.get("smtp-id")),
        instant(found.get("timestamp")),
        key=str(found.get("sg_event_id")),
        hard=hard,
        suppress=BOUNCED if hard else COMPLAINED if kind == "complained" or _reported(found) else None,
        url=text(found, "url", longest=2000),
        user_agent=text(found, "useragent"),
        machine="provider" if found.get("sg_machine_open") is True else None,
        answer=text(found, "reason"),
    )


def _is_hard(found: Mapping[str, Any]) -> bool:
    if found.get("event") == "dropped":
        return str(found.get("reason")).lower() in NO_ADDRESS
    return found.get("type") in (None, "bounce")


def _reported(found: Mapping[str, Any]) -> bool:
    return found.get("event") == "dropped" and str(found.get("reason")).lower() == "spam reporting address"
