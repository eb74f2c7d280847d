"""A recipient's own word by a link in a message: it counts from the moment it is answered."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from services.messaging.domain.campaign import MARKETING, TRANSACTIONAL
from services.messaging.domain.links import LinkContent
from services.messaging.domain.reach import NON_TRANSACTIONAL
from services.messaging.domain.staff import OPERATIONAL
from services.messaging.service.own_words import Speaker, find_speaker, purpose_of, refuse_address
from services.messaging.service.previews import NOBODY
from services.messaging.store.catalogue import load_campaigns
from services.messaging.store.lists import find_delivery
from shared.plumbing.db import Connection, Database
from shared.plumbing.feed import Entry, append

LINK, PAGE = "unsubscribe_link", "preference_page"
"""Where a consent comes from."""
Purposes = Iterable[tuple[str, str]]
"""Pairs of a purpose and a channel."""


async def unsubscribe(db: Database, link: LinkContent, *, at: datetime) -> None:
    """No more of this purpose to this address; the consent is withdrawn.

    A link in a transactional message is about everything that is not: receipts go on.
    """
    if link.delivery_id == NOBODY:
        return
    delivery = await find_delivery(db, link.delivery_id)

    async def work(tx: Connection) -> None:
        speaker = await find_speaker(tx, link, delivery, source=LINK, at=at)
        if speaker is None:
            await _refuse(tx, link, None, at)
        else:
            await append(tx, [await unsubscribe_in(tx, speaker)], at=at)

    await db.run(work)


async def unsubscribe_in(tx: Connection, speaker: Speaker) -> Entry:
    """The same in a transaction that holds the profile's row; what is to be told of it."""
    link = speaker.link
    await _refuse(tx, link, speaker, speaker.at)
    if link.purpose != OPERATIONAL:  # else it was staff who had enough of it, not the person whom it is about
        await speaker.say(tx, purpose=purpose_of(link), channel=link.channel, granted=False)
    return speaker.unsubscribed()


async def _refuse(tx: Connection, link: LinkContent, speaker: Speaker | None, at: datetime) -> None:
    scope = NON_TRANSACTIONAL if link.purpose == TRANSACTIONAL else link.purpose
    await refuse_address(tx, speaker, channel=link.channel, address_hash=link.address_hash, scope=scope, at=at)


async def stop_everything(
    db: Database, link: LinkContent, addresses: Mapping[str, str], granted: Purposes, *, at: datetime
) -> None:
    """Nothing more but what is transactional, on no channel. `addresses`: hashes of the person's other addresses by channel,
    `granted`: what they allowed, as far as either is known."""
    if link.delivery_id == NOBODY:
        return
    delivery = await find_delivery(db, link.delivery_id)

    async def work(tx: Connection) -> None:
        speaker = await find_speaker(tx, link, delivery, source=PAGE, at=at)
        for channel, hashed in {**addresses, link.channel: link.address_hash}.items():
            await refuse_address(tx, speaker, channel=channel, address_hash=hashed, scope=NON_TRANSACTIONAL, at=at)
        if speaker is None:
            return
        spoken = {one.definition.purpose for one in await load_campaigns(tx)} | {purpose for purpose, _ in granted}
        for purpose in sorted((spoken | {purpose_of(link), MARKETING}) - {TRANSACTIONAL, OPERATIONAL}):
            await speaker.say(tx, purpose=purpose, channel="any", granted=False)
        await append(tx, [speaker.unsubscribed()], at=at)

    await db.run(work)


async def allow_again(db: Database, link: LinkContent, granted: Purposes, *, at: datetime) -> None:
    """Undo: what was allowed before is allowed anew; the person's own refusals yield to that."""
    delivery = await find_delivery(db, link.delivery_id)

    async def work(tx: Connection) -> None:
        speaker = await find_speaker(tx, link, delivery, source=PAGE, at=at)
        if speaker is not None:
            for purpose, channel in granted:
                await speaker.say(tx, purpose=purpose, channel=channel, granted=True)

    await db.run(work)
