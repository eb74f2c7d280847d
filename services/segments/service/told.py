"""What a message of the profiles feed says of one profile."""

from typing import Any

from services.segments.domain.facts import TRAITS_CHANGED, Event
from services.segments.service.rules import Rules
from services.segments.service.subject import Subject
from services.segments.store.history import EventKey
from shared.schemas.resolved import EventResolved, ProfileChanged, TraitsChanged

Plain = EventResolved | ProfileChanged


class Told:
    """A message, whom it is about, and what it adds to the history: an event that has a name, a change of traits."""

    __slots__ = ("events", "message", "subject")

    def __init__(self, message: Plain, subject: Subject) -> None:
        self.message = message
        self.subject = subject
        self.events: list[Event] = []
        e = message.event if type(message) is EventResolved else None
        if e is not None and e.name is not None and e.name != TRAITS_CHANGED:
            self.events.append(Event(e.timestamp, e.message_id, e.source, e.name, e.properties, e.context))
        if message.traits_changed is not None:
            self.events.append(change_of_traits(message.traits_changed))

    def may_touch(self, rules: Rules) -> bool:
        """Whether it may change since when a `for`'s condition has been true."""
        names = rules.ruleset.lasting_names
        if any(event.name in names for event in self.events):
            return True
        return TRAITS_CHANGED in names and self.message.profile is not None

    def makes_others(self, rules: Rules) -> bool:
        """Whether by the traits that it tells other events may be those that leaves have."""
        profile = self.message.profile
        return profile is not None and rules.ruleset.recalls_leaves(self.subject.traits, profile.traits)

    def fresh(self, keys: set[EventKey]) -> list[Event]:
        """Those of its events that have these keys, which are taken away: a repeat may stand in the same batch."""
        news = []
        for event in self.events:
            key = self.subject.id, event.timestamp, event.source, event.message_id
            if key in keys:
                keys.remove(key)
                news.append(event)
        return news


def change_of_traits(told: TraitsChanged) -> Event:
    """As it stands in the history: beside the event of the same message, whose key it must not have."""
    ends = {"before": told.before, "after": told.after}
    return Event(told.at, told.message_id, f"{TRAITS_CHANGED}{told.source}", TRAITS_CHANGED, ends)


def cause_of(message: Plain) -> dict[str, Any]:
    """Why a truth changes by this message. An identify has no event's name: it is the profile that changed."""
    if isinstance(message, ProfileChanged):
        return {"kind": "profile"}
    kind = "import" if message.imported else "profile" if message.event.name is None else "event"
    return {"kind": kind, "message_id": message.event.message_id, "name": message.event.name}
