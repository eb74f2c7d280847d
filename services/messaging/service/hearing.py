"""What people said by links since profiles was asked is heard before anything is decided about them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.messaging.domain.own_words import heard
from services.messaging.service.claiming import Prepared
from services.messaging.store.catalogue import Fetcher
from services.messaging.store.outbox import read_words
from shared.schemas.recipients import Recipient


async def hear(tx: Fetcher, recipients: Mapping[UUID, Recipient], *, now: datetime) -> dict[UUID, Recipient]:
    """The same people, with their own words."""
    words = await read_words(tx, (one.id for one in recipients.values()), now=now)
    return {asked: heard(one, words.get(one.id)) for asked, one in recipients.items()}


async def hear_all(tx: Fetcher, prepared: Sequence[Prepared], *, now: datetime) -> list[Prepared]:
    """The same, within the transaction that claims: whoever speaks before it is heard in it."""
    people = {one.recipient.id: one.recipient for one in prepared if one.recipient is not None}
    now_known = await hear(tx, people, now=now)
    return [
        one
        if one.recipient is None or (known := now_known[one.recipient.id]) is one.recipient
        else replace(one, recipient=known)
        for one in prepared
    ]
