"""Campaigns: what makes us speak, what we say, to whom not and when not."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

from services.messaging.domain.staff import OPERATIONAL, Staff, TaskPlan
from services.messaging.domain.winner import Test
from shared.language.predicates import Predicate

TRANSACTIONAL, MARKETING = "transactional", "marketing"
CANCELLED = "cancelled"
CHANNELS = ("email", "sms", "push", "webhook")
DEFAULT_STALE_AFTER = timedelta(days=1)


HAPPENED = frozenset({"event", "profile", "time"})
CAUSES = ("event", "profile", "time", "import", "backfill", "edit", "merge")


@dataclass(frozen=True, slots=True)
class SegmentTrigger:
    """A profile entered or left a segment, by one of these causes: what only became known, or was defined anew, is none of
    them unless it is asked for. `existing`: also, once, by who is a member when the campaign is first started."""

    segment: str
    on: Literal["entered", "left"]
    causes: frozenset[str] = HAPPENED
    existing: bool = False


@dataclass(frozen=True, slots=True)
class EventTrigger:
    """An event of this name, of which all of `where` holds. `imported`: also one that was imported as history."""

    event: str
    where: tuple[Predicate, ...] = ()
    imported: bool = False


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Everybody who is in the segment at an instant. `local`: each is told when their own clock shows this time; `at` is then
    when the first clock on earth does."""

    segment: str
    at: datetime
    local: datetime | None = None


@dataclass(frozen=True, slots=True)
class JourneyTrigger:
    """A run of the journey reaches a step that sends this campaign."""

    journey: str


@dataclass(frozen=True, slots=True)
class ConfirmTrigger:
    """A consent for this purpose is given, or something is to be said for it, and the owner of the address has not confirmed it."""

    purpose: str


@dataclass(frozen=True, slots=True)
class TaskTrigger:
    """Nobody has taken a task of the campaign so long that this step of its escalation has come. Never written by people."""

    step: int


Trigger = SegmentTrigger | EventTrigger | Broadcast | JourneyTrigger | ConfirmTrigger | TaskTrigger


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the templates, drawn with a chance in proportion to its weight."""

    template: str
    weight: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Goal:
    """What we hope for: an event within this time of the message; `revenue` is the path of an amount in it."""

    event: str
    within: timedelta
    revenue: str | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    """`channel`: one of CHANNELS, `preferred` (in the person's order), or None (the template's own). `local_time`: of the
    day, where the person is; the message waits for it. `best_time`: it waits for the hour in which the person looks at messages most.
    `rate`: most messages in any minute, None for any number.
    `wait_when_capped`: how long after it was first due a message may wait for the frequency caps; None: not at all.
    `tracking`: whether opens and clicks may be noticed, where the deployment does that at all.
    `test`: who gets the variants, where the others get the best of them. `recipient`: who is told instead of the person; `task`:
    what is made instead of a message.
    """

    trigger: Trigger
    variants: tuple[Variant, ...]
    purpose: str
    channel: str | None = None
    topic: str | None = None
    delay: timedelta = timedelta()
    holdout: Decimal = Decimal(0)
    goal: Goal | None = None
    reentry: Literal["once", "always"] | timedelta = "once"
    stale_after: timedelta = DEFAULT_STALE_AFTER
    local_time: time | None = None
    best_time: bool = False
    rate: int | None = None
    wait_when_capped: timedelta | None = None
    tracking: bool = True
    test: Test | None = None
    recipient: Staff | None = None
    task: TaskPlan | None = None

    @property
    def templates(self) -> list[str]:
        """The keys of all templates by which it speaks."""
        steps = self.task.escalate if self.task else ()
        return [*(one.template for one in self.variants), *(one.template for one in steps)]


@dataclass(frozen=True, slots=True)
class Campaign:
    """`runs`: from when to when it was running; the last one is open while it runs. `winner`: the variant that was found to be
    the best, once it is."""

    id: UUID
    key: str
    definition: Definition
    status: str
    runs: tuple[tuple[datetime, datetime | None], ...]
    winner: str | None = None

    @property
    def running(self) -> bool:
        return self.status == "running"

    @property
    def held_up(self) -> bool:
        """Whether what it has to say waits for it to be started again."""
        return self.status == "paused" and isinstance(self.definition.trigger, Broadcast)

    @property
    def transactional(self) -> bool:
        return self.definition.purpose == TRANSACTIONAL

    @property
    def urgent(self) -> bool:
        """Whether it goes before what is not."""
        return self.definition.purpose in (TRANSACTIONAL, OPERATIONAL)

    def heeds(self, at: datetime) -> bool:
        """Whether what happened then is a trigger at all: it was started before."""
        return bool(self.runs) and at >= self.runs[0][0]

    @property
    def taken_at(self) -> datetime | None:
        """When the members of its segment are taken as they are; None if they never are."""
        trigger = self.definition.trigger
        if isinstance(trigger, Broadcast):
            return trigger.at
        existing = isinstance(trigger, SegmentTrigger) and trigger.existing
        return self.runs[0][0] if existing and self.runs else None

    def ran_at(self, at: datetime) -> bool:
        """False where it was paused then."""
        return any(start <= at and (end is None or at < end) for start, end in self.runs)


def segments_used(campaigns: Iterable[Campaign]) -> frozenset[str]:
    """The keys of the segments whose changes matter to these campaigns."""
    triggers = (campaign.definition.trigger for campaign in campaigns)
    return frozenset(t.segment for t in triggers if isinstance(t, SegmentTrigger | Broadcast))


def events_used(campaigns: Iterable[Campaign]) -> frozenset[str]:
    """The names of the events that matter to these campaigns, as triggers or goals."""
    definitions = [campaign.definition for campaign in campaigns]
    goals = {one.goal.event for one in definitions if one.goal}
    return frozenset(goals | {one.trigger.event for one in definitions if isinstance(one.trigger, EventTrigger)})
