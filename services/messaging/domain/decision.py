"""Should we speak? One verdict for one trigger, with its reason and the values behind it.

The order in which refusals are looked for is part of the contract; the first one found is recorded. Nothing but consent,
topics, caps, the holdout and the time of day yields to `transactional`; nor do they concern what is said to staff, or a task.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.messaging.domain.campaign import (
    CANCELLED,
    Broadcast,
    Campaign,
    ConfirmTrigger,
    Definition,
    SegmentTrigger,
)
from services.messaging.domain.capping import held_by_cap
from services.messaging.domain.confirming import AGAIN_AFTER, CHANNEL
from services.messaging.domain.drawing import held_out, in_control_group, in_test, pick
from services.messaging.domain.local_time import contact_windows, held_back, zone_of
from services.messaging.domain.reach import Reached, Unreachable, in_order, reach, shown_consent
from services.messaging.domain.rules import Rules
from services.messaging.domain.staff import Staff
from services.messaging.domain.timing import due_where, tested_at
from services.messaging.domain.verdict import Assign, Defer, Earlier, History, Refuse, Request, Send, Verdict
from shared.language.durations import format_duration
from shared.schemas.recipients import Recipient

PAUSE_LOOK = timedelta(hours=1)
"""How often messages of a paused journey are looked at; when it goes on, they are at once."""
FINDING = timedelta(seconds=5)
"""What it may take to find the winner of a test."""


def decide(request: Request, history: History, *, now: datetime) -> Verdict:
    """The verdict at `now`, apart from the template, which is rendered for those that are sent."""
    verdict = _decide(request, history, now)
    return doubted(verdict) if request.in_doubt and isinstance(verdict, Refuse) else verdict


def doubted(refusal: Refuse) -> Refuse:
    """Of what may have arrived already: it is not sent again, but to call it refused would be a guess."""
    return Refuse("unknown", "no_answer", refusal.facts | {"not_again": refusal.reason})


def _decide(request: Request, history: History, now: datetime) -> Verdict:
    campaign = request.campaign
    if campaign is not None and campaign.status == CANCELLED:
        return Refuse("skipped", CANCELLED, {})
    if campaign is None or not campaign.running or request.paused_then:
        status = campaign.status if campaign else "deleted"
        return Refuse("skipped", "campaign_not_running", {"status": "paused" if request.paused_then else status})
    found = _as_due(request, campaign, history, now)
    if isinstance(found, Defer):
        return found
    request = found
    refusal = _no_longer_wanted(request, campaign, history, now)
    if refusal is not None:
        return refusal
    if history.journey is not None and history.journey.paused:
        until = now + PAUSE_LOOK
        return Defer("journey_paused", until, {"until": until})
    if request.unreadable:
        return Refuse("failed", "unreadable_profile", {})
    if request.recipient is None:
        return Refuse("skipped", "no_profile", {})
    if campaign.definition.task is not None:
        return Assign({"purpose": campaign.definition.purpose})
    if campaign.definition.recipient is not None:
        return _to_staff(request, campaign, campaign.definition.recipient, history, now)
    return _to_person(request, campaign, request.recipient, history, now)


def _as_due(request: Request, campaign: Campaign, history: History, now: datetime) -> Request | Defer:
    """The request with when it was due where the person is, or until when it waits for that."""
    if request.recipient is None:
        return request
    place = zone_of(request.recipient.traits, request.default_zone)
    due_at = due_where(campaign.definition, request.trigger_at, place, history.acts)
    if due_at is None:
        return _tested(request, campaign, request.recipient.id, now)
    if now < due_at:
        reason = "best_time" if campaign.definition.best_time else "local_time"
        return Defer(reason, due_at, {"timezone": place.key, "until": due_at}, first_due=True)
    return replace(request, due_at=max(request.due_at, due_at))


def _tested(request: Request, campaign: Campaign, recipient_id: UUID, now: datetime) -> Request | Defer:
    """Who is not in the test gets its winner, when there is one."""
    test, at = campaign.definition.test, tested_at(campaign.definition, request.trigger_at)
    if test is None or at is None or in_test(test.share, campaign.id, recipient_id):
        return request
    if campaign.winner is None:
        until = max(at, now) + FINDING
        return Defer("testing", until, {"until": until}, first_due=True)
    best = tuple(offer for offer in request.offers if offer.template == campaign.winner)
    return replace(request, offers=best or request.offers)


def _no_longer_wanted(request: Request, campaign: Campaign, history: History, now: datetime) -> Refuse | None:
    definition = campaign.definition
    earlier = history.earlier
    if earlier is not None and _had_it(campaign, earlier, now):
        shown = {"decision": earlier.decision, "at": earlier.at}
        return Refuse("skipped", "reentry", {"reentry": _shown_reentry(definition.reentry), "earlier": shown})
    stale_at = request.due_at + definition.stale_after
    if now > stale_at:
        facts = {"due_at": request.due_at, "stale_after": format_duration(definition.stale_after)}
        if request.attempts:
            return Refuse("failed", "provider_error", facts | {"attempts": request.attempts})
        return Refuse("skipped", "stale", facts)
    settled = history.task.settled() if history.task is not None else None
    if settled is not None:
        return Refuse("skipped", *settled)
    if history.journey is not None and history.journey.exited is not None:
        return Refuse("skipped", "journey_exited", {"exit": history.journey.exited})
    trigger, last = definition.trigger, history.last_change
    if isinstance(trigger, SegmentTrigger | Broadcast) and last is not None and last[0] != qualifying(trigger):
        return Refuse("skipped", "not_qualified", {"segment": trigger.segment, "change": last[0], "at": last[1]})
    return None


def qualifying(trigger: SegmentTrigger | Broadcast) -> str:
    """The last change that a profile must have made in the trigger's segment."""
    return trigger.on if isinstance(trigger, SegmentTrigger) else "entered"


def _had_it(campaign: Campaign, earlier: Earlier, now: datetime) -> bool:
    rule = campaign.definition.reentry
    if isinstance(rule, timedelta):
        return now - earlier.at < rule
    return rule == "once"


def _to_staff(request: Request, campaign: Campaign, staff: Staff, history: History, now: datetime) -> Verdict:
    """Nothing that protects the person who it is about stands in the way, for nothing is said to them."""
    if not request.offers:
        return Refuse("failed", "template_error", {"error": "There is no template."})
    found = history.suppressions(staff.channel, staff.address)
    standing = [one for one in found if one.stands(campaign.definition.purpose, None, now)]
    if standing:
        shown = {"reason": standing[0].reason, "since": standing[0].created_at}
        return Refuse("suppressed", "suppressed", {"suppressions": {staff.channel: shown}})
    template = _template(request, campaign, staff.channel)
    return Send(template, staff.channel, staff.address, {"channel": staff.channel, "consent": None, "to": "staff"})


def _to_person(request: Request, campaign: Campaign, recipient: Recipient, history: History, now: datetime) -> Verdict:
    definition = campaign.definition
    if not request.offers:
        return Refuse("failed", "template_error", {"error": "There is no template."})
    channels = [c for c in _channels(request, campaign, recipient) if c not in request.tried]
    unasked = _nothing_to_confirm(request, definition, recipient, history, now)
    if unasked is not None:
        return unasked
    reached = _reach(definition, recipient, channels, history, now, rules=request.rules)
    if isinstance(reached, Unreachable) and request.tried:
        return Refuse("failed", "provider_error", {"tried": list(request.tried)})
    if isinstance(reached, Unreachable):
        decision = "suppressed" if reached.reason == "suppressed" else "skipped"
        return Refuse(decision, reached.reason, reached.facts)
    if not campaign.transactional:
        capped = held_by_cap(request, campaign, reached.channel, history, now)
        if capped is not None:
            return capped
        if in_control_group(request.rules.control, recipient.id):
            return Refuse(
                "held_out", "control_group", {"control_group": request.rules.control, "channel": reached.channel}
            )
        if held_out(definition.holdout, campaign.id, recipient.id):
            return Refuse("held_out", "holdout", {"holdout": definition.holdout, "channel": reached.channel})
        waiting = _time_of_day(request, recipient, now)
        if waiting is not None:
            return waiting
    return Send(_template(request, campaign, reached.channel), reached.channel, reached.address, _sent_facts(reached))


def _nothing_to_confirm(
    request: Request, definition: Definition, recipient: Recipient, history: History, now: datetime
) -> Refuse | Defer | None:
    """An address is asked about just where its confirmation is all that is missing, and where nobody else has been asked at it of
    late: then it waits, for the other question may lead nowhere by now."""
    if not isinstance(definition.trigger, ConfirmTrigger):
        return None
    wanted = replace(definition, purpose=definition.trigger.purpose, topic=None)
    reached = _reach(wanted, recipient, [CHANNEL], history, now, rules=request.rules)
    if isinstance(reached, Reached):
        return Refuse("skipped", "already_confirmed", {"purpose": wanted.purpose})
    if reached.reason != "not_confirmed":
        return Refuse("skipped", reached.reason, reached.facts)
    until = max((one.at + AGAIN_AFTER for one in history.household or ()), default=now)
    return Defer("reentry", until, {"reentry": format_duration(AGAIN_AFTER), "until": until}) if until > now else None


def _reach(
    definition: Definition,
    recipient: Recipient,
    channels: Sequence[str],
    history: History,
    now: datetime,
    *,
    rules: Rules,
) -> Reached | Unreachable:
    return reach(
        recipient,
        channels,
        purpose=definition.purpose,
        topic=definition.topic,
        suppressions=history.suppressions,
        confirmed=history.confirmed,
        now=now,
        rules=rules,
    )


def _channels(request: Request, campaign: Campaign, recipient: Recipient) -> list[str]:
    """What can be used, in the order in which to try: one channel, unless the person's preference is asked for."""
    wanted = campaign.definition.channel
    if wanted == "preferred":
        offered = dict.fromkeys(channel for offer in request.offers for channel in offer.channels)
        return in_order(list(offered), recipient.preferences)
    if wanted is not None:
        return [wanted]
    chosen = pick([(offer, offer.weight) for offer in request.offers], campaign.id, recipient.id)
    return [chosen.channels[0]]


def _template(request: Request, campaign: Campaign, channel: str) -> str:
    if campaign.definition.channel is None:
        choices = [(offer, offer.weight) for offer in request.offers]
    else:
        choices = [(offer, offer.weight) for offer in request.offers if channel in offer.channels]
    profile_id = request.recipient.id if request.recipient else request.profile_id
    return pick(choices, campaign.id, profile_id).template


def _time_of_day(request: Request, recipient: Recipient, now: datetime) -> Refuse | Defer | None:
    place: ZoneInfo = zone_of(recipient.traits, request.default_zone)
    windows = contact_windows(recipient.preferences)
    held = held_back(now, place, quiet=request.rules.quiet, windows=windows)
    if held is None:
        return None
    local = now.astimezone(place).isoformat(timespec="minutes")
    facts = {"local_time": local, "timezone": place.key, "until": held.until}
    if held.until is None:
        return Refuse("skipped", "no_window", facts | {"held_by": held.reason})
    return Defer(held.reason, held.until, facts)


def _sent_facts(reached: Reached) -> dict[str, Any]:
    return {"channel": reached.channel, "consent": shown_consent(reached.consent)}


def _shown_reentry(rule: str | timedelta) -> str:
    return format_duration(rule) if isinstance(rule, timedelta) else rule
