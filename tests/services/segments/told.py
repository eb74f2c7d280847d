"""Messages as the profiles service tells them, short to write."""

from datetime import date, datetime
from itertools import count
from typing import Any
from uuid import UUID, uuid5

from msgspec.structs import replace

from shared.plumbing.ids import new_id
from shared.schemas.resolved import (
    ConsentRecorded,
    Event,
    EventResolved,
    LifeEvent,
    LogPosition,
    ProfileChanged,
    ProfileErased,
    ProfilesMerged,
    ProfileSnapshot,
    TraitsChanged,
)
from tests.services.segments.standing import NOW

_numbers = count(1)
BEGINNING = datetime.fromisoformat("2026-01-01T00:00:00+00:00")


def person(name: str) -> UUID:
    """The profile id of a person of the test."""
    return uuid5(UUID(int=7), name)


def known(
    name: str, *, version: int = 1, user_id: str | None = "", life_events: tuple[LifeEvent, ...] = (), **traits: Any
) -> ProfileSnapshot:
    """`user_id`: the name, if not given."""
    return ProfileSnapshot(
        id=person(name),
        version=version,
        user_id=name if user_id == "" else user_id,
        traits=traits,
        life_events=life_events,
        created_at=BEGINNING,
        updated_at=NOW,
    )


def birthday(day: str) -> LifeEvent:
    return LifeEvent(id=new_id(), kind="birthday", date=date.fromisoformat(day), recurs="yearly")


def changed(name: str, **fields: Any) -> ProfileChanged:
    return ProfileChanged(profile_id=person(name), profile=known(name, **fields), at=NOW)


def consented(name: str) -> ConsentRecorded:
    return ConsentRecorded(
        profile_id=person(name), id=new_id(), purpose="news", channel="any", status="granted", at=NOW
    )


def told_change(before: dict[str, Any], after: dict[str, Any], at: datetime = NOW) -> TraitsChanged:
    """What became of some traits."""
    return TraitsChanged(at=at, message_id=f"t{next(_numbers)}", source="web", before=before, after=after)


def became(
    name: str, before: dict[str, Any], after: dict[str, Any], at: datetime = NOW, *, version: int = 1
) -> ProfileChanged:
    """All its traits were these, and are those from then on."""
    told = told_change(before, after, at)
    return replace(changed(name, version=version, **after), at=at, traits_changed=told)


def did(
    name: str,
    event: str | None,
    at: datetime = NOW,
    *,
    message_id: str | None = None,
    imported: bool = False,
    profile: ProfileSnapshot | None = None,
    traits_changed: TraitsChanged | None = None,
    context: dict[str, Any] | None = None,
    **properties: Any,
) -> EventResolved:
    number = next(_numbers)
    return EventResolved(
        profile_id=person(name),
        event=Event(
            name=event,
            type="identify" if event is None else "track",
            source="web",
            message_id=message_id or f"m{number}",
            timestamp=at,
            received_at=at,
            properties=properties,
            context=context or {},
        ),
        log=LogPosition(lane=0, seq=number, received_at=at),
        imported=imported,
        profile=profile,
        traits_changed=traits_changed,
    )


def merged(loser: str, survivor: str, *, version: int = 2, **traits: Any) -> ProfilesMerged:
    return ProfilesMerged(
        profile_id=person(loser),
        survivor_id=person(survivor),
        profile=known(survivor, version=version, **traits),
        at=NOW,
    )


def erased(name: str, *others: str) -> ProfileErased:
    ids = tuple(person(each) for each in (name, *others))
    return ProfileErased(profile_id=person(name), profile_ids=ids, receipt_id=new_id(), at=NOW)
