"""Takes messages in, one after the other: whose they are, what they change, and what the others must learn of it."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.profiles.domain.devices import DeviceSeen, device_of
from services.profiles.domain.names import Given, Name
from services.profiles.domain.people import Cause, Changes, People
from services.profiles.domain.profile import Profile
from services.profiles.domain.traits import Stamp, Traits, counted_at, infer, tell
from shared.language.compare import same
from shared.schemas.raw import RawMessage
from shared.schemas.resolved import (
    ConsentRecorded,
    Event,
    EventDropped,
    EventResolved,
    LogPosition,
    ProfileChanged,
    ProfilesMerged,
)


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Somebody is not to be spoken to any more, or (`lifted`) is again."""

    profile_id: UUID
    message_id: str
    source: str
    at: datetime
    lifted: bool
    recorded_since: datetime | None = None
    """Lift only what was recorded from then on."""


@dataclass(frozen=True, slots=True)
class Erasing:
    """Somebody is to be forgotten: all that lies in the database too. Stands in `told` where the others learn it."""

    profile_id: UUID
    receipt_id: UUID
    profile_ids: tuple[UUID, ...]
    names: tuple[Any, ...]
    traits: dict[str, Any]
    at: datetime


Told = EventResolved | ProfileChanged | ProfilesMerged | EventDropped | ConsentRecorded | Erasing


@dataclass(slots=True)
class Fold:
    """What comes of some messages: `told` in order, and what is recorded beside the profiles themselves."""

    people: People
    now: datetime
    told: list[Told] = field(default_factory=list)
    devices: list[DeviceSeen] = field(default_factory=list)
    suppressions: list[Suppressed] = field(default_factory=list)

    def take_in(self, message: RawMessage, given: Given, log: LogPosition) -> None:
        """One message of the raw log, with the names it gives."""
        gone = self._erased(message, given)
        if gone is not None:
            self._drop(gone, given, message, log)
            return
        given = self.without_erased(given, message.received_at)
        if message.type == "erase":  # of whom, not who else it might be
            given = Given(given.names[:1], (), given.contacts)
        changes = Changes()
        profile = self._owner(message, given, changes)
        if message.type == "erase":
            self.told.append(EventDropped(profile_id=profile.id, log=log, at=self.now))
            self.erase(profile, at=message.received_at, receipt_id=self.people.make_id())
            return
        self._apply(profile, message, changes)
        self.tell_event(profile, message, log, changes)

    def _owner(self, message: RawMessage, given: Given, changes: Changes) -> Profile:
        if message.profile_id is not None:
            profile = self.people.get(message.profile_id)
            if profile is None:
                raise AssertionError("an unknown profile's messages are dropped")
            return profile
        cause = Cause(message.type, message.source, message.message_id)
        profile = self.people.resolve(given, seen_at=message.received_at, cause=cause, changes=changes)
        if profile.version == 0 and not given.names and given.contacts:
            stamp = stamp_of(message)
            changes.note_traits(profile, profile.traits, stamp)
            profile.traits = tell(profile.traits, dict(given.contacts), stamp)
        return profile

    def _apply(self, profile: Profile, message: RawMessage, changes: Changes) -> None:
        stamp, traits = stamp_of(message), profile.traits
        if message.type == "identify" and message.traits:
            traits = tell(traits, message.traits, stamp)
        if message.context:
            traits = infer(traits, message.context, replace(stamp, implied=True))
        self.give_traits(profile, traits, stamp, changes)
        self._record(profile, message, stamp.at)

    def give_traits(self, profile: Profile, traits: Traits, stamp: Stamp, changes: Changes) -> None:
        """What is known of somebody from now on; where only its stamps differ, nobody else need learn it."""
        before = profile.traits
        if traits is before:
            return
        profile.traits = traits
        self.people.touched.add(profile.id)
        if not same(traits.values, before.values):
            changes.note_traits(profile, before, stamp)

    def _record(self, profile: Profile, message: RawMessage, at: datetime) -> None:
        seen = device_of(message, profile.id, at)
        if seen is not None:
            self.devices.append(seen)
        if message.type in {"suppress", "unsuppress"}:
            lifted = message.type == "unsuppress"
            self.suppressions.append(Suppressed(profile.id, message.message_id, message.source, at, lifted))

    def tell_event(
        self, profile: Profile, message: RawMessage, log: LogPosition, changes: Changes, *, replayed: bool = False
    ) -> None:
        """Count up what a message changed, and tell it. One that is replayed is history, and tells all that is known."""
        imported = message.imported or replayed
        self.people.settle(changes, self.now)
        self._tell_merges(changes, imported=imported)
        for other in changes.profiles.values():
            if other is not profile:
                self.told.append(ProfileChanged(profile_id=other.id, profile=other.snapshot(), at=self.now))
        snapshot = profile.snapshot() if replayed or profile.id in changes.profiles else None
        self.told.append(
            EventResolved(
                profile_id=profile.id,
                event=_event(message, profile.user_id),
                log=log,
                imported=imported,
                replayed=replayed,
                profile=snapshot,
                traits_changed=changes.traits_changed(profile),
            )
        )

    def _tell_merges(self, changes: Changes, *, imported: bool) -> None:
        for merged in changes.merges:
            survivor = self.people.get(merged.survivor_id)
            if survivor is None:
                raise AssertionError("a survivor lives")
            self.told.append(
                ProfilesMerged(
                    profile_id=merged.loser_id,
                    survivor_id=survivor.id,
                    profile=survivor.snapshot(),
                    at=self.now,
                    imported=imported,
                )
            )

    def tell_change(self, changes: Changes) -> None:
        """A call changed profiles: count it up and tell it."""
        self.people.settle(changes, self.now)
        self._tell_merges(changes, imported=False)
        for profile in changes.profiles.values():
            self.told.append(
                ProfileChanged(
                    profile_id=profile.id,
                    profile=profile.snapshot(),
                    at=self.now,
                    traits_changed=changes.traits_changed(profile),
                )
            )

    # --- those who are to be forgotten

    def erase(self, profile: Profile, *, at: datetime, receipt_id: UUID) -> None:
        """Forget a person: what was told of them in these messages too, except where the raw log keeps it."""
        ids = (profile.id, *profile.absorbed)
        values = dict(profile.traits.values)
        names = self.people.forget(profile, at)
        self.told = [told for each in self.told if (told := self._without(each, ids)) is not None]
        self.devices = [seen for seen in self.devices if seen.profile_id not in ids]
        self.suppressions = [each for each in self.suppressions if each.profile_id not in ids]
        self.told.append(Erasing(profile.id, receipt_id, ids, names, values, at))

    def _without(self, told: Told, ids: tuple[UUID, ...]) -> Told | None:
        if told.profile_id not in ids:
            return told
        if isinstance(told, EventResolved):
            return EventDropped(profile_id=told.profile_id, log=told.log, at=self.now)
        return told if isinstance(told, EventDropped | Erasing) else None

    def _erased(self, message: RawMessage, given: Given) -> UUID | None:
        """The erased person this message is of, if it is of one: found by its profile id, or by its best name."""
        if message.profile_id is not None:
            return None if self.people.get(message.profile_id) is not None else message.profile_id
        return self.erased_by_name(given, message.received_at)

    def erased_by_name(self, given: Given, received_at: datetime) -> UUID | None:
        """The erased person that the best name was of when this was received."""
        best = given.best
        if best is None or not self._is_erased(best, received_at):
            return None
        return self.people.erased[best].profile_id

    def without_erased(self, given: Given, received_at: datetime) -> Given:
        """The names that are nobody's who was erased."""
        return given.without(lambda name: self._is_erased(name, received_at)) if self.people.erased else given

    def _is_erased(self, name: Name, received_at: datetime) -> bool:
        erased = self.people.erased.get(name)
        return erased is not None and received_at <= erased.at

    def _drop(self, gone: UUID, given: Given, message: RawMessage, log: LogPosition) -> None:
        """Forget the message, and whom it would have made one with the erased person, unless a known person too."""
        self.told.append(EventDropped(profile_id=gone, log=log, at=self.now))
        best = given.best
        if message.profile_id is not None or best is None:
            return
        erased = self.people.erased[best]
        for name in given.all():
            linked = self.people.find(name) if name != best else None
            if linked is None and name not in self.people.erased:
                self.people.forget_name(name, erased)
            elif linked is not None and not linked.is_known:
                self.erase(linked, at=erased.at, receipt_id=self.people.make_id())


def stamp_of(message: RawMessage) -> Stamp:
    """What a message tells is known since then, by it."""
    return Stamp(counted_at(message.timestamp, message.received_at), message.message_id, message.source)


def _event(message: RawMessage, user_id: str | None) -> Event:
    return Event(
        name=message.name,
        type=message.type,
        source=message.source,
        message_id=message.message_id,
        timestamp=message.timestamp,
        received_at=message.received_at,
        user_id=user_id,
        anonymous_id=message.anonymous_id,
        properties=message.properties,
        context=message.context,
    )
