"""What the profiles service tells, taken in: events, changes of profiles, merges, erasures, each once in effect."""

from collections.abc import Iterable, Iterator, Sequence
from typing import assert_never
from uuid import UUID

from services.segments.domain.facts import Event
from services.segments.service import subject as work
from services.segments.service.batch import Batch, begin, taking_turns
from services.segments.service.endings import erase, merge
from services.segments.service.met import Happened, Met
from services.segments.service.replayed import take_again
from services.segments.service.rules import RuleBook, VersionFails
from services.segments.service.subject import Subject
from services.segments.service.told import Plain, Told, cause_of
from services.segments.store import history
from services.segments.store.catalogue import RevisionChanged
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection
from shared.plumbing.reader import Incoming
from shared.schemas.resolved import (
    ConsentRecorded,
    EventDropped,
    EventResolved,
    ProfileChanged,
    ProfileErased,
    ProfilesMerged,
    Resolved,
    parse_resolved,
)

Ending = ProfilesMerged | ProfileErased


class TakeIn:
    """The use case of the feed `resolved`. Called with a transaction that may be rolled back and done again."""

    def __init__(self, book: RuleBook, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._met = Met()
        self._was_late = False

    async def __call__(self, tx: Connection, items: Sequence[Incoming]) -> bool:
        """Whether anybody entered or left anything.

        When the catalogue has changed meanwhile, it is held from the start the next time: where many segments are made, there
        may be no time between two changes in which a page could be taken in.
        """
        hold, self._was_late = self._was_late, False
        try:
            return await self._take_in(tx, items, hold=hold)
        except RevisionChanged:
            self._was_late = not hold
            raise
        except VersionFails as failure:
            if hold:
                raise RevisionChanged from failure  # setting it aside would wait for this transaction
            await self._book.set_aside(failure)

    async def _take_in(self, tx: Connection, items: Sequence[Incoming], *, hold: bool) -> bool:
        batch = await begin(tx, self._book, self._clock.now(), hold=hold)
        lanes: dict[int, list[Resolved]] = {}
        for item in items:
            message = parse_resolved(item.message)
            if message is not None:
                lanes.setdefault(item.lane, []).append(message)
        await batch.lock(profile_id for messages in lanes.values() for m in messages for profile_id in _ids_of(m))
        for plain, endings in rounds(list(lanes.values())):
            replayed = [message for message in plain if _is_replayed(message)]
            await _take_plain(batch, [message for message in plain if not _is_replayed(message)] if replayed else plain)
            if replayed:
                await take_again(batch, replayed)
            for ending in endings:
                if isinstance(ending, ProfilesMerged):
                    await merge(batch, ending)
                else:
                    await erase(batch, ending)
        await self._met.note(tx, _happened(batch, self._met, lanes.values()))
        await batch.write()
        return any(subject.changes for subject in batch.subjects.values())


def _happened(batch: Batch, met: Met, lanes: Iterable[Sequence[Resolved]]) -> list[Happened]:
    """To the living, as far as there may be something to note of it."""
    return [
        (message.profile_id, message.event.name, message.event.properties)
        for messages in lanes
        for message in messages
        if type(message) is EventResolved
        and message.event.name
        and met.may_note(message.event.name)
        and batch.target(message.profile_id) is not None
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
        case EventDropped() | ConsentRecorded():
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


def _is_replayed(message: Plain) -> bool:
    """They come last: they look at the history as it is with what happened meanwhile."""
    return type(message) is EventResolved and message.replayed


async def _take_plain(batch: Batch, messages: Sequence[Plain]) -> None:
    living = [
        Told(message, subject) for message in messages if (subject := batch.target(message.profile_id)) is not None
    ]
    past = await batch.histories(told.subject for told in living)
    if batch.rules.ruleset.lasting:
        others = {told.subject.id: told.subject for told in living if told.makes_others(batch.rules)}
        await batch.recollect(others.values(), whole=True)
        recalled = {told.subject.id: told.subject for told in living if told.may_touch(batch.rules)}
        await batch.recollect(recalled.values())
    events = [(told.subject.lane, told.subject.id, event) for told in living for event in told.events]
    fresh = await history.insert_events(batch.tx, events) if events else None
    async for told in taking_turns(living):
        news = told.events if fresh is None else told.fresh(fresh)
        _apply(batch, told.subject, told.message, news, past.get(told.subject.id, []) if past else [])


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
