"""Did it help: events that are what a campaign hopes for."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from services.messaging.domain.campaign import Campaign
from shared.language.exact import is_number
from shared.language.paths import find_one
from shared.schemas.resolved import EventResolved


@dataclass(frozen=True, slots=True)
class Hit:
    """A goal event: it counts for the campaign's triggers from `since` on and before `before`, but not for one that it was itself.

    The time runs from when a message was first due (trigger and `delay`, or later by the local clock), for who was told as for
    who was held out: when the message really went out depends on whom it is for.
    """

    profile_id: UUID
    campaign_id: UUID
    message_id: str
    at: datetime
    since: datetime
    before: datetime
    delay: timedelta
    revenue: Decimal | None

    def of(self, profile_id: UUID) -> "Hit":
        """The same for whoever the profile is now."""
        return replace(self, profile_id=profile_id)


def goals_met(campaigns: Iterable[Campaign], resolved: EventResolved) -> list[Hit]:
    """The campaigns whose goal this event is; imported history is nobody's success."""
    if resolved.imported:
        return []
    event = resolved.event
    hits = []
    for campaign in campaigns:
        goal = campaign.definition.goal
        if goal is not None and goal.event == event.name:
            amount = find_one(event.properties, goal.revenue) if goal.revenue else None
            revenue = Decimal(amount) if is_number(amount) else None
            before = event.timestamp - campaign.definition.delay
            hits.append(
                Hit(
                    profile_id=resolved.profile_id,
                    campaign_id=campaign.id,
                    message_id=event.message_id,
                    at=event.timestamp,
                    since=before - goal.within,
                    before=before,
                    delay=campaign.definition.delay,
                    revenue=revenue,
                )
            )
    return hits
