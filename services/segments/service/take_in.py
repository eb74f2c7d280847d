"""What the profiles service tells, taken in: events, changes of profiles, merges, erasures, each once in effect."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, assert_never
from uuid import UUID

from services.segments.domain.facts import TRAITS_CHANGED, Event
from services.segments.service import subject as work
from services.segments.service.batch import Batch, begin, taking_turns
from services.segments.service.endings import erase, merge
from services.segments.service.met import Happened, Met
from services.segments.service.rules import RuleBook, Rules, VersionFails
from services.segments.service.subject import Subject
from services.segments.store import history
from services.segments.store.history import EventKey
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection
from shared.plumbing.reader import Incoming
from shared.schemas.resolved import (
    EventDropped,
    EventResolved,
    ProfileChanged,
    ProfileErased,
    ProfilesMerged,
    Resolved,
    TraitsChanged,
    parse_resolved,
)

Plain = EventResolved | ProfileChanged
Ending = ProfilesMerged | ProfileErased


class TakeIn:
    """The use case of the feed `resolved`. Called with a transaction that may be rolled back and done again."""

    def __init__(self, book: RuleBook, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._met = Met()

    async def __call__(self, tx: Connection, items: Sequence[Incoming]) -> None:
        try:
            await self._take_in(tx, items)
        except VersionFails as failure:
            await self._book.set_aside(failure)

    async def _take_in(self, tx: Connection, items: Sequence[Incoming]) -> None:
        batch = await begin(tx, self._book, self._clock.now())
        lanes: dict[int, list[Resolved]] = {}
        for item in items:
            message = parse_resolved(item.message)
            if message is not None:
                lanes.setdefault(item.lane, []).append(message)
        await batch.lock(profile_id for messages in lanes.values() for m in messages for profile_id in _ids_of(m))
        for plain, endings in rounds(list(lanes.values())):
            await _take_plain(batch, plain)
            for ending in endings:
                if isinstance(ending, ProfilesMerged):
                    await merge(batch, ending)
                else:
                    await erase(batch, ending)
        await self._met.note(tx, _happened(batch, lanes.values()))
        await batch.write()


def _happened(batch: Batch, lanes: Iterable[Sequence[Resolved]]) -> list[Happened]:
    """Those of the living."""
    return [
        (message.profile_id, message.event.name, message.event.properties)
        for messages in lanes
        for message in messages
        if type(message) is EventResolved and message.event.name and batch.target(message.profile_id) is not None
    ]


def _ids_of(message: Resolved) -> tuple[UUID, ...]:
    if type(message) is EventResolved:  # nearly all of them are, and this is the quickest way to see it
        return (message.profile_id,)
    match message:
        case EventResolved() | ProfileChanged():
            return (message.profile_id,)
        case ProfilesMerged():
            return message.profile_id, message.survivor_id
        case ProfileErased():
            return message.profile_id, *message.profile_ids
        case EventDropped():
            return ()
        case _:
            assert_never(message)


def rounds(lanes: Sequence[Sequence[Resolved]]) -> Iterator[tuple[list[Plain], list[Ending]]]:
    """Each lane up to its next merge or erasure, then those; so that most of a batch is one set, and lanes keep their order."""
    pending = [iter(lane) for lane in lanes]
    while pending:
        plain: list[Plain] = []
        endings: list[Ending] = []
        still = []
        for lane in pending:
            for message in lane:
                if type(message) is EventResolved:
                    plain.append(message)
                elif isinstance(message, ProfilesMerged | ProfileErased):
                    endings.append(message)
                    still.append(lane)
                    break
                elif isinstance(message, ProfileChanged):
                    plain.append(message)
        yield plain, endings
        pending = still


async def _take_plain(batch: Batch, messages: Sequence[Plain]) -> None:
    living = [
        Told(message, subject) for message in messages if (subject := batch.target(message.profile_id)) is not None
    ]
    subjects = {told.subject.id: told.subject for told in living}
    past = await batch.histories(subjects.values())
    if batch.rules.ruleset.lasting:
        recalled = {told.subject.id: told.subject for told in living if told.may_touch(batch.rules)}
        await batch.recollect(recalled.values())
    events = [(told.subject.lane, told.subject.id, event) for told in living for event in told.events]
    fresh = await history.insert_events(batch.tx, events) if events else None
    async for told in taking_turns(living):
        news = told.events if fresh is None else told.fresh(fresh)
        _apply(batch, told.subject, told.message, news, past.get(told.subject.id, []))


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
        """Whether it may change what has to be recalled."""
        names = rules.ruleset.lasting_names
        if any(event.name in names for event in self.events):
            return True
        return rules.ruleset.recalls_by_facts and self.message.profile is not None

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


def _apply(batch: Batch, subject: Subject, message: Plain, events: Sequence[Event], past: Sequence[Event]) -> None:
    rules = batch.rules
    news = message.profile is not None and message.profile.version > subject.version
    relevant = [event for event in events if event.name in rules.event_names]
    if subject.judged and not (news or relevant or subject.lacks_truths(rules)):
        return
    work.catch_up(subject, rules, batch.now, past)
    changed = message.profile is not None and work.learn(subject, rules, message.profile)
    for event in events:
        changed = work.fold(subject, rules, event) or changed
    if changed or not subject.judged:
        work.judge(subject, rules, cause_of(message))


def cause_of(message: Plain) -> dict[str, Any]:
    """Why a truth changes by this message. An identify has no event's name: it is the profile that changed."""
    if isinstance(message, ProfileChanged):
        return {"kind": "profile"}
    known = {"message_id": message.event.message_id, "name": message.event.name}
    if message.imported:
        return {"kind": "import", **known}
    return {"kind": "profile" if message.event.name is None else "event", **known}
