"""What people allow and wish: consents, preferences, devices."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from services.profiles.domain.devices import DeviceSeen
from services.profiles.domain.fold import Fold
from services.profiles.domain.people import Changes
from services.profiles.domain.profile import Profile
from services.profiles.domain.traits import Stamp, tell
from services.profiles.service.book import Book
from services.profiles.service.changing import get_living, wanted_ids
from services.profiles.store import devices as devices_store
from services.profiles.store import records as records_store
from services.profiles.store.records import ConsentRecord
from shared.plumbing.db import Connection
from shared.plumbing.errors import Invalid, NotFound
from shared.plumbing.ids import new_id
from shared.schemas.recipients import CONFIRMATION, GRANTED, ConsentChange, PreferencesChange, deciding_consent
from shared.schemas.resolved import ConsentRecorded

PAGE = "preference_page"
"""The source of what is chosen there."""


@dataclass(frozen=True, slots=True)
class NewConsent:
    """A word to be kept. `at`: now, if None."""

    purpose: str
    channel: str
    status: str
    source: str | None
    at: datetime | None
    policy_version: str | None
    expires_at: datetime | None


async def record_consent(book: Book, profile_id: UUID, told: NewConsent) -> ConsentRecord:
    """Keep a word given, and tell it. One dated ahead counts as given now. Raises NotFound, or Invalid."""
    consent_id = new_id()

    async def decide(tx: Connection, fold: Fold) -> ConsentRecord:
        profile = get_living(fold.people, profile_id)
        at = fold.now if told.at is None else min(told.at, fold.now)
        if told.expires_at is not None and told.expires_at <= at:
            raise Invalid.of([{"loc": ["body", "expires_at"], "msg": "must be after it was given"}])
        consent = ConsentRecord(
            consent_id,
            told.purpose,
            told.channel,
            told.status,
            told.source,
            at,
            fold.now,
            policy_version=told.policy_version,
            expires_at=told.expires_at,
        )
        await _keep(tx, fold, profile.id, consent, by_link=False)
        return consent

    return await book.change(wanted_ids(profile_id), decide)


async def take_consent_change(book: Book, told: ConsentChange) -> bool:
    """Keep a recipient's own word, once however often it is told. False if the person is gone."""

    async def decide(tx: Connection, fold: Fold) -> bool:
        profile = fold.people.get(told.profile_id)
        if profile is None:
            return False
        at = min(told.at, fold.now)
        consent = ConsentRecord(told.id, told.purpose, told.channel, told.status, told.source, at, fold.now)
        if told.source == CONFIRMATION:
            consent = await _confirming(tx, profile.id, consent)
        await _keep(tx, fold, profile.id, consent, by_link=True)
        return True

    return await book.change(wanted_ids(told.profile_id), decide)


async def _confirming(tx: Connection, profile_id: UUID, consent: ConsentRecord) -> ConsentRecord:
    """It says yes to what was granted, and no longer than that was."""
    standing = (await records_store.read_standing_consents(tx, [profile_id])).get(profile_id, ())
    granted = deciding_consent(standing, purpose=consent.purpose, channel=consent.channel)
    if granted is None or granted.status != GRANTED:
        return consent
    return replace(consent, policy_version=granted.policy_version, expires_at=granted.expires_at)


async def _keep(tx: Connection, fold: Fold, profile_id: UUID, consent: ConsentRecord, *, by_link: bool) -> None:
    if not await records_store.insert_consent(tx, profile_id, consent):
        return
    fold.told.append(
        ConsentRecorded(
            profile_id=profile_id,
            id=consent.id,
            purpose=consent.purpose,
            channel=consent.channel,
            status=consent.status,
            source=consent.source,
            by_link=by_link,
            at=consent.at,
        )
    )


async def put_preferences(book: Book, profile_id: UUID, content: dict[str, Any]) -> None:
    """Replace somebody's preferences."""

    async def decide(tx: Connection, fold: Fold) -> None:
        profile = get_living(fold.people, profile_id)
        await records_store.write_preferences(tx, profile.id, content, fold.now)
        changes = Changes()
        changes.note(profile)
        fold.tell_change(changes)

    await book.change(wanted_ids(profile_id), decide)


async def take_preferences_change(book: Book, told: PreferencesChange) -> bool:
    """Keep what a recipient changed, once however often it is told. False where that was written since, or the person is gone."""

    async def decide(tx: Connection, fold: Fold) -> bool:
        profile = fold.people.get(told.profile_id)
        if profile is None:
            return False
        changes, at = Changes(), min(told.at, fold.now)
        speaks = told.locale is not None and _speak(profile, told.locale, Stamp(at, str(told.id), PAGE), changes)
        prefers = told.prefers and await _prefer(tx, profile, told, at)
        if prefers:
            changes.note(profile)
        fold.tell_change(changes)
        return speaks or prefers

    return await book.change(wanted_ids(told.profile_id), decide)


def _speak(profile: Profile, locale: str, stamp: Stamp, changes: Changes) -> bool:
    """The language that somebody chose, as a trait like any other: the newest by its time wins."""
    before = profile.traits
    profile.traits = tell(before, {"locale": locale}, stamp)
    if profile.traits is before:
        return False
    changes.note_traits(profile, before, stamp)
    return True


async def _prefer(tx: Connection, profile: Profile, told: PreferencesChange, at: datetime) -> bool:
    content, updated_at = await records_store.find_preferences(tx, profile.id)
    if updated_at is not None and at <= updated_at:
        return False
    await records_store.write_preferences(tx, profile.id, told.applied_to(content), at)
    return True


async def put_device(
    book: Book, profile_id: UUID, *, token: str, platform: str | None, app_version: str | None
) -> None:
    """A device is somebody's, and nobody else's any more."""

    async def decide(_: Connection, fold: Fold) -> None:
        profile = get_living(fold.people, profile_id)
        fold.devices.append(DeviceSeen(profile.id, token, platform, app_version, fold.now))

    await book.change(wanted_ids(profile_id), decide)


async def delete_device(book: Book, profile_id: UUID, token: str) -> None:
    """A device is not somebody's any more. Raises NotFound."""

    async def decide(tx: Connection, fold: Fold) -> None:
        profile = get_living(fold.people, profile_id)
        held = (await devices_store.read_devices(tx, [profile.id])).get(profile.id, ())
        if token not in {device.token for device in held}:
            raise NotFound("There is no such device.")
        fold.devices.append(DeviceSeen(profile.id, token, None, None, fold.now, removed=True))

    await book.change(wanted_ids(profile_id), decide)
