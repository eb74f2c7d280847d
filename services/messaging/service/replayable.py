"""What a backtest is asked for: which campaign, in which time."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from services.messaging.clients.neighbours import Segments
from services.messaging.domain.campaign import Broadcast, Campaign, EventTrigger, JourneyTrigger, SegmentTrigger
from services.messaging.domain.campaign_reading import parse_instant
from services.messaging.service.catalogue import get_campaign, read_draft
from services.messaging.store.catalogue import to_campaign
from shared.language.durations import parse_duration
from shared.plumbing.db import Database
from shared.plumbing.errors import Invalid
from shared.plumbing.ids import new_id

LONGEST = timedelta(days=400)
REFUSALS: dict[type, str] = {
    JourneyTrigger: "a journey sends it, and where people would have been on a journey is not recorded: try a draft of it that has the "
    "journey's entry as its trigger, and what lies between as its delay; that shows whom it could have reached at most"
}


def read_since(text: str, until: datetime, *, now: datetime) -> datetime:
    """From when on: an instant, or a duration before `until`. Raises Invalid where the time is not over, or too long."""
    if until > now:
        raise _fault("until", "must not be in the future")
    try:
        since = until - parse_duration(text) if text.startswith("P") else parse_instant(text)
    except (ValueError, OverflowError) as error:
        raise _fault("since", f"{error}, or a duration such as P30D") from None
    if not timedelta() < until - since <= LONGEST:
        raise _fault("since", f"must be before until, by {LONGEST.days} days at most")
    return since


async def to_replay(
    db: Database, segments: Segments, asked: str | dict[str, Any], *, since: datetime, until: datetime
) -> Campaign:
    """The campaign as if it had run all that time. Raises Invalid, NotFound, Unavailable."""
    runs = ((since, None),)
    if isinstance(asked, str):
        campaign = replace(to_campaign(await get_campaign(db, asked)), status="running", runs=runs)
    else:
        definition = await read_draft(db, segments, asked, within=["campaign"])
        campaign = Campaign(new_id(), str(asked["key"]), definition, "running", runs)
    trigger = campaign.definition.trigger
    if not isinstance(trigger, EventTrigger | SegmentTrigger | Broadcast):
        raise _fault("campaign", REFUSALS.get(type(trigger), "its trigger cannot be replayed"))
    if isinstance(trigger, Broadcast) and not since <= trigger.at < until:
        raise _fault("campaign", "its time must lie within the time that is replayed")
    return campaign


def _fault(field: str, msg: str) -> Invalid:
    return Invalid.of([{"loc": ["body", field], "msg": msg}])
