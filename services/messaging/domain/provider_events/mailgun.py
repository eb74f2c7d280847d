"""Events of Mailgun's webhooks.

https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-payloads
https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
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
    "delivered": "delivered",
    "failed": "bounced",
    "complained": "complained",
    "opened": "opened",
    "clicked": "clicked",
    "unsubscribed": "unsubscribed",
}
REPEATED_FOR = timedelta(hours=24)
"""How old a signature may be: a webhook that was not taken is repeated for eight hours."""

AHEAD = timedelta(minutes=15)
NOT_THE_ADDRESS = frozenset({"espblock", "suppress-complaint", "suppress-unsubscribe", "old"})
"""Why a message fails for good though its address may be one."""


@dataclass(frozen=True, slots=True)
class Signature:
    """It covers the time and the token only, not what is told: each token is good for one event."""

    timestamp: str
    token: str
    signature: str

    @classmethod
    def of(cls, body: object) -> "Signature":
        found = part(body, "signature")
        return cls(*(str(found.get(name, "")) for name in ("timestamp", "token", "signature")))

    def holds(self, key: str, now: datetime) -> bool:
        """Whether the owner of the key made it, not too long ago."""
        expected = hmac.new(key.encode(), (self.timestamp + self.token).encode(), hashlib.sha256).hexdigest()
        at = instant(self.timestamp)
        # Digits alone: else a token that begins like an exponent could be cut elsewhere, and be good for something else.
        fresh = at is not None and self.timestamp.isdecimal() and -AHEAD <= now - at <= REPEATED_FOR
        return hmac.compare_digest(expected.encode(), self.signature.encode()) and fresh and len(self.token) <= 200


def read(body: object) -> list[ProviderEvent]:
    """What a webhook tells; nothing where it is of no concern."""
    found = part(body, "event-data")
    kind = KINDS.get(str(found.get("event")))
    if kind is None:
        return []
    client, status = part(found, "client-info"), part(found, "delivery-status")
    hard = kind == "bounced" and _is_hard(found, status)
    reported = kind == "complained" or found.get("reason") == "suppress-complaint"
    return [
        ProviderEvent(
            kind,
            delivery_of(
                part(found, "user-variables").get(DELIVERY), part(found, "message", "headers").get("message-id")
            ),
            instant(found.get("timestamp")),
            key=str(found.get("id")),
            hard=hard,
            suppress=BOUNCED if hard else COMPLAINED if reported else None,
            url=text(found, "url", longest=2000),
            user_agent=text(client, "user-agent"),
            # What Gmail fetches, it fetches when somebody opens the message.
            machine="provider" if client.get("bot") not in (None, "", "gmail") else None,
            answer=text(status, "message") or text(status, "description"),
        )
    ]


def _is_hard(found: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    if found.get("severity") != "permanent" or found.get("reason") in NOT_THE_ADDRESS:
        return False
    return status.get("bounce-type") != "soft"
