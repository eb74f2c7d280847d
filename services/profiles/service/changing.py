"""What callers change: profiles made, patch and merged, and dates in people's lives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID

from services.profiles.domain.fold import Fold
from services.profiles.domain.life_events import BIRTHDAY, birthday_id
from services.profiles.domain.names import Given
from services.profiles.domain.people import Cause, Changes, People
from services.profiles.domain.profile import Profile
from services.profiles.domain.traits import Stamp, after_all, merge_patch, tell
from services.profiles.service.book import Book
from services.profiles.store import records as records_store
from services.profiles.store.people import Wanted
from shared.plumbing.db import Connection
from shared.plumbing.errors import NotFound
from shared.plumbing.ids import new_id
from shared.schemas.resolved import LifeEvent

API = Cause("api", source="api")


def wanted_ids(*profile_ids: UUID) -> Wanted:
    """Profiles by their ids."""
    return Wanted((), frozenset(profile_ids))


def get_living(people: People, profile_id: UUID) -> Profile:
    """The profile that stands for an id. Raises NotFound."""
    profile = people.get(profile_id)
    if profile is None:
        raise NotFound("There is no such profile.")
    return profile


def _patch(fold: Fold, profile: Profile, patch: Mapping[str, Any], changes: Changes) -> None:
    """Merge a patch into the traits. It is dated now, or just after what it changes where a clock runs behind."""
    told = {
        key: None if change is None else merge_patch(profile.traits.values.get(key), change)
        for key, change in patch.items()
    }
    stamp = Stamp(after_all(profile.traits, told, fold.now), str(new_id()), "api")
    changes.note_traits(profile, profile.traits, stamp)
    profile.traits = tell(profile.traits, told, stamp)


async def upsert_profile(book: Book, given: Given, traits: Mapping[str, Any]) -> tuple[Profile, bool]:
    """The profile with these names, made or linked as a message's would be, and its traits patch. Whether it is new."""

    async def decide(_: Connection, fold: Fold) -> tuple[Profile, bool]:
        changes = Changes()
        profile = fold.people.resolve(given, seen_at=fold.now, cause=API, changes=changes)
        is_new = profile.version == 0
        told = {**(dict(given.contacts) if is_new else {}), **traits}
        if told:
            _patch(fold, profile, told, changes)
        fold.tell_change(changes)
        return profile, is_new

    return await book.change(Wanted((given,)), decide)


async def patch_traits(book: Book, profile_id: UUID, patch: Mapping[str, Any]) -> Profile:
    """JSON merge patch of the traits."""

    async def decide(_: Connection, fold: Fold) -> Profile:
        profile = get_living(fold.people, profile_id)
        if patch:
            changes = Changes()
            _patch(fold, profile, patch, changes)
            fold.tell_change(changes)
        return profile

    return await book.change(wanted_ids(profile_id), decide)


async def merge_profiles(book: Book, who: Sequence[UUID | Given]) -> Profile:
    """Make them all one person. Raises NotFound if one of them is nobody."""
    given = tuple(each for each in who if isinstance(each, Given))
    ids = frozenset(each for each in who if isinstance(each, UUID))

    async def decide(_: Connection, fold: Fold) -> Profile:
        people = [_find(fold.people, each) for each in who]
        changes = Changes()
        one = people[0]
        for other in people[1:]:
            one = fold.people.unite(one, get_living(fold.people, other.id), at=fold.now, cause=API, changes=changes)
        fold.tell_change(changes)
        return one

    return await book.change(Wanted(given, ids), decide)


def _find(people: People, who: UUID | Given) -> Profile:
    if isinstance(who, UUID):
        return get_living(people, who)
    found = next((profile for name in who.names if (profile := people.find(name))), None) or people.reach(who)
    if found is None:
        raise NotFound("There is no such profile.")
    return found


# --- life events


@dataclass(frozen=True, slots=True)
class NewLifeEvent:
    """A date in somebody's life, as it is told."""

    kind: str
    date: date
    recurs: Literal["yearly"] | None
    subject: str
    note: str | None


async def add_life_event(book: Book, profile_id: UUID, told: NewLifeEvent) -> LifeEvent:
    """Keep a date in somebody's life."""
    event = LifeEvent(
        id=new_id(), kind=told.kind, date=told.date, recurs=told.recurs, subject=told.subject, note=told.note
    )

    async def decide(tx: Connection, fold: Fold) -> LifeEvent:
        profile = get_living(fold.people, profile_id)
        profile.life_events = (*profile.life_events, event)
        await records_store.insert_life_event(tx, profile.id, event, fold.now)
        _tell(fold, profile)
        return event

    return await book.change(wanted_ids(profile_id), decide)


async def delete_life_event(book: Book, profile_id: UUID, event_id: UUID) -> None:
    """Forget a date; a birthday that follows from the trait is forgotten with the trait. Raises NotFound."""

    async def decide(tx: Connection, fold: Fold) -> None:
        profile = get_living(fold.people, profile_id)
        kept = tuple(event for event in profile.life_events if event.id != event_id)
        by_trait = event_id == birthday_id(profile.id) and BIRTHDAY in profile.traits.values
        changes = Changes()
        if by_trait:
            _patch(fold, profile, {BIRTHDAY: None}, changes)
        elif len(kept) == len(profile.life_events):
            raise NotFound("There is no such life event.")
        profile.life_events = kept
        await records_store.delete_life_event(tx, profile.id, event_id)
        changes.note(profile)
        fold.tell_change(changes)

    await book.change(wanted_ids(profile_id), decide)


def _tell(fold: Fold, profile: Profile) -> None:
    changes = Changes()
    changes.note(profile)
    fold.tell_change(changes)
