"""A message to an address of the author's own, to see it as it arrives. It counts nowhere."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from services.messaging.domain.addresses import address_hash, can_be_address
from services.messaging.domain.answers import Accepted, Unsure
from services.messaging.domain.content import Content, as_test
from services.messaging.domain.delivery import Delivery
from services.messaging.domain.emails import headers_for
from services.messaging.domain.template import Template
from services.messaging.service.judging import Speech, links_for
from services.messaging.service.previews import NOBODY, preview_values, rendered
from services.messaging.service.providers import MAILBOX, Provider
from services.messaging.store import people
from services.messaging.store.sends import read_suppressions, write_deliveries
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection, Database
from shared.plumbing.errors import Conflict, Invalid, NotFound
from shared.plumbing.ids import new_id
from shared.plumbing.lanes import lane_of
from shared.schemas.recipients import Recipient

TRIED = "test"
"""Status and purpose of such a delivery: no cap counts it, no report, and no retry looks at it."""
HEADER = "X-Regulars-Test"


@dataclass(frozen=True, slots=True)
class Trial:
    """Sends by the channel's provider, or into the local mailbox where it has none."""

    db: Database
    carriers: Mapping[str, Provider]
    speech: Speech
    clock: Clock

    async def send(self, template: Template, recipient: Recipient, to: str, context: dict[str, Any]) -> dict[str, Any]:
        """What became of it. Raises Invalid for an address that is none or what can't be rendered, Conflict where the address is
        suppressed for all purposes, NotFound where the person was erased meanwhile."""
        if not can_be_address(template.channel, to):
            fault = {"loc": ["body", "to"], "msg": f"is no address for {template.channel}"}
            raise Invalid("There is no such address.", errors=[fault])
        links = links_for(self.speech, NOBODY, template.channel, "preview", "preview")
        content = as_test(await rendered(template, preview_values(recipient, context, links)))
        provider = self.carriers.get(template.channel)
        delivery = self._delivery(template, recipient, to, content, provider.name if provider else MAILBOX)
        await self.db.run(lambda tx: self._claim(tx, delivery))
        answer = await provider.send(delivery) if provider else Accepted()
        status = "sent" if isinstance(answer, Accepted) else "unknown" if isinstance(answer, Unsure) else "failed"
        return {
            "id": delivery.id,
            "channel": delivery.channel,
            "version": delivery.template_version,
            "locale": template.locale,
            "to": to,
            "provider": delivery.provider,
            "status": status,
            "answer": answer.text or None,
        }

    async def _claim(self, tx: Connection, delivery: Delivery) -> None:
        """Written down before it is sent, with the refusals read in the same transaction, as all messages are."""
        profile_id = (await people.meet(tx, [delivery.profile_id]))[delivery.profile_id]
        if profile_id is None:
            raise NotFound("There is no such profile.")
        asked = (delivery.channel, address_hash(self.speech.address_secret, delivery.channel, delivery.address))
        found = (await read_suppressions(tx, [asked])).get(asked, [])
        if any(one.scope == "" for one in found):
            raise Conflict("The address is suppressed for all purposes.", code="suppressed")
        await write_deliveries(tx, [replace(delivery, profile_id=profile_id, lane=lane_of(profile_id))])

    def _delivery(self, template: Template, recipient: Recipient, to: str, content: Content, provider: str) -> Delivery:
        now, delivery_id = self.clock.now(), new_id()
        headers: dict[str, str] = {}
        if template.channel == "email":
            links = links_for(self.speech, NOBODY, template.channel, "preview", "preview")
            headers = headers_for(
                content=content,
                delivery_id=delivery_id,
                address=to,
                default_sender=self.speech.sender,
                links=links,
                at=now,
            ) | {HEADER: "true"}
        said = {"subject": content.subject, "text": content.text, "html": content.html}
        return Delivery(
            lane=lane_of(recipient.id),
            id=delivery_id,
            send_id=delivery_id,
            campaign_id=NOBODY,
            campaign="",
            profile_id=recipient.id,
            channel=template.channel,
            purpose=TRIED,
            template=template.key,
            template_version=template.version,
            address=to,
            content=said | {"headers": headers, "locale": template.locale},
            provider=provider,
            status=TRIED,
            at=now,
        )
