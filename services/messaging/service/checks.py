"""Who of a segment could not be written to as the template means it, for want of a value."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.messaging.clients.neighbours import Member, Profiles, Segments
from services.messaging.domain.content import missing
from services.messaging.domain.liquid_box import TemplateFault
from services.messaging.domain.template import Template
from services.messaging.service.judging import Speech, links_for
from services.messaging.service.previews import NOBODY, preview_values
from shared.plumbing.errors import Invalid
from shared.schemas.recipients import Recipient

PAGE = 500
MOST_LISTED = 1000
LONGEST = 30.0
"""Seconds, after which what was found is told."""


@dataclass(slots=True)
class Found:
    """What was found so far."""

    looked_at: int = 0
    people: int = 0
    names: Counter[str] = field(default_factory=Counter)
    listed: list[dict[str, Any]] = field(default_factory=list)

    def add(self, member: Member, locale: str | None, names: set[str], error: str | None) -> None:
        if not names and error is None:
            return
        self.people += 1
        self.names.update(names)
        if len(self.listed) < MOST_LISTED:
            found = {"profile_id": member.profile_id, "user_id": member.user_id, "locale": locale}
            self.listed.append(found | {"missing": sorted(names), "error": error})


@dataclass(frozen=True, slots=True)
class Checker:
    """Goes through the members of a segment page by page, asking as broadcasts do."""

    segments: Segments
    profiles: Profiles
    speech: Speech
    elapsed: Callable[[], float] = time.monotonic

    async def check(self, template: Template, segment: str, context: dict[str, Any], *, limit: int) -> dict[str, Any]:
        """For whom a value is missing, of at most `limit` members. Raises Invalid for an unknown segment, Unavailable."""
        size = await self.segments.size(segment)
        if size is None:
            fault = {"loc": ["body", "segment"], "msg": "there is no segment with this key"}
            raise Invalid("There is no such segment.", errors=[fault])
        context = {"segment": segment, "change": "entered"} | context
        found, cursor, until = Found(), None, self.elapsed() + LONGEST
        while found.looked_at < limit and self.elapsed() < until:
            page = min(PAGE, limit - found.looked_at)
            members, cursor = await self.segments.members(segment, cursor, limit=page)
            recipients = await self.profiles.recipients([member.profile_id for member in members])
            known = [(one, recipients[one.profile_id]) for one in members if one.profile_id in recipients]
            await asyncio.to_thread(self._look, found, template, known, context)
            found.looked_at += len(members)
            if cursor is None:
                break
        return {
            "segment": segment,
            "channel": template.channel,
            "version": template.version,
            "looked_at": found.looked_at,
            "of": max(size, found.looked_at),
            "people": found.people,
            "missing": dict(found.names.most_common()),
            "items": found.listed,
        }

    def _look(
        self, found: Found, template: Template, known: Sequence[tuple[Member, Recipient]], context: dict[str, Any]
    ) -> None:
        links = links_for(self.speech, NOBODY, template.channel, "preview", "preview")
        for member, recipient in known:
            spoken = template.speaking(recipient.traits.get("locale"))
            names: set[str] = set()
            error = None
            try:
                names = missing(spoken, preview_values(recipient, context, links))
            except TemplateFault as fault:
                error = str(fault)
            found.add(member, spoken.locale, names, error)
