"""The people that one transaction deals with, in memory: what was loaded, and what becomes of it step by step."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.profiles.domain.contacts import contacts_of
from services.profiles.domain.identity import Attach, Keep, Leave, Merge, choose_owner, choose_survivor, decide
from services.profiles.domain.names import ANONYMOUS, Given, Name, Rules
from services.profiles.domain.profile import Held, Profile
from services.profiles.domain.traits import Stamp, Traits, difference, unite
from shared.schemas.resolved import TraitsChanged


@dataclass(frozen=True, slots=True)
class Cause:
    """Why two profiles were merged: a kind of message, or `api`."""

    kind: str
    source: str | None = None
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """A merge that happened."""

    loser_id: UUID
    survivor_id: UUID
    cause: Cause
    at: datetime


@dataclass(frozen=True, slots=True)
class Erased:
    """A name of an erased person: what was received by `at` under it is theirs."""

    profile_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Before:
    """How a profile was when it was loaded."""

    names: Mapping[Name, Held]
    traits: Traits


@dataclass(slots=True)
class Changes:
    """What one step changed."""

    profiles: dict[UUID, Profile] = field(default_factory=dict)
    merges: list[Merged] = field(default_factory=list)
    traits: dict[UUID, tuple[Traits, Stamp]] = field(default_factory=dict)  # as they were before

    def note(self, profile: Profile) -> None:
        self.profiles[profile.id] = profile

    def note_traits(self, profile: Profile, before: Traits, stamp: Stamp) -> None:
        """What was told of it, not what it got by a merge."""
        self.note(profile)
        self.traits.setdefault(profile.id, (before, stamp))

    def traits_changed(self, profile: Profile) -> TraitsChanged | None:
        if profile.id not in self.traits:
            return None
        before, stamp = self.traits[profile.id]
        return difference(before, profile.traits, stamp)


class People:
    """Profiles by id, and where names lead.

    `leads` is kept true for every name that was loaded; `stored` is what the database says. A name that is new was claimed
    for the id that `stored` gives it, which is the id of the profile that is made for it, if one is. `reachable`: whom a
    contact point leads to. `lost`: whose rows were not there, and nothing has been told of yet.
    """

    def __init__(self, rules: Rules, make_id: Callable[[], UUID]) -> None:
        self.rules = rules
        self.make_id = make_id
        self.profiles: dict[UUID, Profile] = {}
        self.before: dict[UUID, Before] = {}
        self.stored: dict[Name, UUID] = {}
        self.leads: dict[Name, UUID] = {}
        self.reachable: dict[Name, UUID] = {}
        self.erased: dict[Name, Erased] = {}
        self.forgotten: dict[Name, Erased] = {}
        self.lost: set[UUID] = set()
        self.touched: set[UUID] = set()
        self.merges: list[Merged] = []

    def add(self, profile: Profile) -> None:
        """Take in a profile as it was loaded."""
        self.profiles[profile.id] = profile
        self.before[profile.id] = Before(dict(profile.names), profile.traits)
        for name in profile.names:
            self.stored.setdefault(name, profile.id)
            self.leads[name] = profile.id

    def lead(self, names: Mapping[Name, UUID]) -> None:
        """Take in names that lead to these."""
        self.stored |= names
        self.leads |= names

    def claim(self, names: Iterable[Name], profile_id: UUID) -> None:
        """Take in names that led nowhere and are ours to give."""
        self.stored |= dict.fromkeys(names, profile_id)

    def get(self, profile_id: UUID) -> Profile | None:
        """The living profile of an id, also of one that was merged away."""
        profile = self.profiles.get(profile_id)
        while profile is not None and profile.merged_into is not None:
            profile = self.profiles.get(profile.merged_into)
        return profile if profile is not None and profile.erased_at is None else None

    def find(self, name: Name) -> Profile | None:
        """The living profile that a name leads to."""
        profile_id = self.leads.get(name)
        return None if profile_id is None else self.get(profile_id)

    def is_astray(self, name: Name) -> bool:
        """Whether a name that somebody has does not lead there in the database."""
        return name in self.leads and self.leads[name] != self.stored.get(name)

    def resolve(self, given: Given, *, seen_at: datetime, cause: Cause, changes: Changes) -> Profile:
        """The profile of a message, made if need be, with all its names linked."""
        owner = self.find_owner(given) or self.create(given, seen_at, changes)
        owner = self._link_previous(owner, given.previous, seen_at, cause, changes)
        for name in given.names:
            owner = self._link(owner, name, seen_at, cause, changes)
        return owner

    def find_owner(self, given: Given) -> Profile | None:
        """The living profile of a message, by the names it gives, or by a contact point if it gives none."""
        owner = choose_owner(given, self.find) or self._known_as_previous(given.previous)
        return self.reach(given) if owner is None and not given.names else owner

    def link_again(self, owner: Profile, given: Given, *, seen_at: datetime, cause: Cause, changes: Changes) -> Profile:
        """Link the names of a message that was taken in before. One that is another known person's by now stays theirs."""
        previous = self._best_known(given.previous)
        if previous is None or self._may_link(owner, previous):
            owner = self._link_previous(owner, given.previous, seen_at, cause, changes)
        for name in given.names:
            if self._may_link(owner, name):
                owner = self._link(owner, name, seen_at, cause, changes)
        return owner

    def _may_link(self, owner: Profile, name: Name) -> bool:
        holder = self.find(name)
        return holder is None or holder is owner or not (holder.is_known and owner.is_known)

    def create(self, given: Given, seen_at: datetime, changes: Changes) -> Profile:
        """A new profile for a message."""
        claimed = next(
            (self.stored[name] for name in given.names if name not in self.leads and name in self.stored), None
        )
        profile_id = claimed if claimed is not None and claimed not in self.profiles else self.make_id()
        profile = Profile(id=profile_id, created_at=seen_at, updated_at=seen_at)
        self.profiles[profile_id] = profile
        if not given.names:
            self.reachable |= dict.fromkeys(given.contacts, profile_id)
        changes.note(profile)
        return profile

    def reach(self, given: Given) -> Profile | None:
        """The living profile that a contact point leads to."""
        found = (self.get(self.reachable[contact]) for contact in given.contacts if contact in self.reachable)
        return next((profile for profile in found if profile is not None), None)

    def _link_previous(
        self, owner: Profile, previous: tuple[Name, ...], seen_at: datetime, cause: Cause, changes: Changes
    ) -> Profile:
        """Make the other profile of an alias one with the owner; presume its names where nobody has them yet."""
        known = self._best_known(previous)
        if known is not None:
            return self._link(owner, known, seen_at, cause, changes, explicit=True)
        for name in previous:
            self._hold(owner, name, Held(seen_at, shown=name.namespace == ANONYMOUS), changes)
        return owner

    def _best_known(self, previous: tuple[Name, ...]) -> Name | None:
        """The name under which the other profile of an alias is known."""
        return min((name for name in previous if self.find(name) is not None), key=self._is_presumed, default=None)

    def _known_as_previous(self, previous: tuple[Name, ...]) -> Profile | None:
        known = self._best_known(previous)
        return None if known is None else self.find(known)

    def _is_presumed(self, name: Name) -> bool:
        """Whether nobody ever used a name: it stands behind what was."""
        holder = self.find(name)
        return holder is not None and not holder.names[name].shown

    def _link(
        self, owner: Profile, name: Name, seen_at: datetime, cause: Cause, changes: Changes, *, explicit: bool = False
    ) -> Profile:
        holder = self.find(name)
        match decide(owner, name, holder, explicit=explicit, rules=self.rules, seen_at=seen_at):
            case Keep():
                self._hold(owner, name, Held(seen_at, shown=not explicit), changes)
            case Attach():
                if holder is not None:
                    self._take_away(holder, name, changes)
                self._hold(owner, name, Held(seen_at), changes)
            case Merge(loser, survivor):
                self.merge(loser, survivor, at=seen_at, cause=cause, changes=changes)
                return survivor
            case Leave():
                pass
        return owner

    def _hold(self, owner: Profile, name: Name, held: Held, changes: Changes) -> None:
        self.leads[name] = owner.id
        if owner.give(name, held):
            changes.note(owner)

    def _take_away(self, holder: Profile, name: Name, changes: Changes) -> None:
        del holder.names[name]
        changes.note(holder)

    def unite(self, one: Profile, other: Profile, *, at: datetime, cause: Cause, changes: Changes) -> Profile:
        """Make two profiles one, because the caller says so. Returns the one that stays."""
        if one is other:
            return one
        verdict = choose_survivor(one, other)
        self.merge(verdict.loser, verdict.survivor, at=at, cause=cause, changes=changes)
        return verdict.survivor

    def merge(self, loser: Profile, survivor: Profile, *, at: datetime, cause: Cause, changes: Changes) -> None:
        """As if it had been one profile from the start; the loser becomes a pointer to the survivor."""
        self.leads |= dict.fromkeys(loser.names, survivor.id)
        survivor.take_over(loser)
        survivor.traits = unite(survivor.traits, loser.traits)
        survivor.life_events = (*survivor.life_events, *loser.life_events)
        survivor.created_at = min(survivor.created_at, loser.created_at)
        survivor.absorbed = (*survivor.absorbed, loser.id, *loser.absorbed)
        for gone in (loser.id, *loser.absorbed):
            if gone in self.profiles:
                self.profiles[gone].merged_into = survivor.id
        loser.version += 1
        loser.traits, loser.life_events, loser.absorbed = Traits({}, {}), (), ()
        merged = Merged(loser.id, survivor.id, cause, at)
        self.merges.append(merged)
        changes.merges.append(merged)
        self.touched |= {loser.id, survivor.id}
        changes.profiles.pop(loser.id, None)
        changes.note(survivor)

    def settle(self, changes: Changes, now: datetime) -> None:
        """Count up what a step changed; call it once a step, before telling."""
        for profile in changes.profiles.values():
            profile.version += 1
            profile.updated_at = now
            self.touched.add(profile.id)

    def final(self, profile_id: UUID) -> UUID | None:
        """The id that stands for a profile now."""
        profile = self.get(profile_id)
        return None if profile is None else profile.id

    def forget_name(self, name: Name, erased: Erased) -> None:
        """Drop what was received until then under this name."""
        self.erased[name] = self.forgotten[name] = erased

    def forget(self, profile: Profile, at: datetime) -> tuple[Name, ...]:
        """Empty a profile and all that became it. Returns the names it had."""
        names = tuple(profile.names)
        for name in (
            *names,
            *(Name(*contact) for contact in contacts_of(profile.traits.values, self.rules.phone_region)),
        ):
            self.leads.pop(name, None)
            self.forget_name(name, Erased(profile.id, at))
        profile.names, profile.traits, profile.life_events = {}, Traits({}, {}), ()
        profile.user_id, profile.erased_at = None, at
        profile.version += 1
        self.touched.add(profile.id)
        return names
