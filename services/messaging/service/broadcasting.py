"""Broadcasts: at their time every member of the segment is a trigger, taken page by page by whoever holds the campaign's lane.

So are those who are members already when a campaign starts that asks for them.
"""

from collections.abc import Sequence
from dataclasses import asdict

from services.messaging.clients.neighbours import Member, Segments
from services.messaging.domain.campaign import CANCELLED, Broadcast, Campaign, SegmentTrigger
from services.messaging.domain.timing import tested_at
from services.messaging.domain.triggers import fired_by_time
from services.messaging.domain.winner import choose
from services.messaging.service.reports import group_of
from services.messaging.store import people
from services.messaging.store.broadcasts import Progress, advance_broadcast, find_broadcasts
from services.messaging.store.catalogue import load_campaigns, put_winner
from services.messaging.store.lists import count_people
from services.messaging.store.triggers import Seen, insert_triggers, remember_members
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection, Database
from shared.plumbing.errors import Unavailable
from shared.plumbing.lanes import lane_of
from shared.plumbing.leases import Leases
from shared.plumbing.log import get_logger

log = get_logger()
PAGE = 500
NOBODY = group_of([])


class Broadcaster:
    """One step: one page of each broadcast that is due."""

    def __init__(self, db: Database, segments: Segments, *, leases: Leases, clock: Clock) -> None:
        self._db = db
        self._segments = segments
        self._leases = leases
        self._clock = clock

    async def step(self) -> int:
        """Returns how many pages were taken. Raises Unavailable while segments is away, LeaseLost if the lane is another's."""
        campaigns = {one.id: one for one in await load_campaigns(self._db)}
        # Of one that was cancelled the rest is taken, too, so that everybody has an outcome.
        ours = [
            one.id
            for one in campaigns.values()
            if (one.running or one.status == CANCELLED) and lane_of(one.id) in self._leases.held
        ]
        due = await find_broadcasts(self._db, ours, now=self._clock.now())
        taken, failure = 0, None
        for progress in due:
            try:
                await self._take_page(campaigns[progress.campaign_id], progress)
                taken += 1
            except Unavailable as error:  # also where one segment is gone: that holds up no other broadcast
                failure = error
        for campaign in campaigns.values():
            if campaign.id in ours:
                await self._find_winner(campaign)
        if failure is not None and not taken:
            raise failure
        return taken

    async def _find_winner(self, campaign: Campaign) -> None:
        """Once the time of its test is over; by what is known then."""
        goal, test, at = campaign.definition.goal, campaign.definition.test, campaign.taken_at
        now = self._clock.now()
        if goal is None or test is None or at is None or campaign.winner or not campaign.running:
            return
        if now < (tested_at(campaign.definition, at) or now):
            return
        found = await count_people(self._db, campaign.id)
        told = {row["variant"]: group_of([row]) for row in found if not row["held_out"]}
        groups = [(one.template, told.get(one.template, NOBODY)) for one in campaign.definition.variants]
        choice = choose(groups, by=test.by, event=goal.event)
        await put_winner(self._db, campaign.id, asdict(choice) | {"at": at, "by": test.by, "chosen_at": now})
        log.info("winner_found", campaign=campaign.key, variant=choice.variant, shown=choice.shown)

    async def _take_page(self, campaign: Campaign, progress: Progress) -> None:
        trigger = campaign.definition.trigger
        if campaign.taken_at != progress.at or not isinstance(trigger, Broadcast | SegmentTrigger):
            return
        segment = trigger.segment
        members, cursor = await self._segments.members(segment, progress.cursor, limit=PAGE)
        if isinstance(trigger, SegmentTrigger):  # who enters later is heard of as anybody who enters
            members = [member for member in members if member.entered_at < progress.at]

        async def work(tx: Connection) -> None:
            await self._leases.check(tx, [lane_of(campaign.id)])
            done_at = None if cursor else self._clock.now()
            if await advance_broadcast(tx, progress, cursor=cursor, members=len(members), done_at=done_at):
                await self._take(tx, campaign, members, segment=segment, progress=progress)

        await self._db.run(work)

    async def _take(
        self, tx: Connection, campaign: Campaign, members: Sequence[Member], *, segment: str, progress: Progress
    ) -> None:
        current = await people.meet(tx, [member.profile_id for member in members])
        known = [(member, now) for member in members if (now := current[member.profile_id]) is not None]
        entered = {now: Seen(now, segment, "entered", member.entered_at) for member, now in known}
        await remember_members(tx, list(entered.values()))
        people_of = ((member.profile_id, member.user_id) for member in members)
        fired = fired_by_time(campaign, segment, progress.at, people_of, before=progress.taken)
        await insert_triggers(tx, fired, current=current, at=self._clock.now())
