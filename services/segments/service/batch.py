"""The profiles of one transaction: locked together, worked on in memory, written set-based, only what differs."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from services.segments.domain.facts import Event
from services.segments.service.rules import RuleBook, Rules
from services.segments.service.subject import Subject
from services.segments.store import changes, history, memberships, profiles
from services.segments.store.catalogue import RevisionChanged, confirm_revision
from services.segments.store.memberships import Membership
from services.segments.store.profiles import StoredProfile
from shared.plumbing.db import Connection

T = TypeVar("T")
TURN = 50  # profiles or messages


class Batch:
    """What one transaction works on. `now`: its processing instant."""

    def __init__(self, tx: Connection, rules: Rules, now: datetime) -> None:
        self.tx = tx
        self.rules = rules
        self.now = now
        self.subjects: dict[UUID, Subject] = {}

    async def lock(self, ids: Iterable[UUID]) -> None:
        """Get hold of these profiles and of the survivors they lead to."""
        wanted = set(ids)
        while wanted:
            found = await profiles.lock_profiles(self.tx, wanted)
            await self.hold(found.values())
            for profile_id in wanted - found.keys():
                self.subjects[profile_id] = Subject.new(profile_id, self.rules, self.now)
            led_to = {stored.merged_into for stored in found.values() if stored.merged_into}
            wanted = led_to - self.subjects.keys()

    async def lock_only(self, ids: Iterable[UUID]) -> None:
        """Get hold of those of these profiles that exist."""
        await self.hold((await profiles.lock_profiles(self.tx, ids)).values())

    async def hold(self, locked: Iterable[StoredProfile]) -> list[Subject]:
        """Take these on, which are locked."""
        held = {stored.id: Subject.of(stored) for stored in locked}
        if self.rules.settling and held:
            listed = await memberships.listed_in(self.tx, [v.segment_id for v in self.rules.settling], held)
            for subject in held.values():
                subject.unsettled = {
                    version.id
                    for version in self.rules.settling
                    if ((version.segment_id, subject.id) in listed) is not (version.id in subject.truths)
                }
        self.subjects |= held
        return list(held.values())

    def target(self, profile_id: UUID) -> Subject | None:
        """The living profile an id leads to; None if it was erased."""
        subject = self.subjects[profile_id]
        while subject.merged_into is not None:
            subject = self.subjects[subject.merged_into]
        return None if subject.erased else subject

    async def histories(self, subjects: Iterable[Subject]) -> dict[UUID, list[Event]]:
        """The events that new versions look at, of those that lack their states; nothing of the others, who need none."""
        behind = [subject for subject in subjects if subject.judged and subject.lacks_states(self.rules)]
        made = (self.rules.made_since(revision).event_names for revision in {s.states_revision for s in behind})
        names = frozenset[str]().union(*made)
        return await history.events_of(self.tx, (s.id for s in behind), names=names) if names else {}

    async def recollect(self, subjects: Iterable[Subject], *, whole: bool = False) -> None:
        """Have those of these that were there before bring the past that `for`s look at; the whole that can be recalled, if told so."""
        names = self.rules.ruleset.recalled_names if whole else self.rules.ruleset.lasting_names
        without = [s for s in subjects if s.past is None or (whole and not s.past_is_whole)]
        if not without or not self.rules.ruleset.lasting:
            return
        found = await history.events_of(self.tx, (subject.id for subject in without), names=names)
        for subject in without:
            subject.past, subject.past_is_whole = found[subject.id], whole

    async def history_of(self, subject: Subject) -> list[Event]:
        """All events of one that any version looks at."""
        return (await history.events_of(self.tx, [subject.id], names=self.rules.event_names))[subject.id]

    async def write(self) -> None:
        """Write what differs: profiles, memberships, and last of all the changes. Raises RevisionChanged to be done again."""
        subjects = list(self.subjects.values())
        await confirm_revision(self.tx, self.rules.revision)
        await self._write_profiles(subjects)
        await self._write_memberships(subjects)
        await changes.append_changes(self.tx, [change for subject in subjects for change in subject.changes])

    async def _write_profiles(self, subjects: Collection[Subject]) -> None:
        new = [s.to_stored() for s in subjects if s.stored is None and (s.judged or s.merged_into or s.erased)]
        if new and await profiles.insert_profiles(self.tx, new) < len(new):
            raise RevisionChanged  # another transaction made one of them: begin again with it
        learned = [s.to_stored() for s in subjects if s.stored is not None and s.learned]
        moved = [s.to_stored() for s in subjects if s.stored is not None and s.moved and not s.learned]
        if learned:
            await profiles.update_profiles(self.tx, learned)
        if moved:
            await profiles.update_states(self.tx, moved)

    async def _write_memberships(self, subjects: Collection[Subject]) -> None:
        last = {(change.lane, change.segment_id, change.profile_id): change for s in subjects for change in s.changes}
        left = [place for place, change in last.items() if change.change == "left"]
        entered = [Membership(*place, change.at) for place, change in last.items() if change.change == "entered"]
        if left:
            await memberships.leave(self.tx, left)
        if entered:
            await memberships.enter(self.tx, entered)


async def taking_turns(items: Iterable[T]) -> AsyncIterator[T]:
    """These, letting others have the loop now and then: requests are answered by it, too."""
    for number, item in enumerate(items, 1):
        if number % TURN == 0:
            await asyncio.sleep(0)
        yield item


async def begin(tx: Connection, book: RuleBook, now: datetime, *, hold: bool = False) -> Batch:
    """A batch by the present rules; with `hold` nobody changes them before it commits."""
    return Batch(tx, await book.current(tx, hold=hold), now)
