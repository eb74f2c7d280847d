"""Events of Amazon SES, as published to SNS (and its older notifications).

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

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
    "Complaint": "complained",
    "Open": "opened",
    "Click": "clicked",
    "Subscription": "unsubscribed",
}


def read(message: object) -> list[ProviderEvent]:
    """What the message of a notification tells; nothing where it is of no concern."""
    found = part(message)
    name = str(found.get("eventType") or found.get("notificationType"))
    kind = KINDS.get(name)
    about = part(found, name.lower())
    if (
        kind is None
        or (kind == "unsubscribed" and not _leaves(about))
        or about.get("complaintFeedbackType") == "not-spam"
    ):
        return []
    at = instant(about.get("timestamp"))
    hard = kind == "bounced" and about.get("bounceType") == "Permanent"
    recipients = about.get("bouncedRecipients")
    first = part(recipients[0]) if isinstance(recipients, list) and recipients else {}
    return [
        ProviderEvent(
            kind,
            _delivery(part(found, "mail")),
            at,
            key=f"{about.get('feedbackId') or about.get('timestamp')}:{about.get('link', '')}",
            hard=hard,
            suppress=BOUNCED if hard else COMPLAINED if kind == "complained" else None,
            url=text(about, "link", longest=2000),
            user_agent=text(about, "userAgent"),
            answer=text(first, "diagnosticCode"),
        )
    ]


def _delivery(mail: Mapping[str, Any]) -> UUID | None:
    tagged = part(mail, "tags").get(DELIVERY)
    headers = mail.get("headers")
    ids = [
        part(one).get("value")
        for one in (headers if isinstance(headers, list) else [])
        if str(part(one).get("name")).lower() == "message-id"
    ]
    return delivery_of(*(tagged if isinstance(tagged, list) else [tagged]), *ids)


def _leaves(about: Mapping[str, Any]) -> bool:
    return part(about, "newTopicPreferences").get("unsubscribeAll") is True
