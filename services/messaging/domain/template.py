"""Templates as authors write them: one content for each channel, in one language or several."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from services.messaging.domain.campaign import CHANNELS
from services.messaging.domain.languages import TAG, nearest, normal_tag
from services.messaging.domain.liquid_box import TemplateFault, parse
from services.messaging.domain.mjml import compile_mjml, is_mjml
from shared.language.reading import Loc, Object, Reading

_MARKUP = re.compile(r"<(?:!doctype|/?[a-z][a-z0-9]*[\s/>])", re.IGNORECASE)
SENDER = re.compile(r"[^\r\n<>]*<[^\s@<>]+@[^\s@<>]+>|[^\s@<>]+@[^\s@<>]+")
MOST_LOCALES = 100


@dataclass(frozen=True, slots=True)
class Template:
    """One content of a message, for one channel. `strict`: an unknown name fails the message instead of printing nothing.

    `locale`: the language of its words as the author names it, None for the default ones; `locales`: those in other languages, by
    normal tag.
    """

    key: str
    channel: str
    body: str
    subject: str | None = None
    text: str | None = None
    sender: str | None = None
    strict: bool = False
    version: int = 1
    locale: str | None = None
    locales: Mapping[str, "Template"] = field(default_factory=dict)

    @property
    def is_html(self) -> bool:
        """Only e-mail has markup; a body that holds a tag is HTML."""
        return self.channel == "email" and _MARKUP.search(self.body) is not None

    @property
    def markup(self) -> str:
        """The body in Liquid, as it is rendered: MJML is HTML by then. Raises TemplateFault."""
        return compile_mjml(self.body) if self.channel == "email" and is_mjml(self.body) else self.body

    def speaking(self, locale: object) -> "Template":
        """In the language nearest to this locale; the default one where there is none, or where it is no locale."""
        found = next((self.locales[tag] for tag in nearest(locale) if tag in self.locales), None)
        return self if found is None else replace(found, version=self.version)


def parse_template(json: object, loc: Loc = ()) -> Template:
    """The template; raises ConditionError with the path of every fault, also where its Liquid can't be read."""
    reading = Reading()
    found = reading.fields(json, loc) or {}
    reading.keys(
        found,
        loc,
        required=("key", "channel", "body"),
        optional=("subject", "text", "from", "strict", "name", "locales"),
    )
    if found.get("key") == "":
        reading.fault((*loc, "key"), "must not be empty")
    channel = reading.choice(found, "channel", loc, CHANNELS)
    sender = _text_or_none(reading, found, "from", loc)
    if sender is not None and not SENDER.fullmatch(sender):
        reading.fault((*loc, "from"), 'must be an address such as "Shop <hello@shop.example>"')
    template = Template(
        key=reading.text(found, "key", loc),
        channel=channel or "email",
        body="",
        sender=sender,
        strict=reading.choice(found, "strict", loc, (True, False)) or False,
    )
    template = _with_words(template, found, loc, reading)
    template = replace(template, locales=_read_locales(template, found, loc, reading))
    reading.finish()
    return template


def _text_or_none(reading: Reading, found: Object, key: str, loc: Loc) -> str | None:
    return reading.text(found, key, loc) if found.get(key) is not None else None


def _with_words(template: Template, found: Object, loc: Loc, reading: Reading) -> Template:
    if found.get("body") == "":
        reading.fault((*loc, "body"), "must not be empty")
    worded = replace(
        template,
        body=reading.text(found, "body", loc),
        subject=_text_or_none(reading, found, "subject", loc),
        text=_text_or_none(reading, found, "text", loc),
    )
    _try_to_read(worded, loc, reading)
    return worded


def _read_locales(template: Template, found: Object, loc: Loc, reading: Reading) -> dict[str, Template]:
    if found.get("locales") is None:
        return {}
    loc = (*loc, "locales")
    variants = reading.fields(found["locales"], loc) or {}
    if len(variants) > MOST_LOCALES:
        reading.fault(loc, f"must be at most {MOST_LOCALES}")
        return {}
    read: dict[str, Template] = {}
    for name, variant in variants.items():
        tag = normal_tag(name)
        if not TAG.fullmatch(name):
            reading.fault((*loc, name), 'must be a language tag such as "de" or "de-AT"')
        elif tag in read:
            reading.fault((*loc, name), f"is {read[tag].locale!r} once more")
        else:
            read[tag] = _read_locale(template, name, variant, loc, reading)
    return read


def _read_locale(template: Template, name: str, variant: object, loc: Loc, reading: Reading) -> Template:
    """All its words: a message is in one language, so that nothing is filled up from another one."""
    loc = (*loc, name)
    found = reading.fields(variant, loc) or {}
    required = ("body",) if template.subject is None else ("subject", "body")
    reading.keys(found, loc, required=required, optional=("subject", "text"))
    if template.subject is not None and "subject" in found and found["subject"] is None:
        reading.fault((*loc, "subject"), "must be a string")
    return _with_words(replace(template, locale=name), found, loc, reading)


def _try_to_read(template: Template, loc: Loc, reading: Reading) -> None:
    sources = {
        "subject": (template.subject, False),
        "body": (template.body, template.is_html),
        "text": (template.text, False),
    }
    for name, (source, html) in sources.items():
        try:
            parse(source or "", html=html, strict=template.strict)
            if name == "body":
                parse(template.markup, html=html, strict=template.strict)
        except TemplateFault as fault:
            reading.fault((*loc, name), str(fault))
