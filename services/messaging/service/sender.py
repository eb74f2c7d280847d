"""The sender: decides what is due and sends it, each trigger at most once.

A message is claimed in one transaction with its decision, under the lane's lease and the profile's row lock, with
suppressions, caps and earlier messages read in it. The local mailbox is written in that transaction. For a provider the
claim is committed first; if its answer is never recorded (the worker died), the message counts as `unknown` and is not sent
again.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from prometheus_client import Counter

from services.messaging.clients.neighbours import Asked, Profiles
from services.messaging.domain.fairness import one_each, take_turns
from services.messaging.domain.households import counted_with
from services.messaging.domain.verdict import Assign, History, Refuse, Send
from services.messaging.service.claiming import (
    Claimed,
    Claims,
    Prepared,
    capped_households,
    read_confirmed,
    read_histories,
    read_suppressions,
)
from services.messaging.service.confirming import ask_all
from services.messaging.service.hearing import hear, hear_all
from services.messaging.service.judging import (
    Catalogue,
    Draft,
    Speech,
    TaskDraft,
    draft,
    draft_task,
    judge,
    request_for,
)
from services.messaging.service.looking import Lookout
from services.messaging.service.pacing import Pacing
from services.messaging.service.providers import Providers, channels_of
from services.messaging.store import sends as store
from services.messaging.store.catalogue import load_campaigns_and_rules, load_templates
from services.messaging.store.households import count_deliveries, lock_households
from services.messaging.store.sends import Due
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection, Database
from shared.plumbing.feed import append
from shared.plumbing.lanes import LANES
from shared.plumbing.leases import Leases
from shared.schemas.recipients import Recipient

decisions_total = Counter("regulars_decisions_total", "Decisions on messages", ["decision", "reason"])
FRESH = 2.0
"""Seconds that an answer of profiles may be old when a message is claimed."""
POSTPONED = timedelta(seconds=1)


class Outdated(Exception):
    """The answer of profiles became too old before the claim: ask again."""


class Sender:
    """One step: a batch of what is due in the leased lanes. `full`: there was no room for any message."""

    def __init__(
        self,
        db: Database,
        *,
        profiles: Profiles,
        leases: Leases,
        speech: Speech,
        providers: Providers,
        clock: Clock,
        committed: Callable[[], None],
        batch: int,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db = db
        self._profiles = profiles
        self._leases = leases
        self._speech = speech
        self._providers = providers
        self._clock = clock
        self._committed = committed
        self._batch = batch
        self._elapsed = elapsed
        self._size = batch
        self.full = False
        self._found = False
        self._lookout = Lookout(db, leases, clock)
        self._pacing = Pacing(share=lambda: len(leases.held) / LANES, elapsed=elapsed)
        self._claims = Claims(providers, leases.owner, speech.default_zone)

    async def step(self) -> int:
        """Decide what is due, and send what is to be sent. Returns how many were looked at.

        Raises Unavailable while profiles is away, LeaseLost and Outdated when it must be done again.
        """
        self.full = False
        if not self._found and not await store.anything_due(
            self._db, lanes=list(self._leases.held), now=self._clock.now()
        ):
            return 0
        catalogue = await self._load_catalogue()
        due = await self._find_due(catalogue)
        self._found = bool(due)  # where there was something there is mostly more
        if not due:
            return 0
        asked_at = self._elapsed()
        asked = await self._profiles.ask([one.profile_id for one in due])
        settled, moved = _without_moved(due, asked.people)
        recipients = await hear(self._db, asked.people, now=self._clock.now())
        asked = replace(asked, people=recipients)
        known = await self._read_refusals(recipients, catalogue)
        prepared = await asyncio.to_thread(self._prepare, settled, catalogue, asked, known)
        try:
            claimed = await self._db.run(lambda tx: self._claim(tx, prepared, moved, catalogue, asked_at))
        except Outdated:
            self._size = max(1, self._size // 2)  # where the machine is slow, fewer are done in time
            raise
        self._size = min(self._batch, self._size * 2)
        self._pacing.given(delivery.campaign_id for delivery in claimed.deliveries)
        if claimed.entries:
            self._committed()
        for delivery in claimed.deliveries:
            if delivery.status == "sending":
                self._providers.dispatch(delivery)
        for one in claimed.judged:
            decisions_total.labels(decision=one.decision or "sending", reason=one.reason or "").inc()
        return len(claimed.judged)

    async def _load_catalogue(self) -> Catalogue:
        campaigns, rules = await load_campaigns_and_rules(self._db)
        keys = sorted({variant.template for campaign in campaigns for variant in campaign.definition.variants})
        found = await load_templates(self._db, keys)
        templates = {key: [one for one in found if one.key == key] for key in keys}
        return Catalogue({one.id: one for one in campaigns}, templates, rules)

    async def _find_due(self, catalogue: Catalogue) -> list[Due]:
        channels = {
            key: channels_of(
                campaign,
                dict.fromkeys(t.channel for v in campaign.definition.variants for t in catalogue.templates[v.template]),
            )
            for key, campaign in catalogue.campaigns.items()
        }
        rooms = {
            key: _least(self._providers.room(channels[key]), self._pacing.room(campaign))
            for key, campaign in catalogue.campaigns.items()
            if not campaign.held_up
        }
        looks = {key: self._size if room is None else min(room, self._size) for key, room in rooms.items() if room != 0}
        self.full = bool(rooms) and not looks
        urgent = {key for key in looks if catalogue.campaigns[key].urgent}
        found = await self._lookout.look(looks, urgent=urgent)
        turns = take_turns(
            found,
            campaign=lambda one: one.campaign_id,
            urgent=lambda one: one.campaign_id in urgent,
        )
        turns = self._pacing.fit(one_each(turns, lambda one: one.profile_id), catalogue.campaigns)[: self._size]
        return self._providers.fit(turns, lambda one: channels[one.campaign_id])

    async def _read_refusals(self, recipients: Mapping[UUID, Recipient], catalogue: Catalogue) -> History:
        """What addresses are refused and confirmed; nothing else of anybody's history."""
        people, secret = list(recipients.values()), self._speech.address_secret
        async with self._db.pool.acquire() as connection:
            suppressions = await read_suppressions(
                connection, people, catalogue.channels(), secret, staff=catalogue.staff()
            )
            return History(
                suppressions=suppressions, confirmed=await read_confirmed(connection, people, catalogue.rules, secret)
            )

    def _prepare(
        self,
        due: Sequence[Due],
        catalogue: Catalogue,
        asked: Asked,
        history: History,
    ) -> list[Prepared]:
        """Render what would be sent if nothing else in the database stood against it."""
        now = self._clock.now()
        prepared = []
        for one in due:
            recipient, unreadable = asked.people.get(one.profile_id), one.profile_id in asked.unreadable
            request = request_for(one, catalogue, recipient, self._speech.default_zone, unreadable=unreadable)
            verdict = judge(request, history, now=now)
            made: Draft | TaskDraft | Refuse | None = None
            if isinstance(verdict, Send) and recipient is not None:
                made = draft(one, verdict, catalogue, recipient, speech=self._speech, now=now)
            elif isinstance(verdict, Assign) and recipient is not None:
                made = draft_task(one, catalogue, recipient)
            home = None
            if recipient is not None and request.campaign is not None:
                home = counted_with(self._speech.address_secret, request.campaign.definition, recipient)
            prepared.append(Prepared(one, recipient, made, unreadable, home))
        return prepared

    async def _claim(
        self,
        tx: Connection,
        prepared: Sequence[Prepared],
        moved: Sequence[Due],
        catalogue: Catalogue,
        asked_at: float,
    ) -> Claimed:
        due = [*moved, *(one.due for one in prepared)]
        await self._leases.check(tx, sorted({one.lane for one in due}))
        locked = await store.lock_due(tx, due)
        campaigns, rules = await load_campaigns_and_rules(tx)
        fresh = replace(catalogue, campaigns={one.id: one for one in campaigns}, rules=rules)
        known = [one for one in prepared if one.due.id in locked and _same_words(one.due, catalogue, fresh)]
        if homes := capped_households(known, fresh):
            await lock_households(tx, homes)
        now = self._clock.now()
        known = await hear_all(tx, known, now=now)
        histories = await read_histories(tx, known, fresh, secret=self._speech.address_secret, now=now)
        claimed = self._claims.judge_all(known, fresh, histories, now=now)
        await store.postpone(tx, [one for one in moved if one.id in locked], until=now + POSTPONED)
        await store.write_judged(tx, claimed.judged)
        await store.write_deliveries(tx, claimed.deliveries)
        await ask_all(tx, known, claimed, fresh, secret=self._speech.address_secret, now=now)
        await count_deliveries(tx, claimed.deliveries)
        await claimed.tasking.write(tx, at=now)
        await append(tx, claimed.entries, at=now)
        if self._elapsed() - asked_at > FRESH:
            raise Outdated
        return claimed


def _without_moved(due: Sequence[Due], recipients: Mapping[UUID, Recipient]) -> tuple[list[Due], list[Due]]:
    """Apart: those whose profile was merged into another, of which our own feed has not told us yet."""
    moved = [one for one in due if (found := recipients.get(one.profile_id)) and found.id != one.profile_id]
    return [one for one in due if one not in moved], moved


def _same_words(due: Due, before: Catalogue, now: Catalogue) -> bool:
    """Whether the campaign still says what was rendered; otherwise it is looked at again."""
    old, new = before.campaigns.get(due.campaign_id), now.campaigns.get(due.campaign_id)
    if old is None or new is None:
        return old is new
    return (old.definition, old.winner) == (new.definition, new.winner) and not new.held_up


def _least(*rooms: int | None) -> int | None:
    return min((room for room in rooms if room is not None), default=None)
