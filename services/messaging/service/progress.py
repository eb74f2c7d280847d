"""How far a campaign is: of everybody it is for, who has an outcome, and which, and who has none yet."""

from collections import Counter
from typing import Any

import asyncpg

from services.messaging.clients.neighbours import Segments
from services.messaging.domain.campaign import Broadcast, Campaign, SegmentTrigger
from services.messaging.store.broadcasts import Standing, read_standing
from services.messaging.store.catalogue import to_campaign
from shared.plumbing.db import Database
from shared.plumbing.errors import Unavailable


async def progress_of(db: Database, segments: Segments, row: asyncpg.Record) -> dict[str, Any]:
    """Exact: `outcomes` and `remaining` add up to `taken`, and that to `audience` once everybody is taken."""
    campaign = to_campaign(row)
    broadcast = isinstance(campaign.definition.trigger, Broadcast)
    found = await read_standing(db, campaign.id, at=campaign.taken_at, broadcast=broadcast)
    outcomes, waiting = _sorted(found)
    taken = sum(outcomes.values()) + sum(waiting.values())
    return {
        "campaign": campaign.key,
        "status": campaign.status,
        "taken": taken,
        "audience": taken if found.done_at else None,
        "expected": await _expected(segments, campaign, found),
        "remaining": sum(waiting.values()),
        "waiting": dict(waiting),
        "outcomes": dict(outcomes),
        "reasons": dict(_reasons(found)),
    }


def _sorted(found: Standing) -> tuple[Counter[str], Counter[str]]:
    """Final decisions; and what the others wait for."""
    outcomes, waiting = Counter[str](), Counter[str]()
    for state, decision, reason, count in found.counts:
        if state == "done":
            outcomes[decision or "unknown"] += count
        else:
            waiting["sending" if state == "claimed" else reason or "due"] += count
    return outcomes, waiting


def _reasons(found: Standing) -> Counter[str]:
    reasons = Counter[str]()
    for state, _, reason, count in found.counts:
        if state == "done":
            reasons[reason or "unknown"] += count
    return reasons


async def _expected(segments: Segments, campaign: Campaign, found: Standing) -> int | None:
    """How many members there are now, while they are not all taken."""
    trigger = campaign.definition.trigger
    if campaign.taken_at is None or found.done_at or not isinstance(trigger, SegmentTrigger | Broadcast):
        return None
    try:
        return await segments.size(trigger.segment)
    except Unavailable:
        return None
