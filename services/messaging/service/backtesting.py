"""A backtest: what a campaign would have done in a time that is over. Nothing is written, nothing is sent."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.messaging.clients.neighbours import Asked, Events, Profiles, Segments
from services.messaging.domain.campaign import Broadcast, Campaign, EventTrigger, SegmentTrigger
from services.messaging.domain.households import household_key
from services.messaging.domain.reach import Suppression
from services.messaging.domain.replay import Decided, Past, Replay, Waiting
from services.messaging.domain.tally import Tally
from services.messaging.domain.triggers import Fired, fired_by_change, fired_by_event, fired_by_time, left_by_merging
from services.messaging.domain.verdict import Earlier, Message, Offer
from services.messaging.service.claiming import asked_addresses, read_suppressions
from services.messaging.service.judging import Speech
from services.messaging.store.catalogue import load_rules, load_templates
from services.messaging.store.households import read_household_messages
from services.messaging.store.past import read_earlier_before, read_messages_between
from services.messaging.store.triggers import Seen
from shared.plumbing.db import Database
from shared.schemas.recipients import Recipient

PAGE = 500
MOST = 100_000
"""Triggers that are looked at."""
LONGEST = 30.0
"""Seconds, after which what was found is told."""
DAY = timedelta(days=1)
SOME = 500
"""Decisions between two looks at the time."""
ASSUMPTIONS = (
    "The campaign ran all the time, and every message was taken by its provider at once, or when its turn came by the rate.",
    "Who was a member when the time began is told then, if the trigger asks for them (`existing`).",
    "Consents are those that were recorded by each instant; a double opt-in is taken as confirmed.",
    "Traits, preferences, devices, households, settings and campaigns are as of now. Templates are not rendered.",
    "Suppressions count from when they were last made, and those that were lifted since do not count.",
    "Caps count what was really sent by other campaigns, as far as it is kept, and what this one would have sent.",
    "Memberships are as segments recorded them; events are those of the time by their own timestamp.",
    "People who were erased since are missing, and those who were merged are one.",
    "Nobody waits for their `best_time`.",
    "Who is held out from a campaign that is not made yet is drawn anew when it is.",
)
Addresses = dict[tuple[str, str], Sequence[Suppression]]


@dataclass(frozen=True, slots=True)
class Met:
    """A trigger, and when messaging would have met it."""

    fired: Fired
    at: datetime


@dataclass(frozen=True, slots=True)
class Backtest:
    """Day by day: what happened, who it was, what would have been decided."""

    db: Database
    events: Events
    segments: Segments
    profiles: Profiles
    speech: Speech
    elapsed: Callable[[], float] = time.monotonic
    most: int = MOST

    async def run(self, campaign: Campaign, *, since: datetime, until: datetime) -> dict[str, Any]:
        """The campaign as if it had run from `since` until `until`. Raises Unavailable while a neighbour can't be asked."""
        walk = await self._walk(campaign, since, until)
        tally, reached, after = Tally(), since, since
        while reached == after < until:
            after = min(reached + DAY, until)
            if not await walk.take(reached, after):
                break
            reached = await asyncio.to_thread(_count, tally, walk, after)
        for waiting in walk.replay.waiting(reached):
            tally.add(_open(walk.replay, waiting, reached))
        return {
            "campaign": campaign.key,
            "since": since,
            "until": reached,
            "complete": reached == until,
            "triggers": tally.decisions.total(),
            **tally.shown(since, reached),
            "assumptions": list(ASSUMPTIONS),
        }

    async def _walk(self, campaign: Campaign, since: datetime, until: datetime) -> "Walk":
        keys = sorted({variant.template for variant in campaign.definition.variants})
        async with self.db.snapshot() as tx:
            templates, rules = await load_templates(tx, keys), replace(await load_rules(tx), confirming=None)
        offers = [
            Offer(one.template, one.weight, tuple(t.channel for t in templates if t.key == one.template))
            for one in campaign.definition.variants
        ]
        known: Addresses = {}
        replay = Replay(
            campaign=campaign,
            offers=tuple(offer for offer in offers if offer.channels),
            rules=rules,
            default_zone=self.speech.default_zone,
            suppressions=lambda channel, address: known.get((channel, address), ()),
        )
        return Walk(self, campaign, replay, since, until, known, ends_at=self.elapsed() + LONGEST)


def _count(tally: Tally, walk: "Walk", until: datetime) -> datetime:
    """How far it came: `until`, or not so far where time ran out."""
    for number, decided in enumerate(walk.replay.run(until), start=1):
        tally.add(decided)
        if number % SOME == 0 and walk.is_late():
            return decided.at
    return until


def _open(replay: Replay, waiting: Waiting, until: datetime) -> Decided:
    """Of what is not decided by the end."""
    past = replay.people[waiting.profile_id]
    return Decided(
        profile_id=waiting.profile_id,
        user_id=past.recipient.user_id if past.recipient else waiting.fired.user_id,
        at=max(waiting.fired.at, min(waiting.due_at, until - timedelta(microseconds=1))),
        decision="deferred",
        reason=waiting.waited[-1] if waiting.waited else "delay",
        facts={"until": waiting.due_at},
        waited=waiting.waited,
    )


@dataclass(slots=True)
class Walk:
    """Feeds a replay. `current`: who those that were asked for are now."""

    backtest: Backtest
    campaign: Campaign
    replay: Replay
    since: datetime
    until: datetime
    suppressed: Addresses
    ends_at: float
    triggers: int = 0
    current: dict[UUID, UUID] = field(default_factory=dict)

    async def take(self, day: datetime, after: datetime) -> bool:
        """Feed what happened in a day. False, with nothing of it fed, where that is too much."""
        met: list[Met] = []
        seen: list[Seen] = []
        async for one in self._happened(day, after, seen):
            met.append(one)
            if self.triggers + len(met) > self.backtest.most or self.is_late():
                return False
        asked = list({one.fired.profile_id for one in met} - self.current.keys())
        for start in range(0, len(asked), PAGE):
            await self._meet(asked[start : start + PAGE])
            if self.is_late():
                return False
        for was in seen:
            if was.profile_id in self.current:
                self.replay.saw(self.current[was.profile_id], was.at, was.change)
        for one in met:
            self.replay.add(one.fired, self.current[one.fired.profile_id], met_at=one.at)
        self.triggers += len(met)
        return True

    def is_late(self) -> bool:
        """Whether what was found must be told now."""
        return self.backtest.elapsed() > self.ends_at

    async def _happened(self, day: datetime, after: datetime, seen: list[Seen]) -> AsyncIterator[Met]:
        """The triggers of a day; puts into `seen` who came into the trigger's segment, and left it."""
        trigger = self.campaign.definition.trigger
        if isinstance(trigger, EventTrigger):
            async for event in self.backtest.events.named(trigger.event, since=day, before=after):
                for fired in fired_by_event([self.campaign], event):
                    yield Met(fired, event.event.received_at)
        if not isinstance(trigger, SegmentTrigger | Broadcast):
            return
        taken_at = self.campaign.taken_at
        if taken_at is not None and day <= taken_at < after:
            async for fired in self._members(trigger, taken_at, seen):
                yield Met(fired, taken_at)
        async for change in self.backtest.segments.changes(trigger.segment, since=day, before=after):
            if not left_by_merging(change):
                seen.append(Seen(change.profile_id, change.segment, change.change, change.at))
            for fired in fired_by_change([self.campaign], change):
                yield Met(fired, change.at)

    async def _members(
        self, trigger: SegmentTrigger | Broadcast, at: datetime, seen: list[Seen]
    ) -> AsyncIterator[Fired]:
        """Of then; whoever entered at that very instant is told of by the change where entries are."""
        cursor, more, taken, segment = None, True, 0, trigger.segment
        while more:
            members, cursor = await self.backtest.segments.members(segment, cursor, limit=PAGE, at=at)
            if isinstance(trigger, SegmentTrigger):
                members = [member for member in members if member.entered_at < at]
            seen += [Seen(member.profile_id, segment, "entered", member.entered_at) for member in members]
            people = ((member.profile_id, member.user_id) for member in members)
            for fired in fired_by_time(self.campaign, segment, at, people, before=taken):
                yield fired
            more, taken = cursor is not None, taken + len(members)

    async def _meet(self, profile_ids: Sequence[UUID]) -> None:
        """Learn who these are, what they allowed, and what they were sent."""
        asked = await self.backtest.profiles.ask(profile_ids, history=True)
        now = {one: asked.people[one].id if one in asked.people else one for one in profile_ids}
        people = {one.id: one for one in asked.people.values()}
        known = await self._read(set(now.values()), people)
        for profile_id in set(now.values()) - self.replay.people.keys():
            self.replay.people[profile_id] = known.of(profile_id, people, asked)
        self.current |= now

    async def _read(self, profile_ids: Collection[UUID], people: Mapping[UUID, Recipient]) -> "Known":
        secret, campaign_id = self.backtest.speech.address_secret, self.campaign.id
        since = self.since - max((cap.within for cap in self.replay.rules.caps), default=timedelta())
        homes = {key: home for key, one in people.items() if (home := household_key(secret, one)) is not None}
        channels = {channel for offer in self.replay.offers for channel in offer.channels}
        recipients = list(people.values())
        async with self.backtest.db.snapshot() as tx:
            messages = await read_messages_between(tx, profile_ids, since=since, until=self.until, but_of=campaign_id)
            earlier = await read_earlier_before(tx, profile_ids, campaign_id, self.since)
            at_home = await read_household_messages(tx, set(homes.values()), since=since, but_of=campaign_id)
            suppressions = await read_suppressions(tx, recipients, channels, secret)
        for place in asked_addresses(recipients, channels, secret):
            self.suppressed[place] = suppressions(*place)
        return Known(messages, earlier, homes, at_home)


@dataclass(frozen=True, slots=True)
class Known:
    """What the database knows of some people."""

    messages: Mapping[UUID, Sequence[Message]]
    earlier: Mapping[UUID, Earlier]
    homes: Mapping[UUID, str]
    at_home: Mapping[str, Sequence[Message]]

    def of(self, profile_id: UUID, people: Mapping[UUID, Recipient], asked: Asked) -> Past:
        home = self.homes.get(profile_id)
        return Past(
            recipient=people.get(profile_id),
            unreadable=profile_id in asked.unreadable,
            messages=self.messages.get(profile_id, ()),
            earlier=self.earlier.get(profile_id),
            household=home,
            household_messages=self.at_home.get(home, ()) if home else (),
        )
