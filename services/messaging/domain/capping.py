"""Frequency caps: which stands in the way of a message, and until when."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.messaging.domain.campaign import Campaign
from services.messaging.domain.local_time import zone_of
from services.messaging.domain.rules import Cap
from services.messaging.domain.timing import due_where
from services.messaging.domain.verdict import Defer, History, Refuse, Request
from shared.language.durations import format_duration


def held_by_cap(
    request: Request, campaign: Campaign, channel: str, history: History, now: datetime
) -> Refuse | Defer | None:
    """The first cap that is reached; where the campaign waits, until none of them is, unless that is too late."""
    definition = campaign.definition
    reached = [cap for cap in request.rules.caps if cap.concerns(definition.purpose, channel)]
    reached = [cap for cap in reached if _sent_within(cap, history, now) >= cap.max]
    if not reached:
        return None
    facts: dict[str, Any] = {"cap": reached[0].to_json(), "sent": _sent_within(reached[0], history, now)}
    if definition.wait_when_capped is None:
        return Refuse("skipped", "frequency_cap", facts)
    until = _allowed_at(reached, history)
    facts |= {"wait": format_duration(definition.wait_when_capped)}
    if until is None or until > _first_due(request, campaign, history) + definition.wait_when_capped:
        return Refuse("skipped", "frequency_cap", facts)
    return Defer("frequency_cap", until, facts | {"until": until})


def _first_due(request: Request, campaign: Campaign, history: History) -> datetime:
    """Before anything made it wait."""
    traits = request.recipient.traits if request.recipient else {}
    place = zone_of(traits, request.default_zone)
    due_at = due_where(campaign.definition, request.trigger_at, place, history.acts)
    return request.trigger_at + campaign.definition.delay if due_at is None else due_at


def _counted(cap: Cap, history: History) -> list[datetime]:
    """When the messages were sent that a cap counts."""
    messages = history.messages
    if cap.per_household and history.household is not None:
        messages = history.household
    return sorted(m.at for m in messages if m.purpose == cap.purpose and cap.channel in (None, m.channel))


def _sent_within(cap: Cap, history: History, now: datetime) -> int:
    return sum(1 for at in _counted(cap, history) if at > now - cap.within)


def _allowed_at(caps: Sequence[Cap], history: History) -> datetime | None:
    """The first instant at which none of these is reached any more, if nothing else is sent; None if there is none."""
    instants = []
    for cap in caps:
        if cap.max == 0:
            return None
        # With this message gone from its window, fewer than `max` are left in it.
        instants.append(_counted(cap, history)[-cap.max] + cap.within)
    return max(instants)
