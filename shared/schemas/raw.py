"""events → profiles: what a caller sent, validated, stamped and kept once."""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import field

from shared.schemas.message import Message


class RawMessage(Message, frozen=True, kw_only=True):
    """One accepted message, in its raw lane's order.

    `type` is one of `track page screen identify group alias` or, from the Customer.io routes, `device device_removed
    erase merge suppress unsuppress`; an unknown type is only resolved. `name` is the event's name (None for those that are
    no event). `previous_id` is alias's and merge's other id. `identifiers` are further namespaces the caller names
    (`context.externalIds`). `profile_id` is set only on messages that the deployment's own services send.
    `timestamp` is the one that counts; `imported` marks history.
    """

    source: str
    message_id: str
    type: str
    user_id: str | None = None
    anonymous_id: str | None = None
    previous_id: str | None = None
    profile_id: UUID | None = None
    name: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    traits: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    identifiers: dict[str, str] = field(default_factory=dict)
    timestamp: datetime
    original_timestamp: datetime | None = None
    sent_at: datetime | None = None
    received_at: datetime
    imported: bool = False
