"""What providers and our own links tell of messages: kept once, in whatever order, with what follows from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from uuid import UUID

from prometheus_client import Counter

from services.messaging.domain.addresses import address_hash
from services.messaging.domain.links import LinkContent
from services.messaging.domain.machines import SCANNED, Visit, judge_visits, told_at
from services.messaging.domain.provider_events.event import MANY, ProviderEvent
from services.messaging.service.outcomes import outcome
from services.messaging.service.own_words import Speaker
from services.messaging.service.recording import Recorder
from services.messaging.service.trials import TRIED
from services.messaging.service.unsubscribing import unsubscribe_in
from services.messaging.store import delivery_events as store
from services.messaging.store import people
from services.messaging.store.claims import Orphan
from services.messaging.store.delivery_events import Happened, Told
from services.messaging.store.suppressions import suppress
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection, Database
from shared.plumbing.feed import Entry, append

events_total = Counter(
    "regulars_provider_events_total", "What providers and links told of messages", ["source", "kind", "result"]
)
TOGETHER = 100
"""Events taken in one transaction, at most."""

MOST = 200
"""Opens and clicks of one message that are kept, at most: whoever has the link can follow it for ever."""

UNSUBSCRIBED_BY = "provider"
Seen = tuple[UUID, UUID, str]
"""Profile, delivery and key of an event that is known."""

WORDS = {
    "delivered": "Delivered",
    "bounced": "Bounced",
    "complained": "Marked as Spam",
    "opened": "Opened",
    "clicked": "Link Clicked",
}


@dataclass(frozen=True, slots=True)
class Pair:
    """An event, and the delivery it is about, of whoever its profile is now."""

    event: ProviderEvent
    told: Told
    profile_id: UUID
    at: datetime
    machine: str | None = None

    @property
    def visit(self) -> Visit:
        return Visit(self.at, self.event.url, self.event.user_agent, self.event.machine)

    def happened(self, now: datetime) -> Happened:
        event, told = self.event, self.told
        later = told_at(self.visit, self.machine, sent_at=told.at, now=now) if event.kind == "clicked" else None
        return Happened(
            profile_id=self.profile_id,
            delivery_id=told.id,
            campaign_id=told.campaign_id,
            key=event.identity,
            kind=event.kind,
            at=self.at,
            machine=self.machine,
            detail=event.detail,
            tell_at=None if told.status == TRIED else later,
        )


@dataclass(frozen=True, slots=True)
class Taker:
    """Takes events in."""

    db: Database
    clock: Clock
    address_secret: str

    async def take(self, source: str, events: Sequence[ProviderEvent]) -> None:
        """Keep those of our deliveries; the same event again has no effect, and one of no delivery of ours is only counted."""
        ids = {event.delivery_id for event in events if event.delivery_id is not None}
        told = await store.find_told(self.db, ids) if ids else {}
        ours = [(event, told[event.delivery_id]) for event in events if event.delivery_id in told]
        for event in events:
            if event.delivery_id not in told:
                events_total.labels(source=source, kind=event.kind, result="unknown").inc()
        for begin in range(0, len(ours), TOGETHER):
            group = ours[begin : begin + TOGETHER]
            fresh = await self.db.run(partial(self._take_in, group))
            await self._end_doubt([delivery for _, delivery in group if delivery.status == "unknown"])
            for event, delivery in group:
                result = "taken" if (delivery.id, event.identity) in fresh else "repeated"
                events_total.labels(source=source, kind=event.kind, result=result).inc()

    async def _end_doubt(self, given_up: Sequence[Told]) -> None:
        """What became of a message tells that it was taken."""
        if given_up:
            recorder = Recorder(self.db, clock=self.clock, address_secret=self.address_secret, committed=lambda: None)
            orphans = {one.id: Orphan(one.profile_id, one.send_id, one.id, one.at) for one in given_up}
            await recorder.confirm(list(orphans.values()))

    async def _take_in(self, group: Sequence[tuple[ProviderEvent, Told]], tx: Connection) -> set[tuple[UUID, str]]:
        now = self.clock.now()
        # The rows that claim lock: a claim that began before is waited for, one that begins after sees what follows from this.
        current = await people.meet(tx, {told.profile_id for _, told in group})
        pairs = [
            Pair(event, told, profile_id, min(event.at or now, now))
            for event, told in group
            if (profile_id := current[told.profile_id]) is not None
        ]
        pairs, scanned = await self._judge(tx, pairs)
        fresh = await store.insert_events(tx, [pair.happened(now) for pair in pairs], at=now)
        await store.mark_machines(tx, scanned, machine=SCANNED)
        entries = []
        for pair in {(one.told.id, one.event.identity): one for one in pairs}.values():
            if (pair.told.id, pair.event.identity) in fresh and pair.told.status != TRIED:
                entries += await self._follow(tx, pair, now)
        await append(tx, entries, at=now)
        return fresh

    async def _judge(self, tx: Connection, pairs: Sequence[Pair]) -> tuple[list[Pair], list[Seen]]:
        """With what machines did told apart, without what there is enough of; and known events that were machines' too."""
        deliveries = {(pair.profile_id, pair.told.id) for pair in pairs if pair.event.kind in MANY}
        known: dict[UUID, dict[str, Visit]] = {}
        for row in await store.read_events(tx, deliveries):
            if row["kind"] in MANY:
                visit = Visit(row["at"], row["detail"].get("url"), machine=row["machine"])
                known.setdefault(row["delivery_id"], {})[row["key"]] = visit
        judged = [pair for pair in pairs if pair.event.kind not in MANY]
        scanned: list[Seen] = []
        for profile_id, delivery_id in sorted(deliveries):
            earlier = known.get(delivery_id, {})
            own = [pair for pair in pairs if pair.told.id == delivery_id and pair.event.kind in MANY]
            new = {pair.event.identity: pair.visit for pair in own if pair.event.identity not in earlier}
            new = dict(list(new.items())[: max(0, MOST - len(earlier))])
            reasons, also = judge_visits(new, earlier, sent_at=own[0].told.at)
            judged += [replace(one, machine=reasons[key]) for one in own if (key := one.event.identity) in reasons]
            scanned += [(profile_id, delivery_id, key) for key in also]
        return judged, scanned

    async def _follow(self, tx: Connection, pair: Pair, now: datetime) -> list[Entry]:
        """What follows from a new event, and what is to be told of it now."""
        event, told = pair.event, pair.told
        hashed = address_hash(self.address_secret, told.channel, told.address)
        if event.suppress is not None:
            await suppress(
                tx,
                channel=told.channel,
                address_hash=hashed,
                address=told.address,
                scope="",
                reason=event.suppress,
                yields=False,
                at=pair.at,
            )
        if event.kind == "unsubscribed":
            link = LinkContent(told.id, told.channel, told.purpose, hashed)
            about = {"campaign": told.campaign, "template": told.template}
            speaker = Speaker(pair.profile_id, link, told.address, about, UNSUBSCRIBED_BY, pair.at)
            return [await unsubscribe_in(tx, speaker)]
        happened = pair.happened(now)
        return [entry_of(happened, told)] if happened.tell_at is None else []


def entry_of(happened: Happened, told: Told) -> Entry:
    """What is told of an event."""
    properties: dict[str, object] = {"campaign": told.campaign, "template": told.template, "purpose": told.purpose}
    more: Mapping[str, object | None] = {
        "bounce": happened.detail.get("bounce"),
        "link_url": happened.detail.get("url"),
        "machine": True if happened.machine else None,
        "machine_reason": happened.machine,
    }
    return outcome(
        WORDS[happened.kind],
        delivery_id=told.id,
        profile_id=happened.profile_id,
        channel=told.channel,
        at=happened.at,
        properties=properties | {name: value for name, value in more.items() if value is not None},
        key=happened.key,
    )
