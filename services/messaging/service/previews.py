"""What a person would get."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from services.messaging.clients.neighbours import Profiles
from services.messaging.domain.content import compose, values_for
from services.messaging.domain.liquid_box import TemplateFault
from services.messaging.service.judging import Speech, links_for
from services.messaging.store.catalogue import to_template
from shared.plumbing.errors import Invalid, NotFound

NOBODY = UUID(int=0)
"""Delivery of a preview: its links lead to a page, and change nothing."""


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
    row = next((row for row in rows if channel in (None, row["channel"])), None)
    recipient = (await profiles.recipients([profile_id])).get(profile_id)
    if row is None or recipient is None:
        raise NotFound("There is no such profile." if row else "The template has no content for this channel.")
    template = to_template(row).speaking(locale or recipient.traits.get("locale"))
    trigger = context["trigger"] if isinstance(context.get("trigger"), dict) else context
    properties = trigger.get("properties")
    if isinstance(properties, dict):  # as in an event that triggers
        trigger = properties | trigger
    links = links_for(speech, NOBODY, template.channel, "preview", "preview")
    values = values_for(recipient, trigger=trigger, campaign="preview", links=links, more=context)
    try:
        content = await asyncio.to_thread(compose, template, values)
    except TemplateFault as fault:
        raise Invalid(str(fault), code="template_error", errors=[{"loc": ["template"], "msg": str(fault)}]) from fault
    return {
        "channel": template.channel,
        "version": template.version,
        "locale": template.locale,
        "subject": content.subject,
        "text": content.text,
        "html": content.html,
    }
