"""messaging asks profiles just before it speaks (`POST /internal/recipients`): who is this now, and may we?"""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import field

from shared.schemas.message import Message
from shared.schemas.resolved import Identifier, LifeEvent

GRANTED = "granted"
CONFIRMATION = "double_opt_in"
"""The source of a consent that only confirms another one."""


class RecipientsRequest(Message, frozen=True, kw_only=True):
    """Up to 1,000 profile ids. `history`: with every consent there ever was, not only those that decide now."""

    profile_ids: Annotated[tuple[UUID, ...], msgspec.Meta(max_length=1000)]
    history: bool = False


class Consent(Message, frozen=True, kw_only=True):
    """One recorded consent. `channel` may be `any`. `status`: granted, denied, withdrawn. From `expires_at` on it allows nothing.
    Only in a history: when it was recorded, and since when it counts no more."""

    purpose: str
    channel: str
    status: str
    at: datetime
    source: str | None = None
    policy_version: str | None = None
    expires_at: datetime | None = None
    recorded_at: datetime | None = None
    lifted_at: datetime | None = None

    def allows(self, now: datetime) -> bool:
        """Whether it is a yes that has not expired."""
        return self.status == GRANTED and (self.expires_at is None or now < self.expires_at)

    @property
    def rank(self) -> tuple[datetime, bool]:
        """Of two words the one of the higher rank decides: the newest, a tie goes to the refusal."""
        return self.at, self.status != GRANTED


def deciding_consent(consents: Iterable[Consent], *, purpose: str, channel: str) -> Consent | None:
    """The newest by `at` for that channel or `any`, even if it has expired; a tie goes to the refusal."""
    about = [one for one in consents if one.purpose == purpose and one.channel in (channel, "any")]
    return max(about, key=lambda one: one.rank, default=None)


class Device(Message, frozen=True, kw_only=True):
    """Where a push message can go."""

    token: str
    platform: str | None = None
    app_version: str | None = None


class Recipient(Message, frozen=True, kw_only=True):
    """A person as known now. `requested_id` may be a profile that was merged into `id`."""

    requested_id: UUID
    id: UUID
    user_id: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    traits: dict[str, Any] = field(default_factory=dict)
    life_events: tuple[LifeEvent, ...] = ()
    consents: tuple[Consent, ...] = ()
    preferences: dict[str, Any] = field(default_factory=dict)
    devices: tuple[Device, ...] = ()


class RecipientsAnswer(Message, frozen=True, kw_only=True):
    """Those that exist; a missing one was erased (or never was)."""

    recipients: tuple[Recipient, ...]
    as_of: datetime


class PreferencesChange(Message, frozen=True, kw_only=True):
    """A recipient's own word on the preference page (`POST /internal/preferences`, idempotent: what is not newer than the
    preferences, or than the trait, is let go). `topics`: those that are changed. `contact_windows`: all of them. `first_channel`: the
    one that goes before the others, or "" for no preference. `locale`: the trait. None where they stay.
    """

    id: UUID
    profile_id: UUID
    topics: dict[str, bool] = field(default_factory=dict)
    contact_windows: tuple[dict[str, Any], ...] | None = None
    first_channel: str | None = None
    locale: str | None = None
    at: datetime

    @property
    def prefers(self) -> bool:
        """Whether it changes preferences, and not only the language."""
        return bool(self.topics) or self.contact_windows is not None or self.first_channel is not None

    def applied_to(self, preferences: dict[str, Any]) -> dict[str, Any]:
        """Preferences with what is changed in them; all else stays. To apply it twice changes nothing more."""
        topics = preferences.get("topics")
        changed = preferences | {"topics": (topics if isinstance(topics, dict) else {}) | self.topics}
        if self.contact_windows is not None:
            changed["contact_windows"] = list(self.contact_windows)
        if self.first_channel is not None:
            named = changed.get("channels")
            others = [one for one in named if one != self.first_channel] if isinstance(named, list) else []
            changed["channels"] = [self.first_channel, *others] if self.first_channel else []
        return changed


class ConsentChange(Message, frozen=True, kw_only=True):
    """A recipient's own word by a link in a message, told to profiles (`POST /internal/consents`, idempotent by `id`)."""

    id: UUID
    profile_id: UUID
    purpose: str
    channel: str
    status: str
    source: str
    at: datetime
