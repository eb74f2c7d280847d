"""Should we speak? One verdict for one trigger, with its reason and the values behind it.

The order in which refusals are looked for is part of the contract; the first one found is recorded. Nothing but consent,
topics, caps, the holdout and the time of day yields to `transactional`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.messaging.domain.campaign import CANCELLED, Broadcast, Campaign, SegmentTrigger
from services.messaging.domain.drawing import held_out, in_control_group, in_test, pick
from services.messaging.domain.local_time import contact_windows, held_back, zone_of
from services.messaging.domain.reach import Reached, Suppressions, Unreachable, in_order, reach
from services.messaging.domain.rules import Cap, Rules
from services.messaging.domain.timing import due_where, tested_at
from shared.language.durations import format_duration
from shared.schemas.recipients import Recipient

PAUSE_LOOK = timedelta(hours=1)
"""How often messages of a paused journey are looked at; when it goes on, they are at once."""
FINDING = timedelta(seconds=5)
"""What it may take to find the winner of a test."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A template that may be used: one content of it for each channel."""

    template: str
    weight: Decimal
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody may have to be told something. `due_at`: when it was due. `attempts`: how often a provider was tried. `tried`: the
    channels on which it was refused for good. `in_doubt`: it may have arrived already. `unreadable`: what profiles says of the
    person can't be read.
    """

    campaign: Campaign | None
    profile_id: UUID
    trigger_at: datetime
    due_at: datetime
    attempts: int
    recipient: Recipient | None
    offers: tuple[Offer, ...]
    rules: Rules
    default_zone: str
    paused_then: bool = False
    tried: Sequence[str] = ()
    in_doubt: bool = False
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class Earlier:
    """A message of the same campaign that this profile had, or was held out from."""

    decision: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """What the profile was sent before, or may have been, for frequency caps."""

    purpose: str
    channel: str
    at: datetime
    delivery_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class OnJourney:
    """Of the run that a message belongs to: why it came to another end than its own (None: it did not), and whether its journey is
    paused."""

    exited: str | None
    paused: bool


@dataclass(frozen=True, slots=True)
class History:
    """What messaging itself knows of the profile. `last_change`: of the trigger's segment, None if never seen. `household`: what
    all who live there were sent, None for somebody who stands for themselves."""

    earlier: Earlier | None = None
    last_change: tuple[str, datetime] | None = None
    messages: Sequence[Message] = ()
    household: Sequence[Message] | None = None
    suppressions: Suppressions = field(default=lambda _channel, _address: ())
    journey: OnJourney | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Speak."""

    template: str
    channel: str
    address: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refuse:
    """Final. `decision` is one of skipped, suppressed, held_out, failed, unknown."""

    decision: str
    reason: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Defer:
    """Decide again at `until`. `first_due`: only then is it due at all, which its goal's time runs from."""

    reason: str
    until: datetime
    facts: dict[str, Any]
    first_due: bool = False


Verdict = Send | Refuse | Defer


def decide(request: Request, history: History, *, now: datetime) -> Verdict:
    """The verdict at `now`, apart from the template, which is rendered for those that are sent."""
    verdict = _decide(request, history, now)
    if request.in_doubt and isinstance(verdict, Refuse):
        # It is not sent again, but may have arrived: to call it refused would be a guess.
        return Refuse("unknown", "no_answer", verdict.facts | {"not_again": verdict.reason})
    return verdict


def _decide(request: Request, history: History, now: datetime) -> Verdict:
    campaign = request.campaign
    if campaign is not None and campaign.status == CANCELLED:
        return Refuse("skipped", CANCELLED, {})
    if campaign is None or not campaign.running or request.paused_then:
        status = campaign.status if campaign else "deleted"
        return Refuse("skipped", "campaign_not_running", {"status": "paused" if request.paused_then else status})
    found = _as_due(request, campaign, now)
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
    return _to_person(request, campaign, request.recipient, history, now)


def _as_due(request: Request, campaign: Campaign, now: datetime) -> Request | Defer:
    """The request with when it was due where the person is, or until when it waits for that."""
    if request.recipient is None:
        return request
    place = zone_of(request.recipient.traits, request.default_zone)
    due_at = due_where(campaign.definition, request.trigger_at, place)
    if due_at is None:
        return _tested(request, campaign, request.recipient.id, now)
    if now < due_at:
        return Defer("local_time", due_at, {"timezone": place.key, "until": due_at}, first_due=True)
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


def _to_person(request: Request, campaign: Campaign, recipient: Recipient, history: History, now: datetime) -> Verdict:
    definition = campaign.definition
    if not request.offers:
        return Refuse("failed", "template_error", {"error": "There is no template."})
    channels = [c for c in _channels(request, campaign, recipient) if c not in request.tried]
    reached = _reach(campaign, recipient, channels, history, now, rules=request.rules)
    if isinstance(reached, Unreachable) and request.tried:
        return Refuse("failed", "provider_error", {"tried": list(request.tried)})
    if isinstance(reached, Unreachable):
        decision = "suppressed" if reached.reason == "suppressed" else "skipped"
        return Refuse(decision, reached.reason, reached.facts)
    if not campaign.transactional:
        capped = _capped(request, campaign, reached.channel, history, now)
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


def _reach(
    campaign: Campaign,
    recipient: Recipient,
    channels: Sequence[str],
    history: History,
    now: datetime,
    *,
    rules: Rules,
) -> Reached | Unreachable:
    definition = campaign.definition
    return reach(
        recipient,
        channels,
        purpose=definition.purpose,
        topic=definition.topic,
        suppressions=history.suppressions,
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


def _capped(
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
    if until is None or until > _first_due(request, campaign) + definition.wait_when_capped:
        return Refuse("skipped", "frequency_cap", facts)
    return Defer("frequency_cap", until, facts | {"until": until})


def _first_due(request: Request, campaign: Campaign) -> datetime:
    """Before anything made it wait."""
    traits = request.recipient.traits if request.recipient else {}
    place = zone_of(traits, request.default_zone)
    due_at = due_where(campaign.definition, request.trigger_at, place)
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
    consent = reached.consent
    shown = {"status": consent.status, "channel": consent.channel, "at": consent.at} if consent else None
    return {"channel": reached.channel, "consent": shown}


def _shown_reentry(rule: str | timedelta) -> str:
    return format_duration(rule) if isinstance(rule, timedelta) else rule
