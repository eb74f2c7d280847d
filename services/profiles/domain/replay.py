"""A message of the raw log once more: what is missing of its effect, and nothing else.

It is whose it was. What came later stands: a name that is another person's by now, a newer trait, an erasure. Devices stay as
they are, for the log does not say which of them were removed by a call.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.profiles.domain.fold import Fold, Suppressed, stamp_of
from services.profiles.domain.names import Given
from services.profiles.domain.people import Cause, Changes
from services.profiles.domain.profile import Profile
from services.profiles.domain.traits import infer_again, tell_again
from shared.schemas.raw import RawMessage
from shared.schemas.resolved import EventDropped, LogPosition


class Replayed(RawMessage, frozen=True, kw_only=True):
    """A raw message with whose it is today, None if that is not known. `replay_at`: when the replay was asked for."""

    owner: UUID | None = None
    replay_at: datetime

    @property
    def owner_id(self) -> UUID | None:
        return self.owner or self.profile_id


@dataclass(frozen=True, slots=True)
class Suppression:
    """A refusal of everything that stands in somebody's consents."""

    at: datetime
    recorded_at: datetime
    lifted: bool


class Replay:
    """Takes messages in again, in their order, into a fold. `suppressions`: those of each living profile."""

    def __init__(self, fold: Fold, suppressions: Mapping[UUID, Iterable[Suppression]]) -> None:
        self._fold = fold
        self._suppressions = {profile_id: list(kept) for profile_id, kept in suppressions.items()}

    def take_in(self, message: Replayed, given: Given, log: LogPosition) -> bool:
        """Whether anything was missing."""
        fold = self._fold
        gone = self._erased(message, given)
        if gone is not None:
            fold.told.append(EventDropped(profile_id=gone, log=log, at=fold.now))
        if gone is not None or message.type == "erase":
            return False
        given, changes = self._without_erased(message, given), Changes()
        is_astray = any(map(fold.people.is_astray, given.names))
        profile = self._owner(message, given, changes)
        traits = profile.traits
        self._tell_traits(profile, message, given, changes)
        is_refused = self._suppress(profile, message)
        is_changed = profile.traits is not traits or bool(changes.profiles)
        fold.tell_event(profile, message, log, changes, replayed=True)
        return is_astray or is_refused or is_changed

    def _erased(self, message: Replayed, given: Given) -> UUID | None:
        """A name may have been another's when they were erased; so whose the message is comes first."""
        owner_id = message.owner_id
        if owner_id is None or message.type == "erase":
            return self._fold.erased_by_name(given, message.received_at)
        return owner_id if self._fold.people.get(owner_id) is None else None

    def _without_erased(self, message: Replayed, given: Given) -> Given:
        """Under whichever name an alias's other one was known: if that was erased, it is not known under the other now."""
        kept = self._fold.without_erased(given, message.received_at)
        return kept if kept.previous == given.previous else replace(kept, previous=())

    def _owner(self, message: Replayed, given: Given, changes: Changes) -> Profile:
        people, seen_at = self._fold.people, message.received_at
        owner = people.get(message.owner_id) if message.owner_id is not None else people.find_owner(given)
        if owner is None:
            owner = people.create(given, seen_at, changes)
            people.lost.add(owner.id)
        if owner.id in people.lost:
            owner.created_at = min(owner.created_at, seen_at)
            changes.note(owner)
        cause = Cause(message.type, message.source, message.message_id)
        return people.link_again(owner, given, seen_at=seen_at, cause=cause, changes=changes)

    def _tell_traits(self, profile: Profile, message: Replayed, given: Given, changes: Changes) -> None:
        stamp, held = stamp_of(message), profile.traits
        is_new = profile.id in self._fold.people.lost
        self._fold.people.lost.discard(profile.id)
        told: dict[str, Any] = dict(given.contacts) if is_new and not given.names else {}
        if message.type == "identify":
            found_by = {key for key, value in given.contacts if held.values.get(key) == value}  # it stays so written
            told |= {key: value for key, value in message.traits.items() if key not in found_by | told.keys()}
        traits = tell_again(held, told, stamp)
        traits = infer_again(traits, message.context, replace(stamp, implied=True))
        self._fold.give_traits(profile, traits, stamp, changes)

    def _suppress(self, profile: Profile, message: Replayed) -> bool:
        """A refusal that is missing is put back; only such a one may have to be lifted again. Whether there was any."""
        stamp, kept = stamp_of(message), self._suppressions.setdefault(profile.id, [])
        match message.type:
            case "suppress":
                is_missing = all(each.at != stamp.at for each in kept)
            case "unsuppress":
                is_missing = any(
                    not each.lifted and each.recorded_at >= message.replay_at and each.at <= stamp.at for each in kept
                )
            case _:
                is_missing = False
        if not is_missing:
            return False
        lifted = message.type == "unsuppress"
        if not lifted:
            kept.append(Suppression(stamp.at, self._fold.now, lifted=False))
        told = Suppressed(profile.id, stamp.message_id, stamp.source, stamp.at, lifted, message.replay_at)
        self._fold.suppressions.append(told)
        return True
