"""Whom many identifiers stand for, all at once. Nobody is made of those that are unknown."""

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from services.profiles.domain.names import Given, Name, Rules, names_of
from services.profiles.domain.values import faults
from services.profiles.store import names as names_store
from services.profiles.store import profiles as profiles_store
from shared.plumbing.db import Database
from shared.schemas.identifiers import IdentifiersAnswer
from shared.schemas.resolved import Identifier

OWN = "profile_id"


async def find_people(db: Database, identifiers: Sequence[Identifier], rules: Rules) -> IdentifiersAnswer:
    """The living profiles behind each, of several with one contact point all, in the order of their ids."""
    given = [_given(identifier, rules) for identifier in identifiers]
    async with db.snapshot() as tx:
        leads: dict[Name, set[UUID]] = {
            name: {profile_id}
            for name, profile_id in (await names_store.find_names(tx, {n for g in given for n in g.names})).items()
        }
        for contact, profile_id in await names_store.find_contacts(tx, {n for g in given for n in g.contacts}):
            leads.setdefault(contact, set()).add(profile_id)
        asked = [
            _own_id(identifier) | {profile_id for name in (*g.names, *g.contacts) for profile_id in leads.get(name, ())}
            for identifier, g in zip(identifiers, given, strict=True)
        ]
        living = await profiles_store.read_living_ids(tx, set[UUID]().union(*asked))
    found = (sorted({living[profile_id] for profile_id in ids if profile_id in living}) for ids in asked)
    return IdentifiersAnswer(profile_ids=tuple(map(tuple, found)))


def _given(identifier: Identifier, rules: Rules) -> Given:
    if identifier.namespace == OWN or any(True for _ in faults([identifier.namespace, identifier.value])):
        return Given(())
    return names_of({identifier.namespace: identifier.value}, rules)


def _own_id(identifier: Identifier) -> set[UUID]:
    if identifier.namespace == OWN:
        with suppress(ValueError):
            return {UUID(identifier.value)}
    return set()
