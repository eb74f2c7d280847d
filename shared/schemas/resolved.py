"""profiles → segments, messaging, events: who did what, and what is now known of them.

Travels in the profile's lane. Everything here may name a profile that has since been merged away: apply it to the survivor.
"""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter

from shared.schemas.message import Message


class Identifier(Message):
    """One of the names a person goes by."""

    namespace: str
    value: str


class LifeEvent(Message):
    """A date in somebody's life. `recurs` is `yearly` or None."""

    id: UUID
    kind: str
    date: date
    recurs: Literal["yearly"] | None = None
    subject: str = "self"
    note: str | None = None


class ProfileSnapshot(Message):
    """The whole of a profile that others need. Of two, the one with the higher `version` is the newer."""

    id: UUID
    version: int
    user_id: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    traits: dict[str, Any] = Field(default_factory=dict)
    life_events: tuple[LifeEvent, ...] = ()
    created_at: datetime
    updated_at: datetime


class TraitsChanged(Message):
    """What a message or a call did to traits, by top-level key; one that there was not, or is not any more, is absent.

    Keys with a dot in them stand here also where they stayed as they were: they come before a path of the same text.
    `at`, `message_id` and `source` are what the values go by from then on. Uniting two profiles is no such change.
    """

    at: datetime
    message_id: str
    source: str
    before: dict[str, Any]
    after: dict[str, Any]


class LogPosition(Message):
    """Where the raw log keeps a message."""

    lane: int
    seq: int
    received_at: datetime


class Event(Message):
    """A message with its person found. `name` is None for identify, alias, group: they are no events of a condition."""

    name: str | None
    type: str
    source: str
    message_id: str
    timestamp: datetime
    received_at: datetime
    user_id: str | None = None
    anonymous_id: str | None = None
    properties: dict[str, Any] = Field(default_factory=dict)
    context: dict[str, Any] = Field(default_factory=dict)


class EventResolved(Message):
    """An event belongs to this profile; `profile` is there when the message made or changed the profile."""

    kind: Literal["event"] = "event"
    profile_id: UUID
    event: Event
    log: LogPosition
    imported: bool = False
    profile: ProfileSnapshot | None = None
    traits_changed: TraitsChanged | None = None


class ProfileChanged(Message):
    """A profile was made or changed by other means than an event (API call, life event, preference)."""

    kind: Literal["profile"] = "profile"
    profile_id: UUID
    profile: ProfileSnapshot
    at: datetime
    traits_changed: TraitsChanged | None = None


class ProfilesMerged(Message):
    """Two profiles are one person. Travels in the loser's lane, behind all its rows. `profile` is the survivor's."""

    kind: Literal["merge"] = "merge"
    profile_id: UUID
    survivor_id: UUID
    profile: ProfileSnapshot
    at: datetime
    imported: bool = False


class ProfileErased(Message):
    """Forget this person. Behind all the profile's rows in its lane.

    `identifiers` and `addresses` (e-mail, phone, push tokens) are what to look for in places that know no profile id;
    `profile_ids` are the profile and all that were merged into it.
    """

    kind: Literal["erase"] = "erase"
    profile_id: UUID
    profile_ids: tuple[UUID, ...]
    identifiers: tuple[Identifier, ...] = ()
    addresses: tuple[Identifier, ...] = ()
    receipt_id: UUID
    at: datetime


class EventDropped(Message):
    """A message of an erased person that was still on its way: the raw log must forget it too."""

    kind: Literal["dropped"] = "dropped"
    profile_id: UUID
    log: LogPosition
    at: datetime


Resolved = Annotated[
    EventResolved | ProfileChanged | ProfilesMerged | ProfileErased | EventDropped,
    Field(discriminator="kind"),
]
KINDS = frozenset({"event", "profile", "merge", "erase", "dropped"})
_adapter: TypeAdapter[Resolved] = TypeAdapter(Resolved)


def parse_resolved(message: dict[str, Any]) -> Resolved | None:
    """The message, or None for a kind that only a newer release knows."""
    if message.get("kind") not in KINDS:
        return None
    return _adapter.validate_python(message)
