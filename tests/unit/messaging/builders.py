"""Values for the tests of messaging's decisions."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.messaging.domain.campaign import Campaign
from services.messaging.domain.campaign_reading import parse_definition
from services.messaging.domain.rules import Rules, parse_rules
from services.messaging.domain.verdict import Offer, Request
from shared.schemas.recipients import Consent, Recipient

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)  # a Tuesday
ADA = UUID(int=1)
CAMPAIGN = UUID(int=2)


def campaign(*, status: str = "running", **fields: Any) -> Campaign:
    """A marketing campaign on entering `vip`, running since yesterday, unless `fields` say otherwise."""
    body = {"key": "hello", "trigger": {"segment": "vip", "on": "entered"}, "purpose": "marketing"} | fields
    if "variants" not in body and "task" not in body:
        body.setdefault("template", "hello")
    return Campaign(CAMPAIGN, "hello", parse_definition(body), status, ((NOW - timedelta(days=1), None),))


def granted(
    status: str = "granted",
    *,
    purpose: str = "marketing",
    channel: str = "email",
    days: int = -10,
    until: datetime | None = None,
) -> Consent:
    """A consent recorded some days from now."""
    return Consent(purpose=purpose, channel=channel, status=status, at=NOW + timedelta(days=days), expires_at=until)


def person(**fields: Any) -> Recipient:
    """Somebody with an address and a consent for marketing e-mail."""
    known: dict[str, Any] = {"traits": {"email": "ada@example.com"}, "consents": (granted(),)} | fields
    return Recipient(requested_id=ADA, id=ADA, **known)


def offer(*channels: str, template: str = "hello", weight: int = 1) -> Offer:
    return Offer(template, Decimal(weight), channels or ("email",))


def rules(**fields: Any) -> Rules:
    return parse_rules(fields)


def request(**fields: Any) -> Request:
    """What would be sent, unless `fields` say otherwise."""
    values: dict[str, Any] = {
        "campaign": campaign(),
        "profile_id": ADA,
        "trigger_at": NOW,
        "due_at": NOW,
        "attempts": 0,
        "recipient": person(),
        "offers": (offer(),),
        "rules": Rules(),
        "default_zone": "UTC",
    }
    return Request(**(values | fields))
