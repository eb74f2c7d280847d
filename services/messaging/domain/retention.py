"""How long decisions and messages are kept: as long as asked for, and as any rule still looks at them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.messaging.domain.campaign import Campaign
from services.messaging.domain.confirming import AGAIN_AFTER
from services.messaging.domain.journey import Journey
from services.messaging.domain.rules import Rules


@dataclass(frozen=True, slots=True)
class Forgettable:
    """Of one campaign: decisions from before `before` may go; those that say somebody had the message (or was held out from
    it) only from before `had_before`, None for never."""

    campaign_id: UUID
    before: datetime
    had_before: datetime | None


def forgettable_decisions(campaigns: Iterable[Campaign], *, now: datetime, kept: timedelta) -> list[Forgettable]:
    """What may go of each campaign, by its re-entry rule and its goal."""
    return [Forgettable(one.id, now - kept, _had_before(one, now, kept)) for one in campaigns]


def _had_before(campaign: Campaign, now: datetime, kept: timedelta) -> datetime | None:
    if campaign.status == "deleted":
        return now - kept
    definition = campaign.definition
    if definition.reentry == "once":
        return None
    reentry = definition.reentry if isinstance(definition.reentry, timedelta) else kept
    goal = definition.goal.within if definition.goal else kept
    return now - max(kept, reentry, goal)


def forgettable_runs(journeys: Iterable[Journey], *, now: datetime, kept: timedelta) -> dict[UUID, datetime]:
    """By journey: before when a run must have ended to go. A journey that brings people in once knows them for ever."""
    found = {}
    for journey in journeys:
        reentry = journey.definition.reentry
        if journey.status == "deleted" or reentry == "always":
            found[journey.id] = now - kept
        elif isinstance(reentry, timedelta):
            found[journey.id] = now - max(kept, reentry)
    return found


def forgettable_messages(rules: Rules, *, now: datetime, kept: timedelta) -> datetime:
    """Messages from before this may go: no frequency cap counts them, and whoever was asked by one may be asked again."""
    return now - max(kept, *(cap.within for cap in rules.caps), AGAIN_AFTER if rules.confirming else timedelta())
