"""Profiles as they are read: by id, by any name, in lists, and as messaging needs them."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from services.profiles.domain.names import Given
from services.profiles.domain.profile import Profile
from services.profiles.store import devices as devices_store
from services.profiles.store import names as names_store
from services.profiles.store import profiles as profiles_store
from services.profiles.store import records as records_store
from shared.plumbing.db import Connection, Database
from shared.plumbing.errors import NotFound
from shared.schemas.recipients import Device, Recipient, RecipientsAnswer


async def read_people(tx: Connection, profile_ids: Iterable[UUID]) -> dict[UUID, Profile]:
    """The living profiles by the ids asked for, also by ids that were merged away."""
    asked = {profile.id: profile for profile in await profiles_store.read_profiles(tx, profile_ids)}
    into = {profile.merged_into for profile in asked.values() if profile.merged_into is not None}
    found = asked | {profile.id: profile for profile in (await profiles_store.read_profiles(tx, into) if into else ())}
    people = {profile_id: found.get(profile.merged_into or profile_id) for profile_id, profile in asked.items()}
    living = {
        profile_id: profile
        for profile_id, profile in people.items()
        if profile is not None and profile.erased_at is None and profile.merged_into is None
    }
    await _fill(tx, {profile.id: profile for profile in living.values()})
    return living


async def _fill(tx: Connection, profiles: dict[UUID, Profile]) -> None:
    held = await names_store.read_held(tx, profiles)
    life_events = await profiles_store.read_life_events(tx, profiles)
    for profile in profiles.values():
        profile.names = held.get(profile.id, {})
        profile.life_events = life_events.get(profile.id, ())


async def get_profile(db: Database, profile_id: UUID) -> Profile:
    """One living profile. Raises NotFound."""
    async with db.snapshot() as tx:
        profile = (await read_people(tx, [profile_id])).get(profile_id)
    if profile is None:
        raise NotFound("There is no such profile.")
    return profile


async def look_up(db: Database, given: Given) -> Profile:
    """The profile that a name or a contact point leads to; of several with one contact, the known, then the oldest."""
    async with db.snapshot() as tx:
        ids = list((await names_store.find_names(tx, given.names)).values())
        if not given.names:
            ids = [profile_id for _, profile_id in await names_store.find_contacts(tx, given.contacts)]
        people = (await read_people(tx, ids)).values()
    if not people:
        raise NotFound("There is no such profile.")
    return min(people, key=lambda profile: (not profile.is_known, profile.age))


async def list_profiles(db: Database, *, after: tuple[int, UUID] | None, limit: int) -> list[Profile]:
    """Living profiles in a fixed order."""
    async with db.snapshot() as tx:
        profiles = await profiles_store.list_profiles(tx, after=after, limit=limit)
        await _fill(tx, {profile.id: profile for profile in profiles})
    return profiles


async def read_recipients(
    db: Database, profile_ids: Sequence[UUID], *, now: datetime, history: bool = False
) -> RecipientsAnswer:
    """Who these people are now, and what they allow; `history`: and ever said."""
    read_consents = records_store.read_all_consents if history else records_store.read_standing_consents
    async with db.snapshot() as tx:
        people = await read_people(tx, profile_ids)
        living = {profile.id for profile in people.values()}
        consents = await read_consents(tx, living)
        preferences = await records_store.read_preferences(tx, living)
        devices = await devices_store.read_devices(tx, living)
    recipients = [
        Recipient(
            requested_id=asked,
            id=profile.id,
            user_id=profile.user_id,
            identifiers=profile.shown_names(),
            traits=dict(profile.traits.values),
            life_events=profile.all_life_events(),
            consents=consents.get(profile.id, ()),
            preferences=preferences.get(profile.id, {}),
            devices=devices.get(profile.id, ()),
        )
        for asked, profile in people.items()
    ]
    return RecipientsAnswer(recipients=tuple(recipients), as_of=now)


async def get_preferences(db: Database, profile_id: UUID) -> dict[str, Any]:
    """Somebody's preferences; empty if there are none. Raises NotFound."""
    profile = await get_profile(db, profile_id)
    return (await records_store.read_preferences(db, [profile.id])).get(profile.id, {})


async def get_devices(db: Database, profile_id: UUID) -> tuple[Device, ...]:
    """Somebody's devices. Raises NotFound."""
    profile = await get_profile(db, profile_id)
    return (await devices_store.read_devices(db, [profile.id])).get(profile.id, ())


async def list_consents(
    db: Database, profile_id: UUID, *, after: UUID | None, limit: int
) -> list[records_store.ConsentRecord]:
    """Every word somebody gave. Raises NotFound."""
    profile = await get_profile(db, profile_id)
    return await records_store.list_consents(db, profile.id, after=after, limit=limit)


async def list_merges(
    db: Database, profile_id: UUID, *, after: UUID | None, limit: int
) -> list[records_store.MergeRecord]:
    """The merges that made somebody one. Raises NotFound."""
    profile = await get_profile(db, profile_id)
    return await records_store.list_merges(db, (profile.id, *profile.absorbed), after=after, limit=limit)


def as_values(record: records_store.ConsentRecord | records_store.MergeRecord) -> dict[str, Any]:
    """A record's fields by name."""
    return asdict(record)
