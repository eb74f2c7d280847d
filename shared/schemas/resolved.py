"""profiles → segments, messaging, events: who did what, and what is now known of them.

Travels in the profile's lane. Everything here may name a profile that has since been merged away: apply it to the survivor.
"""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import field

from shared.schemas.message import Message, kind_of, reader_of


class Identifier(Message, frozen=True, kw_only=True):
    """One of the names a person goes by."""

    namespace: str
    value: str


class LifeEvent(Message, frozen=True, kw_only=True):
    """A date in somebody's life. `recurs` is `yearly` or None."""

    id: UUID
    kind: str
    date: date
    recurs: Literal["yearly"] | None = None
    subject: str = "self"
    note: str | None = None


class ProfileSnapshot(Message, frozen=True, kw_only=True):
    """The whole of a profile that others need. Of two, the one with the higher `version` is the newer."""

    id: UUID
    version: int
    user_id: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    traits: dict[str, Any] = field(default_factory=dict)
    life_events: tuple[LifeEvent, ...] = ()
    created_at: datetime
    updated_at: datetime


class TraitsChanged(Message, frozen=True, kw_only=True):
    """What a message or a call did to traits, by top-level key; one that there was not, or is not any more, is absent.

    Keys with a dot in them stand here also where they stayed as they were: they come before a path of the same text.
    `at`, `message_id` and `source` are what the values go by from then on. Uniting two profiles is no such change.
    """

    at: datetime
    message_id: str
    source: str
    before: dict[str, Any]
    after: dict[str, Any]


class LogPosition(Message, frozen=True, kw_only=True):
    """Where the raw log keeps a message."""

    lane: int
    seq: int
    received_at: datetime


class Event(Message, frozen=True, kw_only=True):
    """A message with its person found, whose first `user_id` it names (one that events tells from its log: the message's own).
    `name` is None for identify, alias, group: they are no events of a condition."""

    name: str | None
    type: str
    source: str
    message_id: str
    timestamp: datetime
    received_at: datetime
    user_id: str | None = None
    anonymous_id: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)


class EventResolved(Message, frozen=True, kw_only=True, tag="event", tag_field="kind"):
    """An event belongs to this profile; `profile` is there when the message made or changed the profile.

    `replayed`: it was told before, or should have been. Then it is `imported` too, and `profile` always there.
    """

    profile_id: UUID
    event: Event
    log: LogPosition
    imported: bool = False
    replayed: bool = False
    profile: ProfileSnapshot | None = None
    traits_changed: TraitsChanged | None = None


class ProfileChanged(Message, frozen=True, kw_only=True, tag="profile", tag_field="kind"):
    """A profile was made or changed by other means than an event (API call, life event, preference)."""

    profile_id: UUID
    profile: ProfileSnapshot
    at: datetime
    traits_changed: TraitsChanged | None = None


class ProfilesMerged(Message, frozen=True, kw_only=True, tag="merge", tag_field="kind"):
    """Two profiles are one person. Travels in the loser's lane, behind all its rows. `profile` is the survivor's."""

    profile_id: UUID
    survivor_id: UUID
    profile: ProfileSnapshot
    at: datetime
    imported: bool = False


class ProfileErased(Message, frozen=True, kw_only=True, tag="erase", tag_field="kind"):
    """Forget this person. Behind all the profile's rows in its lane.

    `identifiers` and `addresses` (e-mail, phone, push tokens) are what to look for in places that know no profile id;
    `profile_ids` are the profile and all that were merged into it.
    """

    profile_id: UUID
    profile_ids: tuple[UUID, ...]
    identifiers: tuple[Identifier, ...] = ()
    addresses: tuple[Identifier, ...] = ()
    receipt_id: UUID
    at: datetime


class ConsentRecorded(Message, frozen=True, kw_only=True, tag="consent", tag_field="kind"):
    """Somebody's word about a purpose and a channel was kept, whatever its `status`; what stands is asked of profiles. A merge
    tells none again, and `suppress` is an event.

    `at`: when it was given. `by_link`: by the person, by a link in a message of ours, as messaging told; `source` is anybody's text.
    """

    profile_id: UUID
    id: UUID
    purpose: str
    channel: str
    status: str
    source: str | None = None
    by_link: bool = False
    at: datetime


class EventDropped(Message, frozen=True, kw_only=True, tag="dropped", tag_field="kind"):
    """A message of an erased person that was still on its way: the raw log must forget it too."""

    profile_id: UUID
    log: LogPosition
    at: datetime


class Named(Message, frozen=True, kw_only=True):
    """Of an event: its name and when it was."""

    name: str | None
    timestamp: datetime


class Glimpse(Message, frozen=True, kw_only=True):
    """Of any message: whether it is an event, of whom, and where the log keeps it. Costs a fraction of reading it all."""

    kind: str
    profile_id: UUID | None = None
    event: Named | None = None
    log: LogPosition | None = None
    replayed: bool = False


Resolved = EventResolved | ProfileChanged | ProfilesMerged | ProfileErased | EventDropped | ConsentRecorded
_read = reader_of(Resolved)  # found once: it takes a tenth of what reading a message does to look for it
KINDS = frozenset({"event", "profile", "merge", "erase", "dropped", "consent"})


def parse_resolved(message: bytes | str) -> Resolved | None:
    """The message, or None for a kind that only a newer release knows."""
    try:
        resolved: Resolved = _read(message)
    except msgspec.ValidationError:
        if kind_of(message) in KINDS:
            raise
        return None
    return resolved
