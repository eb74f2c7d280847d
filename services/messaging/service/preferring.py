"""What a recipient decides on the preference page. It holds from the answer on, also while profiles is away."""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from services.messaging.clients.neighbours import Profiles
from services.messaging.domain.addresses import address_for, address_hash
from services.messaging.domain.campaign import CHANNELS
from services.messaging.domain.choices import Changes, Choices, choices_of
from services.messaging.domain.links import LinkContent
from services.messaging.domain.reach import Suppressions, allowed
from services.messaging.service.claiming import read_confirmed, read_suppressions
from services.messaging.service.hearing import hear
from services.messaging.service.judging import Speech
from services.messaging.service.own_words import Speaker, find_speaker, purpose_of, refuse_address
from services.messaging.service.previews import NOBODY
from services.messaging.service.unsubscribing import PAGE
from services.messaging.store.catalogue import load_campaigns_and_rules
from services.messaging.store.confirmations import confirm_address
from services.messaging.store.lists import find_delivery
from services.messaging.store.outbox import put_preferences
from shared.plumbing.db import Connection, Database
from shared.plumbing.errors import Unavailable
from shared.plumbing.feed import append
from shared.plumbing.ids import new_id
from shared.schemas.recipients import PreferencesChange, Recipient

PATIENCE = 2.0
"""Seconds that a page waits for profiles."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who is behind a link now. `recipient`: None where the person was erased, or profiles is `away`. `is_theirs`: the address
    that the link was sent to is the person's still; otherwise nothing of them may be shown."""

    delivery: asyncpg.Record | None = None
    recipient: Recipient | None = None
    away: bool = False
    is_theirs: bool = False


@dataclass(frozen=True, slots=True)
class Desk:
    """What the pages stand on."""

    db: Database
    profiles: Profiles
    speech: Speech

    def hashed(self, channel: str, address: str) -> str:
        return address_hash(self.speech.address_secret, channel, address)

    async def find_holder(self, link: LinkContent, *, now: datetime) -> Holder:
        """Who is behind a link, with all that they said so far."""
        delivery = None if link.delivery_id == NOBODY else await find_delivery(self.db, link.delivery_id)
        if delivery is None:
            return Holder()
        asked = delivery["profile_id"]
        try:
            found = await hear(self.db, await self.profiles.recipients([asked], timeout=PATIENCE), now=now)
        except Unavailable:
            return Holder(delivery, away=True)
        recipient = found.get(asked)
        return Holder(delivery, recipient, is_theirs=recipient is not None and self._holds(recipient, link))

    def _holds(self, recipient: Recipient, link: LinkContent) -> bool:
        tokens = [device.token for device in recipient.devices] if link.channel == "push" else []
        addresses = [one for one in (address_for(recipient, link.channel), *tokens) if one is not None]
        return link.address_hash in {self.hashed(link.channel, one) for one in addresses}

    async def _suppressions(self, recipient: Recipient) -> Suppressions:
        async with self.db.pool.acquire() as connection:
            return await read_suppressions(connection, [recipient], CHANNELS, self.speech.address_secret)

    async def choices(self, link: LinkContent, holder: Holder, *, now: datetime) -> Choices | None:
        """What holds for them; None where that may not or cannot be shown."""
        if holder.recipient is None or not holder.is_theirs:
            return None
        campaigns, rules = await load_campaigns_and_rules(self.db)
        return choices_of(
            holder.recipient,
            purpose=purpose_of(link),
            rules=rules,
            confirmed=await read_confirmed(self.db, [holder.recipient], rules, self.speech.address_secret),
            suppressions=await self._suppressions(holder.recipient),
            hashed=self.hashed,
            default_zone=self.speech.default_zone,
            now=now,
            ordered=any(one.definition.channel == "preferred" and one.status != "deleted" for one in campaigns),
        )

    async def granted(self, holder: Holder, *, now: datetime) -> list[tuple[str, str]]:
        """What the person allows now, by purpose and channel: what there is to undo when they unsubscribe from everything."""
        if holder.recipient is None or not holder.is_theirs:
            return []
        return allowed(holder.recipient, await self._suppressions(holder.recipient), now)

    async def save(self, link: LinkContent, changes: Changes, *, at: datetime) -> None:
        """What a form changes, in one transaction under the lock that claims take. Nothing for who is gone."""
        delivery = await find_delivery(self.db, link.delivery_id)

        async def work(tx: Connection) -> None:
            speaker = await find_speaker(tx, link, delivery, source=PAGE, at=at)
            if speaker is not None:
                await _save(tx, speaker, changes)

        if changes:
            await self.db.run(work)


async def _save(tx: Connection, speaker: Speaker, changes: Changes) -> None:
    purpose, at = purpose_of(speaker.link), speaker.at
    for channel, (allows, hashed) in changes.channels.items():
        if not allows:
            await refuse_address(tx, speaker, channel=channel, address_hash=hashed, scope=purpose, at=at)
        elif (channel, hashed) == (speaker.link.channel, speaker.link.address_hash):
            # Whoever came by the link reads what is sent there.
            await confirm_address(tx, channel=channel, address_hash=hashed, purpose=purpose, at=at)
        await speaker.say(tx, purpose=purpose, channel=channel, granted=allows)
    if changes.wishes:
        windows = None if changes.windows is None else tuple(one.to_json() for one in changes.windows)
        change = PreferencesChange(
            id=new_id(),
            profile_id=speaker.profile_id,
            topics=changes.topics,
            contact_windows=windows,
            first_channel=changes.first,
            locale=changes.language,
            at=at,
        )
        await put_preferences(tx, change, at=at)
    if not all(allows for allows, _ in changes.channels.values()):
        await append(tx, [speaker.unsubscribed()], at=at)
