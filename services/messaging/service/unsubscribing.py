"""A recipient's own word by a link in a message: it counts from the moment it is answered."""

from datetime import datetime
from uuid import UUID

import asyncpg

from services.messaging.domain.campaign import TRANSACTIONAL
from services.messaging.domain.links import LinkContent
from services.messaging.domain.reach import NON_TRANSACTIONAL
from services.messaging.service.outcomes import outcome
from services.messaging.service.previews import NOBODY
from services.messaging.store import people
from services.messaging.store.lists import find_delivery
from services.messaging.store.outbox import put_consent
from services.messaging.store.suppressions import suppress
from shared.plumbing.db import Connection, Database
from shared.plumbing.feed import append
from shared.plumbing.ids import new_id
from shared.schemas.recipients import ConsentChange

SOURCE = "unsubscribe_link"
MARKETING = "marketing"


async def unsubscribe(db: Database, link: LinkContent, *, everywhere: bool, at: datetime) -> None:
    """No more of this purpose to this address; the consent is withdrawn (`everywhere`: for all channels).

    The suppression holds by itself, before profiles has heard of it, and also for an address whose person was erased. A link
    in a transactional message is about everything that is not: receipts go on.
    """
    if link.delivery_id == NOBODY:
        return
    delivery = await find_delivery(db, link.delivery_id)

    async def work(tx: Connection) -> None:
        profile_id = None
        if delivery is not None:
            # The row that claims lock: a claim that began before is waited for, one that begins after sees this.
            profile_id = (await people.meet(tx, [delivery["profile_id"]]))[delivery["profile_id"]]
        address = delivery["address"] if delivery and profile_id else None
        await _suppress(tx, link, address=address, at=at)
        if delivery is not None and profile_id is not None:
            await _tell(tx, link, delivery, profile_id, everywhere=everywhere, at=at)

    await db.run(work)


async def _suppress(tx: Connection, link: LinkContent, *, address: str | None, at: datetime) -> None:
    await suppress(
        tx,
        channel=link.channel,
        address_hash=link.address_hash,
        address=address,
        scope=NON_TRANSACTIONAL if link.purpose == TRANSACTIONAL else link.purpose,
        reason="unsubscribed",
        yields=True,
        at=at,
    )


async def _tell(
    tx: Connection, link: LinkContent, delivery: asyncpg.Record, profile_id: UUID, *, everywhere: bool, at: datetime
) -> None:
    purpose = MARKETING if link.purpose == TRANSACTIONAL else link.purpose
    change = ConsentChange(
        id=new_id(),
        profile_id=profile_id,
        purpose=purpose,
        channel="any" if everywhere else link.channel,
        status="withdrawn",
        source=SOURCE,
        at=at,
    )
    await put_consent(tx, change, at=at)
    told = outcome(
        "Unsubscribed",
        name="Unsubscribed",
        delivery_id=link.delivery_id,
        profile_id=profile_id,
        channel=link.channel,
        at=at,
        properties={"campaign": delivery["campaign"], "template": delivery["template"], "purpose": purpose},
    )
    await append(tx, [told], at=at)
