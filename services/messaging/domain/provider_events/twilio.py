"""What became of a text message, by the status callback of the Twilio messages API.

https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
"""

from collections.abc import Mapping

from services.messaging.domain.answers import STOPPED
from services.messaging.domain.provider_answers import NO_NUMBER, SAID_STOP
from services.messaging.domain.provider_events.event import BOUNCED, Kind, ProviderEvent, delivery_of

STATUS_PATH = "/hooks/twilio/status"
"""Where Twilio tells it."""

KINDS: dict[str, Kind] = {
    "delivered": "delivered",
    "undelivered": "bounced",
    "failed": "bounced",
    "read": "opened",
}
NO_HANDSET = NO_NUMBER | {30005, 30006}
"""There is no such number, or it is one that takes no text messages."""


def read(form: Mapping[str, str], delivery_id: str) -> list[ProviderEvent]:
    """`delivery_id`: as in the address that the callback was asked for at. It says no time."""
    kind = KINDS.get(form.get("MessageStatus", ""))
    if kind is None:
        return []
    code = form.get("ErrorCode", "")
    error = int(code) if code.isdecimal() and len(code) < 10 else None
    hard = kind == "bounced" and error in NO_HANDSET
    stopped = kind == "bounced" and error == SAID_STOP
    return [
        ProviderEvent(
            kind,
            delivery_of(delivery_id),
            None,
            key=form.get("MessageSid", "") + code,
            hard=hard,
            suppress=BOUNCED if hard else STOPPED if stopped else None,
            answer=None if error is None else str(error),
        )
    ]
