"""Did it help: events that are what a campaign hopes for."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from services.messaging.domain.campaign import Campaign
from shared.language.exact import is_number
from shared.language.paths import find_one
from shared.schemas.resolved import EventResolved


@dataclass(frozen=True, slots=True)
class Hit:
    """A goal event: it counts for the campaign's messages from `since` on."""

    profile_id: UUID
    campaign_id: UUID
    at: datetime
    since: datetime
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
            since = event.timestamp - goal.within
            hits.append(Hit(resolved.profile_id, campaign.id, event.timestamp, since, revenue))
    return hits
