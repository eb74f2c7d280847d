"""A dry run: who would get a campaign's message now and who not, and why. Nothing is written, nothing is sent."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from services.messaging.clients.neighbours import Asked, Member, Profiles, Segments
from services.messaging.domain.campaign import Broadcast, Campaign, SegmentTrigger
from services.messaging.domain.households import counted_with
from services.messaging.domain.verdict import Defer, Message, Refuse, Send, Verdict, as_shown
from services.messaging.service.claiming import Histories, Prepared, read_histories
from services.messaging.service.judging import Catalogue, Speech, draft, judge, request_for
from services.messaging.store.catalogue import load_rules, load_templates
from services.messaging.store.sends import Due
from shared.plumbing.db import Database
from shared.plumbing.errors import Invalid, Unavailable
from shared.plumbing.ids import new_id
from shared.plumbing.lanes import lane_of

PAGE = 500
LONGEST = 30.0
"""Seconds, after which what was found is told."""


@dataclass(slots=True)
class Found:
    """What was found so far."""

    decisions: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    items: list[dict[str, Any]] = field(default_factory=list)

    def add(self, member: Member, verdict: Verdict) -> None:
        decision, reason, facts = as_shown(verdict)
        self.decisions[decision] += 1
        self.reasons[reason] += 1
        who = {"profile_id": member.profile_id, "user_id": member.user_id}
        self.items.append(who | {"decision": decision, "reason": reason, "facts": facts})


@dataclass(frozen=True, slots=True)
class DryRun:
    """Goes through the members of the trigger's segment as a broadcast does."""

    db: Database
    segments: Segments
    profiles: Profiles
    speech: Speech
    elapsed: Callable[[], float] = time.monotonic

    async def run(self, campaign: Campaign, *, now: datetime, limit: int, cursor: str | None) -> dict[str, Any]:
        """At most `limit` members from `cursor` on, decided as if the campaign ran. Raises Invalid where an event triggers it,
        Unavailable."""
        trigger = campaign.definition.trigger
        if not isinstance(trigger, SegmentTrigger | Broadcast):
            fault = {
                "loc": ["path", "key"],
                "msg": "its trigger is no segment; a backtest shows what it would have done",
            }
            raise Invalid("Whom it would concern is not known before it comes.", errors=[fault])
        size = await self.segments.size(trigger.segment)
        if size is None:
            raise Unavailable(f"There is no segment {trigger.segment!r} any more.")
        at = max(now, trigger.at) if isinstance(trigger, Broadcast) else now
        at += campaign.definition.delay
        catalogue = await self._catalogue(replace(campaign, status="running"))
        segment, found, looked_at, until = trigger.segment, Found(), 0, self.elapsed() + LONGEST
        while looked_at < limit and self.elapsed() < until:
            members, cursor = await self.segments.members(segment, cursor, limit=min(PAGE, limit - looked_at))
            await self._look(found, members, segment, campaign, catalogue, at)
            looked_at += len(members)
            if cursor is None:
                break
        return {
            "campaign": campaign.key,
            "segment": segment,
            "as_of": at,
            "looked_at": looked_at,
            "of": max(size, looked_at),
            "decisions": dict(found.decisions.most_common()),
            "reasons": dict(found.reasons.most_common()),
            "items": found.items,
            "next": cursor,
        }

    async def _catalogue(self, campaign: Campaign) -> Catalogue:
        async with self.db.snapshot() as tx:
            keys = sorted({variant.template for variant in campaign.definition.variants})
            found = await load_templates(tx, keys)
            templates = {key: [one for one in found if one.key == key] for key in keys}
            return Catalogue({campaign.id: campaign}, templates, await load_rules(tx))

    async def _look(
        self,
        found: Found,
        members: Sequence[Member],
        segment: str,
        campaign: Campaign,
        catalogue: Catalogue,
        at: datetime,
    ) -> None:
        asked = await self.profiles.ask([member.profile_id for member in members])
        context = {"segment": segment, "change": "entered"}
        secret = self.speech.address_secret
        prepared = [_prepared(member, asked, campaign, context, secret, at) for member in members]
        async with self.db.snapshot() as tx:
            known = await read_histories(tx, prepared, catalogue, secret=secret, now=at)
        # A membership that messaging has seen end before is one again: segments says so now.
        histories = replace(known, changes={})
        verdicts = await asyncio.to_thread(self._judge, prepared, catalogue, histories, at)
        for member, verdict in zip(members, verdicts, strict=True):
            found.add(member, verdict)

    def _judge(
        self, prepared: Sequence[Prepared], catalogue: Catalogue, histories: Histories, at: datetime
    ) -> list[Verdict]:
        return [self._verdict(one, catalogue, histories, at) for one in prepared]

    def _verdict(self, one: Prepared, catalogue: Catalogue, histories: Histories, at: datetime) -> Verdict:
        zone = self.speech.default_zone
        request = request_for(one.due, catalogue, one.recipient, zone, unreadable=one.unreadable)
        verdict = judge(request, histories.of(one), now=at)
        if isinstance(verdict, Defer) and verdict.reason in ("local_time", "best_time"):
            at = verdict.until  # there it is decided
            verdict = judge(request, histories.of(one), now=at)
        if not isinstance(verdict, Send) or one.recipient is None:
            return verdict
        made = draft(one.due, verdict, catalogue, one.recipient, speech=self.speech, now=at)
        if isinstance(made, Refuse):
            return made
        purpose = catalogue.campaigns[one.due.campaign_id].definition.purpose
        histories.note(one.household, Message(purpose, made.channel, at, made.delivery_id))
        return verdict


def _prepared(
    member: Member, asked: Asked, campaign: Campaign, context: dict[str, Any], secret: str, at: datetime
) -> Prepared:
    """As if the member's message were due."""
    recipient = asked.people.get(member.profile_id)
    profile_id = recipient.id if recipient else member.profile_id
    due = Due(
        lane=lane_of(profile_id),
        id=new_id(),
        campaign_id=campaign.id,
        campaign=campaign.key,
        profile_id=profile_id,
        user_id=member.user_id,
        trigger_at=at - campaign.definition.delay,
        trigger=context,
        due_at=at,
        next_at=at,
        attempts=0,
        delivery_id=None,
        tried=[],
    )
    home = counted_with(secret, campaign.definition, recipient) if recipient else None
    return Prepared(due, recipient, None, member.profile_id in asked.unreadable, home)
