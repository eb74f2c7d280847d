"""What is said: the finished content for one person."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from services.messaging.domain.html_text import html_of, text_of
from services.messaging.domain.liquid_box import presentable, render, unknown_names
from services.messaging.domain.styles import inline_styles
from services.messaging.domain.template import Template
from shared.schemas.recipients import Recipient

LONGEST_SUBJECT = 900
TEST = "[Test]"
_BREAKS = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\x85]+")


@dataclass(frozen=True, slots=True)
class Content:
    """Rendered for one person."""

    text: str
    subject: str | None = None
    html: str | None = None
    sender: str | None = None


@dataclass(frozen=True, slots=True)
class Links:
    """Where the person can have it stop, signed for this message; in one that asks for it, where they confirm their address."""

    unsubscribe: str
    preferences: str
    confirm: str | None = None


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
    asking = {} if links.confirm is None else {"confirm_url": links.confirm}
    values: dict[str, Any] = presentable(
        {
            **(more or {}),
            **asking,
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
    body = render(template.markup, values, html=template.is_html, strict=strict)
    subject = (
        None if template.subject is None else one_line(render(template.subject, values, html=False, strict=strict))
    )
    text = None if template.text is None else render(template.text, values, html=False, strict=strict)
    if template.channel != "email":
        return Content(text=body, subject=subject)
    if template.is_html:
        html = inline_styles(body)
        return Content(text=text or text_of(body), subject=subject, html=html, sender=template.sender)
    return Content(text=text or body, subject=subject, html=html_of(body), sender=template.sender)


def missing(template: Template, values: Mapping[str, Any]) -> set[str]:
    """The names that the template asks for and this person has no value for. Raises TemplateFault where it can't be rendered."""
    sources = ((template.markup, template.is_html), (template.subject, False), (template.text, False))
    return set().union(*(unknown_names(source, values, html=html) for source, html in sources if source is not None))


def as_test(content: Content) -> Content:
    """The same, to be seen to be a test by whoever gets it: in the subject, or in the text of what has none."""
    if content.subject is None and content.html is None:
        return replace(content, text=f"{TEST} {content.text}")
    return replace(content, subject=f"{TEST} {content.subject or ''}".strip())


def one_line(text: str) -> str:
    """A header's value: data must not begin a header of its own."""
    plain = text if text.isprintable() else _BREAKS.sub(" ", text)
    return plain.strip()[:LONGEST_SUBJECT]
