"""From a due trigger to its verdict and its rendered message: everything that needs no database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from services.messaging.domain.addresses import address_hash
from services.messaging.domain.campaign import (
    TRANSACTIONAL,
    Broadcast,
    Campaign,
    ConfirmTrigger,
    JourneyTrigger,
    SegmentTrigger,
    TaskTrigger,
)
from services.messaging.domain.confirming import AGAIN_AFTER
from services.messaging.domain.content import Content, Links, compose, one_line, values_for
from services.messaging.domain.decision import decide
from services.messaging.domain.emails import headers_for
from services.messaging.domain.links import LinkContent, Linker
from services.messaging.domain.liquid_box import TemplateFault, render
from services.messaging.domain.rules import Rules
from services.messaging.domain.template import Template
from services.messaging.domain.tracking import Tracker
from services.messaging.domain.verdict import History, Offer, Refuse, Request, Send, Verdict
from services.messaging.store.sends import Due
from shared.plumbing.ids import new_id
from shared.plumbing.log import get_logger
from shared.schemas.recipients import Recipient

log = get_logger()
PREVIEW = "preview"
"""The purpose of what is only looked at."""


@dataclass(frozen=True, slots=True)
class Speech:
    """How this deployment speaks. `address_secret` keys the hashes of addresses; `tracker`: None where nothing is tracked."""

    linker: Linker
    address_secret: str
    sender: str
    default_zone: str
    tracker: Tracker | None = None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What is said, and by which rules, at one instant."""

    campaigns: Mapping[UUID, Campaign]
    templates: Mapping[str, Sequence[Template]]
    rules: Rules

    def template(self, key: str, channel: str) -> Template | None:
        return next((one for one in self.templates.get(key, ()) if one.channel == channel), None)

    def channels(self) -> frozenset[str]:
        """Every channel that something is said on."""
        return frozenset(template.channel for contents in self.templates.values() for template in contents)

    def segments(self) -> dict[UUID, str]:
        """By campaign: the segment whose membership its messages depend on."""
        triggers = {campaign.id: campaign.definition.trigger for campaign in self.campaigns.values()}
        return {key: one.segment for key, one in triggers.items() if isinstance(one, SegmentTrigger | Broadcast)}

    def by_habit(self) -> frozenset[UUID]:
        """The campaigns that wait for each person's best time."""
        return frozenset(one.id for one in self.campaigns.values() if one.definition.best_time)

    def on_journeys(self) -> frozenset[UUID]:
        """The campaigns that journeys send."""
        return frozenset(
            one.id for one in self.campaigns.values() if isinstance(one.definition.trigger, JourneyTrigger)
        )

    def on_tasks(self) -> frozenset[UUID]:
        """The steps of escalations."""
        return frozenset(one.id for one in self.campaigns.values() if isinstance(one.definition.trigger, TaskTrigger))

    def staff(self) -> set[tuple[str, str]]:
        """Channel and address of everybody of our own who is told something."""
        named = (one.definition.recipient for one in self.campaigns.values())
        return {(one.channel, one.address) for one in named if one is not None}

    def capped_by_household(self) -> frozenset[str]:
        """The purposes of which a frequency cap counts what all who live together were sent; and that of questions."""
        return frozenset({TRANSACTIONAL, *(cap.purpose for cap in self.rules.caps if cap.per_household)})

    def longest_cap(self) -> timedelta | None:
        """The longest window of a frequency cap; None without caps."""
        return max((cap.within for cap in self.rules.caps), default=None)

    def longest_at_home(self) -> timedelta:
        """How far back it counts what households were sent, or addresses were asked."""
        return max(self.longest_cap() or timedelta(), AGAIN_AFTER if self.rules.confirming else timedelta())


@dataclass(frozen=True, slots=True)
class Draft:
    """A message ready to be sent to one address."""

    delivery_id: UUID
    channel: str
    address: str
    template: Template
    content: Content
    headers: dict[str, str]


def request_for(
    due: Due, catalogue: Catalogue, recipient: Recipient | None, default_zone: str, *, unreadable: bool = False
) -> Request:
    """What there is to decide."""
    campaign = catalogue.campaigns.get(due.campaign_id)
    variants = campaign.definition.variants if campaign else ()
    offers = [
        Offer(one.template, one.weight, tuple(template.channel for template in catalogue.templates[one.template]))
        for one in variants
        if catalogue.templates.get(one.template)
    ]
    return Request(
        campaign=campaign,
        profile_id=due.profile_id,
        trigger_at=due.trigger_at,
        due_at=due.due_at,
        attempts=due.attempts,
        recipient=recipient,
        offers=tuple(offers),
        rules=catalogue.rules,
        default_zone=default_zone,
        paused_then=due.trigger.get("paused") is True,
        tried=due.tried,
        in_doubt=due.in_doubt is not None,
        unreadable=unreadable,
    )


def judge(request: Request, history: History, *, now: datetime) -> Verdict:
    """The verdict. What nobody foresaw refuses this one message and is logged; the others go on."""
    try:
        return decide(request, history, now=now)
    except Exception as error:
        log.exception("decision_failed")
        return Refuse("failed", "internal_error", {"error": type(error).__name__})


def draft(
    due: Due, verdict: Send, catalogue: Catalogue, recipient: Recipient, *, speech: Speech, now: datetime
) -> Draft | Refuse:
    """The rendered message, or why it can't be rendered."""
    template = catalogue.template(verdict.template, verdict.channel)
    if template is None:
        return Refuse("failed", "template_error", {"template": verdict.template, "error": "There is no such template."})
    definition = catalogue.campaigns[due.campaign_id].definition
    delivery_id, linked = due.delivery_id or new_id(), new_id()
    if definition.recipient is None:  # else it speaks our own language, and its links are nothing of the person's
        template, linked = template.speaking(recipient.traits.get("locale")), delivery_id
    confirms = definition.trigger.purpose if isinstance(definition.trigger, ConfirmTrigger) else None
    links = links_for(speech, linked, verdict.channel, definition.purpose, verdict.address, confirms=confirms)
    values = values_for(recipient, trigger=due.trigger, campaign=due.campaign, links=links)
    try:
        content = compose(template, values)
    except TemplateFault as fault:
        return Refuse("failed", "template_error", {"template": template.key, "error": str(fault)})
    headers = {}
    if verdict.channel == "email":
        if speech.tracker and content.html and definition.tracking:
            content = replace(content, html=speech.tracker.tracked(content.html, delivery_id))
        headers = headers_for(
            content=content,
            delivery_id=delivery_id,
            address=verdict.address,
            default_sender=speech.sender,
            links=links,
            at=now,
        )
    return Draft(delivery_id, verdict.channel, verdict.address, template, content, headers)


@dataclass(frozen=True, slots=True)
class TaskDraft:
    """A task ready to be made."""

    id: UUID
    title: str


def draft_task(due: Due, catalogue: Catalogue, recipient: Recipient) -> TaskDraft | Refuse:
    """With its title rendered, or why that can't be. One that comes out empty is the campaign's key: nothing is to be forgotten."""
    plan = catalogue.campaigns[due.campaign_id].definition.task
    values = values_for(recipient, trigger=due.trigger, campaign=due.campaign, links=Links("", ""))
    try:
        title = one_line(render(plan.title if plan else "", values, html=False))
    except TemplateFault as fault:
        return Refuse("failed", "template_error", {"template": "task.title", "error": str(fault)})
    return TaskDraft(new_id(), title or due.campaign)


def links_for(
    speech: Speech, delivery_id: UUID, channel: str, purpose: str, address: str, *, confirms: str | None = None
) -> Links:
    """The links of one message. `confirms`: the purpose that it asks to confirm; previews show such a link, too."""
    hashed = address_hash(speech.address_secret, channel, address)
    confirms = purpose if purpose == PREVIEW else confirms
    asked = LinkContent(delivery_id, channel, confirms, hashed) if confirms else None
    return speech.linker.links(LinkContent(delivery_id, channel, purpose, hashed), confirms=asked)
