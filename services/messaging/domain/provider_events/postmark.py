"""Events of Postmark's webhooks. It signs nothing: whoever knows the secret in the address may tell.

https://postmarkapp.com/developer/webhooks/webhooks-overview
"""

import base64
import hmac
from collections.abc import Mapping
from typing import Any

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
    "Delivery": "delivered",
    "Bounce": "bounced",
    "SpamComplaint": "complained",
    "Open": "opened",
    "Click": "clicked",
    "SubscriptionChange": "unsubscribed",
}
TIMES = ("DeliveredAt", "BouncedAt", "ReceivedAt", "ChangedAt")
HARD = frozenset({"HardBounce", "BadEmailAddress"})


def is_known(authorization: str, token: str, secret: str) -> bool:
    """Whether the secret is the password (of basic authentication), or the token in the address."""
    scheme, _, encoded = authorization.partition(" ")
    password = ""
    if scheme.lower() == "basic":
        try:
            password = base64.b64decode(encoded, validate=True).decode().partition(":")[2]
        except ValueError:
            return False
    return hmac.compare_digest((password or token).encode(), secret.encode())


def read(body: object) -> list[ProviderEvent]:
    """What a webhook tells; nothing where it is of no concern."""
    found = part(body)
    kind = KINDS.get(str(found.get("RecordType")))
    if kind is None or (kind == "unsubscribed" and not _leaves(found)):
        return []
    time = next((found[name] for name in TIMES if name in found), None)
    hard = kind == "bounced" and found.get("Type") in HARD
    return [
        ProviderEvent(
            kind,
            delivery_of(part(found, "Metadata").get(DELIVERY)),
            instant(time),
            key=f"{found.get('ID') or time}:{found.get('OriginalLink', '')}",
            hard=hard,
            suppress=BOUNCED if hard else COMPLAINED if kind == "complained" else None,
            url=text(found, "OriginalLink", longest=2000),
            user_agent=text(found, "UserAgent"),
            answer=text(found, "Details") if kind == "bounced" else None,
        )
    ]


def _leaves(found: Mapping[str, Any]) -> bool:
    """Whether the recipient did it: bounces and complaints are told by themselves, and our own people's word is no unsubscription."""
    own = found.get("Origin") == "Recipient" and found.get("SuppressionReason") == "ManualSuppression"
    return found.get("SuppressSending") is True and own
