"""Loads the people that a transaction deals with, held to its end, and writes what became of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from services.profiles.domain.contacts import contacts_of
from services.profiles.domain.erasure import keyed_hash
from services.profiles.domain.names import Given, Name, Rules
from services.profiles.domain.people import People
from services.profiles.domain.profile import Profile
from services.profiles.store import names as names_store
from services.profiles.store import profiles as profiles_store
from shared.plumbing.db import Connection
from shared.plumbing.ids import new_id

MAX_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom a transaction deals with. `oldest`: when the oldest of its messages was received. `repairing_at`: now, where
    profiles that are named and whose rows were lost are to be made anew, with nothing known of them."""

    given: Sequence[Given]
    profile_ids: frozenset[UUID] = frozenset()
    oldest: datetime | None = None
    repairing_at: datetime | None = None


async def load_people(tx: Connection, wanted: Wanted, rules: Rules, erasure_key: str) -> People:
    """The people, and all their rows held.

    A name changes where it leads only under the lock of the profile it led to. So what was read before the locks is good
    if the locked profile still has the name; where it has not, look again. One that leads there all the same has lost its
    other side, and is the profile's.
    """
    people = People(rules, new_id)
    claims = _claims(wanted.given)
    contacts = {contact for given in wanted.given if not given.names for contact in given.contacts}
    leads = await _find_or_claim(tx, claims, people)
    reachable = await names_store.find_contacts(tx, contacts) if contacts else []
    missing = {*leads.values(), *wanted.profile_ids, *(profile_id for _, profile_id in reachable)}
    for _ in range(MAX_ROUNDS):
        asked = missing
        missing = await _lock(tx, asked, people)
        if wanted.repairing_at is not None and (lost := asked - people.profiles.keys() - missing):
            await profiles_store.insert_empty(tx, lost, at=wanted.repairing_at)
            people.lost |= lost
            missing |= lost
        if missing:
            continue
        stale = [name for name in leads if people.leads.get(name) is None]
        if not stale:
            _reach(people, reachable)
            await _find_erased(tx, wanted, claims, people, erasure_key)
            return people
        leads = await _find_or_claim(tx, {name: claims[name] for name in stale}, people)
        held = {name: profile_id for name, profile_id in leads.items() if people.get(profile_id) is not None}
        people.lead(held)
        missing = set(leads.values())
    raise asyncpg.SerializationError("names were led elsewhere again and again meanwhile")


def _claims(all_given: Iterable[Given]) -> dict[Name, UUID]:
    """An id for each name, should it be new: the same for all names that a message gives together."""
    claims: dict[Name, UUID] = {}
    for given in all_given:
        profile_id = next((claims[name] for name in given.names if name in claims), None)
        for name in given.all():
            if name not in claims:
                profile_id = profile_id or new_id()
                claims[name] = profile_id
    return claims


async def _find_or_claim(tx: Connection, claims: dict[Name, UUID], people: People) -> dict[Name, UUID]:
    """Where names lead already; those that lead nowhere are ours now."""
    leads = await names_store.find_names(tx, claims)
    new = {name: claims[name] for name in claims if name not in leads}
    if not new:
        return leads
    claimed = await names_store.claim_names(tx, new)
    people.stored |= {name: new[name] for name in claimed}
    taken = new.keys() - claimed
    return leads | (await names_store.find_names(tx, taken) if taken else {})


async def _lock(tx: Connection, profile_ids: set[UUID], people: People) -> set[UUID]:
    """Lock and add profiles; returns those they were merged into and that are yet to be locked."""
    wanted = profile_ids - people.profiles.keys()
    locked = await profiles_store.lock_profiles(tx, wanted)
    living = [profile.id for profile in locked if profile.erased_at is None]
    held = await names_store.read_held(tx, living) if living else {}
    life_events = await profiles_store.read_life_events(tx, living) if living else {}
    for profile in locked:
        profile.names = held.get(profile.id, {})
        profile.life_events = life_events.get(profile.id, ())
        if profile.id in people.lost:
            profile.user_id = profile.first_user_id
        people.add(profile)
    rest = wanted - people.profiles.keys()
    missing: set[UUID] = set()
    for profile in await profiles_store.read_profiles(tx, rest) if rest else []:
        if profile.merged_into is not None:
            people.add(profile)
        missing.add(profile.merged_into or profile.id)  # its own id: it was made just now, after we tried to lock it
    return missing - people.profiles.keys()


def _reach(people: People, reachable: Iterable[tuple[Name, UUID]]) -> None:
    """Of several with one address, the known person, then the oldest."""
    found = [(contact, profile) for contact, profile_id in reachable if (profile := people.get(profile_id))]
    for contact, profile in sorted(found, key=lambda pair: (not pair[1].is_known, pair[1].age)):
        people.reachable.setdefault(contact, profile.id)


async def _find_erased(
    tx: Connection, wanted: Wanted, claims: dict[Name, UUID], people: People, erasure_key: str
) -> None:
    """Look for names of erased people, if there is a message from before the last erasure."""
    if wanted.oldest is None:
        return
    last = await names_store.read_last_erasure(tx)
    if last is None or last < wanted.oldest:
        return
    names = {*claims, *(contact for given in wanted.given for contact in given.contacts)}
    people.erased = await names_store.find_erased(tx, {keyed_hash(name, erasure_key): name for name in names})


async def save_people(tx: Connection, people: People, erasure_key: str) -> None:
    """Write what became of them; a name that was claimed and is nobody's is given up."""
    touched = [people.profiles[profile_id] for profile_id in sorted(people.touched)]
    await _save_leads(tx, people)
    if people.forgotten:
        hashed = {name: (keyed_hash(name, erasure_key), erased) for name, erased in people.forgotten.items()}
        await names_store.write_erased(tx, hashed)
    if not touched:
        return
    await profiles_store.write_profiles(tx, touched)
    await _save_held(tx, people, touched)
    await _save_contacts(tx, people, touched)
    if people.merges or any(profile.erased_at for profile in touched):
        await _save_fates(tx, people, touched)


async def _save_leads(tx: Connection, people: People) -> None:
    led = {name: at for name, at in people.leads.items() if people.stored.get(name) != at}
    if led:
        await names_store.lead_names(tx, led)
    gone = people.stored.keys() - people.leads.keys()
    if gone:
        await names_store.delete_names(tx, gone)


async def _save_held(tx: Connection, people: People, touched: Iterable[Profile]) -> None:
    written: list[names_store.HeldName] = []
    gone: list[tuple[UUID, Name]] = []
    for profile in touched:
        before = people.before[profile.id].names if profile.id in people.before else {}
        gone += [(profile.id, name) for name in before if name not in profile.names]
        if before != profile.names:
            written += [(profile.id, name, held) for name, held in profile.names.items() if before.get(name) != held]
    if gone:
        await names_store.delete_held(tx, gone)
    if written:
        await names_store.write_held(tx, written)


async def _save_contacts(tx: Connection, people: People, touched: Iterable[Profile]) -> None:
    added: list[tuple[Name, UUID]] = []
    gone: list[tuple[Name, UUID]] = []
    region = people.rules.phone_region
    for profile in touched:
        loaded = people.before.get(profile.id)
        if loaded is not None and loaded.traits is profile.traits:
            continue
        before = contacts_of(loaded.traits.values, region) if loaded is not None else frozenset()
        after = contacts_of(profile.traits.values, region)
        added += [(Name(*contact), profile.id) for contact in after - before]
        gone += [(Name(*contact), profile.id) for contact in before - after]
    if gone:
        await names_store.delete_contacts(tx, gone)
    if added:
        await names_store.add_contacts(tx, added)


async def _save_fates(tx: Connection, people: People, touched: Sequence[Profile]) -> None:
    met = [p for p in touched if p.merged_into is not None or p.absorbed or p.erased_at is not None]
    await profiles_store.write_fates(tx, met)
    fates = [
        (gone, profile)
        for profile in met
        if profile.merged_into is None
        for gone in profile.absorbed
        if gone not in people.touched
    ]
    await profiles_store.point_absorbed(tx, fates)
