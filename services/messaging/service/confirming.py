"""Double opt-in: who is to be asked, and what a confirmation does."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.messaging.domain.addresses import address_for, address_hash
from services.messaging.domain.confirming import CHANNEL, asking_id
from services.messaging.domain.links import LinkContent
from services.messaging.domain.triggers import Fired
from services.messaging.service.claiming import Claimed, Prepared
from services.messaging.service.judging import Catalogue
from services.messaging.service.outcomes import outcome
from services.messaging.service.own_words import find_speaker
from services.messaging.service.previews import NOBODY
from services.messaging.store.confirmations import confirm_address, read_questions
from services.messaging.store.lists import find_delivery
from services.messaging.store.triggers import insert_triggers
from shared.plumbing.db import Connection, Database
from shared.plumbing.feed import append
from shared.schemas.recipients import CONFIRMATION, deciding_consent

REASON = "not_confirmed"


@dataclass(frozen=True, slots=True)
class Question:
    """To the owner of an address, for a consent given then."""

    fired: Fired
    address_hash: str
    given_at: datetime

    def is_asked(self, profile_id: UUID, campaign_id: UUID, address_hash: str, at: datetime) -> bool:
        """By this message, sent then."""
        asked = (self.fired.profile_id, self.fired.campaign.id, self.address_hash)
        return asked == (profile_id, campaign_id, address_hash) and at >= self.given_at


async def ask_all(
    tx: Connection, prepared: list[Prepared], claimed: Claimed, catalogue: Catalogue, *, secret: str, now: datetime
) -> None:
    """Whoever was refused for an address that is not confirmed, and was not asked at that address when they gave their consent:
    once for each address and consent."""
    refused = {one.id for one in claimed.judged if one.reason == REASON}
    found = [_question(one, catalogue, secret, now) for one in prepared if one.due.id in refused]
    questions = [one for one in found if one is not None]
    if not questions:
        return
    sent = [
        (profile_id, campaign_id, address_hash(secret, CHANNEL, address), at)
        for profile_id, campaign_id, address, at in await read_questions(
            tx, [(one.fired.profile_id, one.fired.campaign.id) for one in questions]
        )
    ]
    fired = [one.fired for one in questions if not any(one.is_asked(*message) for message in sent)]
    await insert_triggers(tx, fired, current={one.profile_id: one.profile_id for one in fired}, at=now)


def _question(one: Prepared, catalogue: Catalogue, secret: str, now: datetime) -> Question | None:
    purpose = catalogue.campaigns[one.due.campaign_id].definition.purpose
    campaign = catalogue.campaigns.get(asking_id(purpose))
    address = address_for(one.recipient, CHANNEL) if one.recipient else None
    if campaign is None or one.recipient is None or address is None:
        return None
    consent = deciding_consent(one.recipient.consents, purpose=purpose, channel=CHANNEL)
    if consent is None:
        return None
    hashed = address_hash(secret, CHANNEL, address)
    fired = Fired(
        campaign=campaign,
        profile_id=one.due.profile_id,
        user_id=one.recipient.user_id,
        trigger_id=f"{purpose}\x1f{hashed}\x1f{consent.at.isoformat()}",
        at=now,
        due_at=now,
        look_at=now,
        paused=False,
        context={"purpose": purpose},
    )
    return Question(fired, hashed, consent.at)


async def confirm(db: Database, link: LinkContent, *, at: datetime) -> bool:
    """The address is its owner's, who wants it: their consent counts from now on. False where the person is gone."""
    delivery = None if link.delivery_id == NOBODY else await find_delivery(db, link.delivery_id)

    async def work(tx: Connection) -> bool:
        speaker = await find_speaker(tx, link, delivery, source=CONFIRMATION, at=at)
        if speaker is None:
            return False
        await confirm_address(tx, channel=link.channel, address_hash=link.address_hash, purpose=link.purpose, at=at)
        await speaker.say(tx, purpose=link.purpose, channel=link.channel, granted=True)
        told = outcome(
            "Confirmed",
            name="Subscription Confirmed",
            delivery_id=link.delivery_id,
            profile_id=speaker.profile_id,
            channel=link.channel,
            at=at,
            properties=speaker.about | {"purpose": link.purpose},
        )
        await append(tx, [told], at=at)
        return True

    return await db.run(work)
