"""A message on its way to one address."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message to one address. `status`: sending, sent, failed, unknown. `household`: what it is `counted_with`."""

    lane: int
    id: UUID
    send_id: UUID
    campaign_id: UUID
    campaign: str
    profile_id: UUID
    channel: str
    purpose: str
    template: str
    template_version: int
    address: str
    content: dict[str, Any] = field(repr=False)
    provider: str
    status: str
    at: datetime
    household: str | None = None
