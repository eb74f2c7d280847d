"""A recipient's own word by a link in a message: it counts from the moment it is answered."""

from datetime import datetime
from uuid import UUID

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
from shared.plumbing.feed import Entry, append
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
        if delivery is None or profile_id is None:
            await _suppress(tx, link, address=None, at=at)
            return
        about = {"campaign": delivery["campaign"], "template": delivery["template"]}
        entry = await unsubscribe_in(
            tx, link, profile_id, address=delivery["address"], about=about, everywhere=everywhere, at=at
        )
        await append(tx, [entry], at=at)

    await db.run(work)


async def unsubscribe_in(
    tx: Connection,
    link: LinkContent,
    profile_id: UUID,
    *,
    address: str,
    about: dict[str, str],
    everywhere: bool = False,
    source: str = SOURCE,
    at: datetime,
) -> Entry:
    """The same in a transaction that holds the profile's row; what is to be told of it. `about`: campaign and template."""
    await _suppress(tx, link, address=address, at=at)
    purpose = MARKETING if link.purpose == TRANSACTIONAL else link.purpose
    change = ConsentChange(
        id=new_id(),
        profile_id=profile_id,
        purpose=purpose,
        channel="any" if everywhere else link.channel,
        status="withdrawn",
        source=source,
        at=at,
    )
    await put_consent(tx, change, at=at)
    return outcome(
        "Unsubscribed",
        name="Unsubscribed",
        delivery_id=link.delivery_id,
        profile_id=profile_id,
        channel=link.channel,
        at=at,
        properties=about | {"purpose": purpose},
    )


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
