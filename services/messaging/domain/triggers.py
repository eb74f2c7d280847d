"""Which campaigns something that happened makes speak."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.messaging.domain.campaign import Campaign, ConfirmTrigger, EventTrigger, SegmentTrigger, Trigger
from services.messaging.domain.confirming import CHANNEL
from services.messaging.domain.gate import at_least
from services.messaging.domain.staff import OPERATIONAL
from shared.language.predicates import all_hold
from shared.schemas.membership import MembershipChanged
from shared.schemas.resolved import ConsentRecorded, Event, EventResolved

OUR_SOURCE = "messaging"


@dataclass(frozen=True, slots=True)
class Fired:
    """A campaign has a reason to speak to a profile. `trigger_id` is the same whenever the same thing is met again.

    `due_at`: when the message is due. `look_at`: when to look at it first; before it is due where that is how long a rate makes
    it wait. `paused`: it happened while the campaign was paused.
    """

    campaign: Campaign
    profile_id: UUID
    user_id: str | None
    trigger_id: str
    at: datetime
    due_at: datetime
    look_at: datetime
    paused: bool
    context: dict[str, Any]


def fired_by_change(campaigns: Iterable[Campaign], change: MembershipChanged) -> list[Fired]:
    """By an entry or exit of a cause that the trigger asks for: by default none of a backfill, an edit, a merge or an import."""
    context = context_of_change(change)
    return [
        _fire(
            campaign, change.profile_id, change.user_id, f"{change.id}", met_at=change.at, at=change.at, context=context
        )
        for campaign in campaigns
        if campaign.heeds(change.at) and is_change(campaign.definition.trigger, change)
    ]


def context_of_change(change: MembershipChanged) -> dict[str, Any]:
    """What templates may say of it."""
    return {"segment": change.segment, "change": change.change, "at": change.at, "cause": change.cause}


def is_change(trigger: Trigger, change: MembershipChanged) -> bool:
    """Whether the trigger is about it."""
    return (
        isinstance(trigger, SegmentTrigger)
        and (trigger.segment, trigger.on) == (change.segment, change.change)
        and change.cause.get("kind") in trigger.causes
    )


def left_by_merging(change: MembershipChanged) -> bool:
    """The one that is gone leaves its segments; that says nothing of the survivor, whose own changes say it."""
    return change.change == "left" and change.cause.get("kind") == "merge"


def fired_by_event(campaigns: Iterable[Campaign], resolved: EventResolved) -> list[Fired]:
    """By an event that came after the start, whenever it happened; by imported ones only where that is asked for.

    One that is dated in the future is due when that time comes; one that is late is stale from its own time on.
    """
    event = resolved.event
    if event.name is None:
        return []
    context = context_of_event(event)
    return [
        _fire(
            campaign,
            resolved.profile_id,
            event.user_id,
            id_of_event(event),
            met_at=event.received_at,
            at=event.timestamp,
            context=context,
        )
        for campaign in campaigns
        if _heeds_event(campaign, resolved)
    ]


def context_of_event(event: Event) -> dict[str, Any]:
    """What templates may say of it."""
    return event.properties | {
        "event": event.name,
        "properties": event.properties,
        "context": event.context,
        "timestamp": event.timestamp,
        "message_id": event.message_id,
    }


def id_of_event(event: Event) -> str:
    """The same whenever it is met."""
    return f"{event.source}\x1f{event.message_id}"


def _heeds_event(campaign: Campaign, resolved: EventResolved) -> bool:
    event = resolved.event
    if not campaign.heeds(event.received_at) or not is_event(campaign.definition.trigger, resolved):
        return False
    # Else a campaign on "Email Sent" that may be re-entered would answer itself for ever.
    return event.source != OUR_SOURCE or not _answers_itself(campaign, event)


def _answers_itself(campaign: Campaign, event: Event) -> bool:
    """Whether an outcome is the campaign's own, or one of campaigns for staff by which two of these would keep each other going:
    nothing but people ends that."""
    if event.properties.get("campaign") == campaign.key:
        return True
    if event.properties.get("purpose") != OPERATIONAL or campaign.definition.purpose != OPERATIONAL or not event.name:
        return False
    made_of_task = event.name in ("Task Created", "Task Escalated") and campaign.definition.task is not None
    return made_of_task or not event.name.startswith("Task ")


def is_event(trigger: Trigger, resolved: EventResolved) -> bool:
    """Whether the trigger is about it."""
    event = resolved.event
    if not isinstance(trigger, EventTrigger) or trigger.event != event.name:
        return False
    if resolved.replayed or (resolved.imported and not trigger.imported):
        return False
    return all_hold(trigger.where, event.properties, event.context)


def fired_by_consent(campaigns: Iterable[Campaign], given: ConsentRecorded) -> list[Fired]:
    """By a consent for an address that may have to be confirmed. Not by what was said by a link: that came from the address, or
    is asked about when something is to be said. One given long ago is stale, as anything else is."""
    if given.status != "granted" or given.channel not in (CHANNEL, "any") or given.by_link:
        return []
    return [
        _fire(
            campaign,
            given.profile_id,
            None,
            f"consent\x1f{given.id}",
            met_at=given.at,
            at=given.at,
            context={"purpose": given.purpose},
        )
        for campaign in campaigns
        if campaign.definition.trigger == ConfirmTrigger(given.purpose) and campaign.heeds(given.at)
    ]


def fired_by_step(
    campaign: Campaign,
    profile_id: UUID,
    user_id: str | None,
    *,
    run_id: UUID,
    step: str,
    at: datetime,
    context: dict[str, Any],
) -> Fired:
    """By a run of a journey that reached a step; whether the campaign runs counts now, not then."""
    fired = _fire(
        campaign,
        profile_id,
        user_id,
        f"{run_id}\x1f{step}",
        met_at=None,
        at=at,
        context=context | {"run_id": run_id, "step": step},
    )
    return replace(fired, paused=not campaign.running)


def fired_by_task(
    campaign: Campaign, profile_id: UUID, user_id: str | None, *, trigger_id: str, at: datetime, context: dict[str, Any]
) -> Fired:
    """By a task that waits for somebody; whether the campaign runs counts then."""
    return _fire(campaign, profile_id, user_id, trigger_id, met_at=None, at=at, context=context)


def fired_by_time(
    campaign: Campaign, segment: str, at: datetime, members: Iterable[tuple[UUID, str | None]], *, before: int = 0
) -> list[Fired]:
    """By the time at which the members of its segment are taken; a pause meanwhile only holds that up. `before`: how many
    were taken already. With a rate each is due when its turn comes at the latest, so that no rate makes a message stale."""
    context = {"segment": segment, "at": at}
    found = [
        _fire(campaign, profile_id, user_id, f"{at.isoformat()}\x1f{profile_id}", met_at=None, at=at, context=context)
        for profile_id, user_id in members
    ]
    rate = campaign.definition.rate
    if rate is None:
        return found
    turns = (timedelta(seconds=place / at_least(rate)) for place in range(before, before + len(found)))
    return [replace(one, due_at=one.due_at + turn) for one, turn in zip(found, turns, strict=True)]


def _fire(
    campaign: Campaign,
    profile_id: UUID,
    user_id: str | None,
    trigger_id: str,
    *,
    met_at: datetime | None,
    at: datetime,
    context: dict[str, Any],
) -> Fired:
    return Fired(
        campaign=campaign,
        profile_id=profile_id,
        user_id=user_id,
        trigger_id=trigger_id,
        at=at,
        due_at=at + campaign.definition.delay,
        look_at=at + campaign.definition.delay,
        paused=met_at is not None and not campaign.ran_at(met_at),
        context=context,
    )
