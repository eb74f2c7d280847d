"""What is said: templates as authors write them, and the finished content for one person."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.messaging.domain.campaign import CHANNELS
from services.messaging.domain.html_text import html_of, text_of
from services.messaging.domain.liquid_box import TemplateFault, parse, presentable, render
from shared.language.reading import Loc, Reading
from shared.schemas.recipients import Recipient

_MARKUP = re.compile(r"<(?:!doctype|/?[a-z][a-z0-9]*[\s/>])", re.IGNORECASE)
SENDER = re.compile(r"[^\r\n<>]*<[^\s@<>]+@[^\s@<>]+>|[^\s@<>]+@[^\s@<>]+")
LONGEST_SUBJECT = 900


@dataclass(frozen=True, slots=True)
class Template:
    """One content of a message, for one channel. `strict`: an unknown name fails the message instead of printing nothing."""

    key: str
    channel: str
    body: str
    subject: str | None = None
    text: str | None = None
    sender: str | None = None
    strict: bool = False
    version: int = 1

    @property
    def is_html(self) -> bool:
        """Only e-mail has markup; a body that holds a tag is HTML."""
        return self.channel == "email" and _MARKUP.search(self.body) is not None


@dataclass(frozen=True, slots=True)
class Content:
    """Rendered for one person."""

    text: str
    subject: str | None = None
    html: str | None = None
    sender: str | None = None


@dataclass(frozen=True, slots=True)
class Links:
    """Where the person can have it stop, signed for this message."""

    unsubscribe: str
    preferences: str


def parse_template(json: object, loc: Loc = ()) -> Template:
    """The template; raises ConditionError with the path of every fault, also where its Liquid can't be read."""
    reading = Reading()
    found = reading.fields(json, loc) or {}
    reading.keys(
        found, loc, required=("key", "channel", "body"), optional=("subject", "text", "from", "strict", "name")
    )
    for field in ("key", "body"):
        if field in found and found[field] == "":
            reading.fault((*loc, field), "must not be empty")
    channel = reading.choice(found, "channel", loc, CHANNELS)
    sender = reading.text(found, "from", loc) if found.get("from") is not None else None
    if sender is not None and not SENDER.fullmatch(sender):
        reading.fault((*loc, "from"), 'must be an address such as "Shop <hello@shop.example>"')
    template = Template(
        key=reading.text(found, "key", loc),
        channel=channel or "email",
        body=reading.text(found, "body", loc),
        subject=reading.text(found, "subject", loc) if found.get("subject") is not None else None,
        text=reading.text(found, "text", loc) if found.get("text") is not None else None,
        sender=sender,
        strict=reading.choice(found, "strict", loc, (True, False)) or False,
    )
    _try_to_read(template, loc, reading)
    reading.finish()
    return template


def _try_to_read(template: Template, loc: Loc, reading: Reading) -> None:
    sources = {
        "subject": (template.subject, False),
        "body": (template.body, template.is_html),
        "text": (template.text, False),
    }
    for field, (source, html) in sources.items():
        try:
            parse(source or "", html=html, strict=template.strict)
        except TemplateFault as fault:
            reading.fault((*loc, field), str(fault))


def values_for(
    recipient: Recipient,
    *,
    trigger: Mapping[str, Any],
    campaign: str,
    links: Links,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What a template may name."""
    identifiers: dict[str, str] = {}
    for identifier in recipient.identifiers:
        identifiers.setdefault(identifier.namespace, identifier.value)
    profile = {
        "id": str(recipient.id),
        "user_id": recipient.user_id,
        "traits": recipient.traits,
        "identifiers": identifiers,
        "life_events": [event.to_json() for event in recipient.life_events],
        "preferences": recipient.preferences,
    }
    values: dict[str, Any] = presentable(
        {
            **(more or {}),
            "profile": profile,
            "trigger": trigger,
            "campaign": {"key": campaign},
            "unsubscribe_url": links.unsubscribe,
            "preferences_url": links.preferences,
        }
    )
    return values


def compose(template: Template, values: Mapping[str, Any]) -> Content:
    """The content for one person. Raises TemplateFault."""
    strict = template.strict
    body = render(template.body, values, html=template.is_html, strict=strict)
    subject = (
        None if template.subject is None else one_line(render(template.subject, values, html=False, strict=strict))
    )
    text = None if template.text is None else render(template.text, values, html=False, strict=strict)
    if template.channel != "email":
        return Content(text=body, subject=subject)
    if template.is_html:
        return Content(text=text or text_of(body), subject=subject, html=body, sender=template.sender)
    return Content(text=text or body, subject=subject, html=html_of(body), sender=template.sender)


def one_line(text: str) -> str:
    """A header's value: data must not begin a header of its own."""
    return re.sub(r"[\x00-\x1f\x7f\u2028\u2029\x85]+", " ", text).strip()[:LONGEST_SUBJECT]
