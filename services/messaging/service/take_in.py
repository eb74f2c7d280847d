"""What the feeds bring: changes of memberships, events, consents, merges, erasures. All of it may name a profile merged away."""

from collections.abc import Iterable, Sequence

from services.messaging.domain.addresses import address_hash
from services.messaging.domain.campaign import Campaign, events_used, segments_used
from services.messaging.domain.goals import Hit, goals_met
from services.messaging.domain.triggers import Fired, fired_by_change, fired_by_consent, fired_by_event, left_by_merging
from services.messaging.service.journeying import Heeded, Journeying
from services.messaging.store import people, suppressions
from services.messaging.store.catalogue import load_campaigns
from services.messaging.store.confirmations import forget_confirmations
from services.messaging.store.triggers import Seen, insert_triggers, record_hits, remember_changes
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection
from shared.plumbing.reader import Incoming
from shared.schemas.membership import MembershipChanged
from shared.schemas.message import kind_of
from shared.schemas.resolved import (
    ConsentRecorded,
    EventResolved,
    Glimpse,
    ProfileErased,
    ProfilesMerged,
    parse_resolved,
)

CHANNEL_OF = {"email": "email", "phone": "sms"}
"""The channel of an erased address by its namespace; any other is a push token."""


class TakeIn:
    """Applies messages of the feeds within the transaction of their cursor."""

    def __init__(self, clock: Clock, *, address_secret: str) -> None:
        self._clock = clock
        self._address_secret = address_secret
        self._journeying = Journeying(clock)

    async def changes(self, tx: Connection, items: Sequence[Incoming]) -> bool:
        """Memberships changed: campaigns on them have a trigger, and the last change is remembered for later."""
        campaigns = await load_campaigns(tx)
        heeded = await self._journeying.heed(tx)
        used = segments_used(campaigns) | heeded.segments
        read = (MembershipChanged.read(i.message) for i in items if kind_of(i.message) == "membership")
        changes = [change for change in read if change.segment in used]
        current = await people.meet(tx, {change.profile_id for change in changes})
        await remember_changes(
            tx,
            [
                Seen(profile_id, change.segment, change.change, change.at)
                for change in changes
                if (profile_id := current[change.profile_id]) is not None and not left_by_merging(change)
            ],
        )
        fired = [one for change in changes for one in fired_by_change(campaigns, change)]
        await insert_triggers(tx, fired, current=current, at=self._clock.now())
        moved = await self._journeying.changes(tx, heeded, changes, current)
        return bool(fired) or moved

    async def resolved(self, tx: Connection, items: Sequence[Incoming]) -> bool:
        """Events, consents, merges and erasures, each in its lane's order."""
        campaigns = await load_campaigns(tx)
        heeded = await self._journeying.heed(tx)
        names = events_used(campaigns) | heeded.events
        is_news = False
        told: list[EventResolved | ConsentRecorded] = []
        for item in items:
            event = Glimpse.read(item.message).event
            if event is not None and event.name not in names:
                continue  # most of all that happens: not worth reading further
            message = parse_resolved(item.message)
            if isinstance(message, EventResolved | ConsentRecorded):
                told.append(message)
            elif isinstance(message, ProfilesMerged | ProfileErased):
                await self._told(tx, campaigns, heeded, told)
                told, is_news = [], True
                await self._merge_or_erase(tx, message)
        return await self._told(tx, campaigns, heeded, told) or is_news

    async def _told(
        self,
        tx: Connection,
        campaigns: Sequence[Campaign],
        heeded: Heeded,
        told: Sequence[EventResolved | ConsentRecorded],
    ) -> bool:
        """Whether any campaign has a trigger of them, or any journey moves by them."""
        consents = [one for one in told if isinstance(one, ConsentRecorded)]
        events = [one for one in told if isinstance(one, EventResolved)]
        fired: list[Fired] = [one for given in consents for one in fired_by_consent(campaigns, given)]
        hits: list[Hit] = []
        for event in events:
            fired += fired_by_event(campaigns, event)
            hits += goals_met(campaigns, event)
        walking = [event for event in events if event.event.name in heeded.events]
        if not fired and not hits and not walking:
            return False
        met = {one.profile_id for one in fired} | {hit.profile_id for hit in hits}
        current = await people.meet(tx, met | {event.profile_id for event in walking})
        await insert_triggers(tx, fired, current=current, at=self._clock.now())
        now = [(hit, profile_id) for hit in hits if (profile_id := current[hit.profile_id]) is not None]
        await record_hits(tx, [hit.of(profile_id) for hit, profile_id in now])
        moved = await self._journeying.events(tx, heeded, walking, current)
        return bool(fired) or moved

    async def _merge_or_erase(self, tx: Connection, message: ProfilesMerged | ProfileErased) -> None:
        if isinstance(message, ProfileErased):
            ids = {message.profile_id, *message.profile_ids}
            await people.meet(tx, ids)
            await people.erase(tx, sorted(ids), at=self._clock.now())
            await suppressions.forget_addresses(tx, list(self._hashes(message)))
            await forget_confirmations(tx, list(self._hashes(message)))
            return
        current = await people.meet(tx, [message.profile_id, message.survivor_id])
        loser, survivor = current[message.profile_id], current[message.survivor_id]
        if loser is not None and survivor is not None and loser != survivor:
            await self._journeying.merge(tx, loser=loser, survivor=survivor)
            await people.merge(tx, loser=loser, survivor=survivor)
            if survivor == message.survivor_id:
                await people.name(tx, survivor, message.profile.user_id)

    def _hashes(self, message: ProfileErased) -> Iterable[tuple[str, str]]:
        for address in message.addresses:
            channel = CHANNEL_OF.get(address.namespace, "push")
            yield channel, address_hash(self._address_secret, channel, address.value)
