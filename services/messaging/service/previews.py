"""What a person would get."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from services.messaging.clients.neighbours import Profiles
from services.messaging.domain.content import Content, Links, compose, values_for
from services.messaging.domain.liquid_box import TemplateFault
from services.messaging.domain.template import Template
from services.messaging.service.judging import Speech, links_for
from services.messaging.store.catalogue import to_template
from shared.plumbing.errors import Invalid, NotFound
from shared.schemas.recipients import Recipient

NOBODY = UUID(int=0)
"""Delivery of a preview: its links lead to a page, and change nothing."""


def content_for(rows: Sequence[asyncpg.Record], channel: str | None) -> Template:
    """The template's content for this channel, or its first. Raises NotFound."""
    for row in rows:
        if channel in (None, row["channel"]):
            return to_template(row)
    raise NotFound("The template has no content for this channel.")


async def get_recipient(profiles: Profiles, profile_id: UUID) -> Recipient:
    """Raises NotFound."""
    recipient = (await profiles.recipients([profile_id])).get(profile_id)
    if recipient is None:
        raise NotFound("There is no such profile.")
    return recipient


def preview_values(recipient: Recipient, context: dict[str, Any], links: Links) -> dict[str, Any]:
    """What a template may name, where `context` is said to have triggered it."""
    trigger = context["trigger"] if isinstance(context.get("trigger"), dict) else context
    properties = trigger.get("properties")
    if isinstance(properties, dict):  # as in an event that triggers
        trigger = properties | trigger
    return values_for(recipient, trigger=trigger, campaign="preview", links=links, more=context)


async def rendered(template: Template, values: dict[str, Any]) -> Content:
    """The content. Raises Invalid where it can't be rendered."""
    try:
        return await asyncio.to_thread(compose, template, values)
    except TemplateFault as fault:
        raise Invalid(str(fault), code="template_error", errors=[{"loc": ["template"], "msg": str(fault)}]) from fault


async def preview_template(
    rows: Sequence[asyncpg.Record],
    *,
    profiles: Profiles,
    speech: Speech,
    profile_id: UUID,
    context: dict[str, Any],
    channel: str | None,
    locale: str | None,
) -> dict[str, Any]:
    """The rendered content. Raises NotFound for an unknown person or channel, Invalid where it can't be rendered."""
    template = content_for(rows, channel)
    recipient = await get_recipient(profiles, profile_id)
    template = template.speaking(locale or recipient.traits.get("locale"))
    links = links_for(speech, NOBODY, template.channel, "preview", "preview")
    content = await rendered(template, preview_values(recipient, context, links))
    return {
        "channel": template.channel,
        "version": template.version,
        "locale": template.locale,
        "subject": content.subject,
        "text": content.text,
        "html": content.html,
    }
