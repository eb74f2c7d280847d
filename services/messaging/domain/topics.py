"""Topics: what messages are about. A catalogue says how each is called, and whether it needs the person's yes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from services.messaging.domain.languages import TAG, nearest, normal_tag
from shared.language.reading import Loc, Object, Reading

MOST_TOPICS = 100
LONGEST = 100  # characters of a key or a name
ANY = ""
"""The tag of a name that was given without a language."""


@dataclass(frozen=True, slots=True)
class Topic:
    """`names` by language tag, normal. `needs_yes`: not written about to who has not chosen it; else until a no."""

    key: str
    names: Mapping[str, str]
    needs_yes: bool = False

    def name(self, locale: object) -> str:
        """In the language nearest to this one, else in any."""
        spoken = (self.names[tag] for tag in (*nearest(locale), ANY, "en") if tag in self.names)
        return next(spoken, next(iter(self.names.values()), self.key))


def is_wanted(topic: Topic, preferences: Mapping[str, Any]) -> bool:
    """What the person said about it, else what holds for who has said nothing."""
    said = _said(topic.key, preferences)
    return said if said is not None else not topic.needs_yes


def refused_topic(
    key: str | None, preferences: Mapping[str, Any], topics: Sequence[Topic]
) -> Literal["topic_opt_out", "topic_not_chosen"] | None:
    """Why the person is not to be written to about this. One that is not in the catalogue holds until a no."""
    said = None if key is None else _said(key, preferences)
    if said is False:
        return "topic_opt_out"
    needs_yes = any(topic.needs_yes for topic in topics if topic.key == key)
    return "topic_not_chosen" if needs_yes and said is None else None


def _said(key: str, preferences: Mapping[str, Any]) -> bool | None:
    topics = preferences.get("topics")
    said = topics.get(key) if isinstance(topics, Mapping) else None
    return said if isinstance(said, bool) else None


def read_topics(json: object, loc: Loc, reading: Reading) -> tuple[Topic, ...]:
    """The catalogue, in the order given. Faults go to `reading`."""
    topics: dict[str, Topic] = {}
    for item, place in reading.items(json, loc):
        topic = _read_topic(item, place, reading)
        if topic.key in topics:
            reading.fault((*place, "key"), "is there once already")
        topics[topic.key] = topic
    if len(topics) > MOST_TOPICS:
        reading.fault(loc, f"must be at most {MOST_TOPICS}")
    return tuple(topics.values())


def _read_topic(json: object, loc: Loc, reading: Reading) -> Topic:
    found = reading.fields(json, loc) or {}
    reading.keys(found, loc, required=("key", "name"), optional=("default",))
    default = reading.choice(found, "default", loc, ("opt_in", "opt_out"))
    return Topic(_short(found, "key", loc, reading), _read_names(found, loc, reading), default == "opt_in")


def _read_names(found: Object, loc: Loc, reading: Reading) -> dict[str, str]:
    given = found.get("name")
    if not isinstance(given, dict):
        return {ANY: _short(found, "name", loc, reading)}
    loc = (*loc, "name")
    if not given:
        reading.fault(loc, "must be in a language at least")
    for tag in given:
        if not TAG.fullmatch(tag):
            reading.fault((*loc, tag), 'must be a language tag such as "de" or "de-AT"')
    return {normal_tag(tag): _short(given, tag, loc, reading) for tag in given}


def _short(found: Object, key: str, loc: Loc, reading: Reading) -> str:
    text = reading.text(found, key, loc)
    if isinstance(found.get(key), str) and not (text.strip() and len(text) <= LONGEST):
        reading.fault((*loc, key), f"must be of 1 to {LONGEST} characters")
    return text
