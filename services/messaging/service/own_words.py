"""What a recipient says by a link, written down in messaging's own transaction: refused addresses, consents, and that it happened."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from services.messaging.domain.campaign import MARKETING, TRANSACTIONAL
from services.messaging.domain.links import LinkContent
from services.messaging.domain.staff import OPERATIONAL
from services.messaging.service.outcomes import outcome
from services.messaging.store import people
from services.messaging.store.outbox import put_consent
from services.messaging.store.suppressions import suppress
from shared.plumbing.db import Connection
from shared.plumbing.feed import Entry
from shared.plumbing.ids import new_id
from shared.schemas.recipients import ConsentChange


def purpose_of(link: LinkContent) -> str:
    """What a link is about: one in a receipt, about marketing."""
    return MARKETING if link.purpose == TRANSACTIONAL else link.purpose


@dataclass(frozen=True, slots=True)
class Speaker:
    """Somebody behind a link, as they are now; their row is locked to commit, so that claims wait or see what they said.
    `about`: the campaign and the template of the message. `source`: where they say it.
    """

    profile_id: UUID
    link: LinkContent
    address: str
    about: dict[str, str]
    source: str
    at: datetime

    async def say(self, tx: Connection, *, purpose: str, channel: str, granted: bool) -> None:
        """A consent given or withdrawn."""
        change = ConsentChange(
            id=new_id(),
            profile_id=self.profile_id,
            purpose=purpose,
            channel=channel,
            status="granted" if granted else "withdrawn",
            source=self.source,
            at=self.at,
        )
        await put_consent(tx, change, at=self.at)

    def unsubscribed(self) -> Entry:
        """The event that it is, for the feed; once for each message, however often it is said."""
        return outcome(
            "Unsubscribed",
            name="Unsubscribed" if self.link.purpose != OPERATIONAL else None,
            delivery_id=self.link.delivery_id,
            profile_id=self.profile_id,
            channel=self.link.channel,
            at=self.at,
            properties=self.about | {"purpose": purpose_of(self.link)},
        )


async def find_speaker(
    tx: Connection, link: LinkContent, delivery: asyncpg.Record | None, *, source: str, at: datetime
) -> Speaker | None:
    """None where the person was erased, or the message is forgotten."""
    if delivery is None:
        return None
    asked = delivery["profile_id"]
    # The row that claims lock: a claim that began before is waited for, one that begins after sees this.
    profile_id = (await people.meet(tx, [asked]))[asked]
    about = {"campaign": delivery["campaign"], "template": delivery["template"]}
    return None if profile_id is None else Speaker(profile_id, link, delivery["address"], about, source, at)


async def refuse_address(
    tx: Connection, speaker: Speaker | None, *, channel: str, address_hash: str, scope: str, at: datetime
) -> None:
    """No more of this to this address. It holds by itself, before profiles has heard of it, and for an address whose person is
    gone; of those no address is kept."""
    address = None
    if speaker is not None and (channel, address_hash) == (speaker.link.channel, speaker.link.address_hash):
        address = speaker.address
    await suppress(
        tx,
        channel=channel,
        address_hash=address_hash,
        address=address,
        scope=scope,
        reason="unsubscribed",
        yields=True,
        at=at,
    )
