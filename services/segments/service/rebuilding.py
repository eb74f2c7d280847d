"""What is kept of the profiles, made anew from their history: states, truths and memberships.

A few profiles are locked at a time, by the worker that holds their lane's lease, with the progress in the same transaction. Where
nothing was wrong nothing is written. What was wrong is put right as by a backfill, of which no campaign speaks.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.segments.domain.facts import ProfileFacts
from services.segments.domain.ruleset import Ruleset
from services.segments.domain.standing import Standing
from services.segments.service import subject as work
from services.segments.service.batch import Batch, begin
from services.segments.service.rules import RuleBook, VersionFails
from services.segments.service.subject import Subject
from services.segments.store import memberships, rebuilds
from services.segments.store.catalogue import RevisionChanged
from services.segments.store.memberships import Membership
from services.segments.store.rebuilds import Rebuild
from services.segments.store.reconciliations import memberships_among
from shared.plumbing.behind import keep_working
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection, Database
from shared.plumbing.ids import new_id
from shared.plumbing.leases import Leases

AT_ONCE = 50  # profiles
BREATH = 0.02  # seconds between transactions: live traffic goes first
LOOK_AGAIN = 30.0  # seconds
CAUSE: dict[str, Any] = {"kind": "backfill"}


async def ask_for_rebuild(tx: Connection, profile_ids: Sequence[UUID] | None, *, now: datetime) -> Rebuild:
    """Of these profiles, or of all; after those that were asked for before."""
    new = Rebuild(new_id(), now, None if profile_ids is None else sorted(set(profile_ids)))
    await rebuilds.insert_rebuild(tx, new)
    return new


class Rebuilder:
    """Does what is asked for, one after the other."""

    def __init__(
        self, db: Database, book: RuleBook, leases: Leases, clock: Clock, *, due: asyncio.Event, at_once: int = AT_ONCE
    ) -> None:
        self._db = db
        self._book = book
        self._leases = leases
        self._clock = clock
        self._due = due
        self._at_once = at_once

    async def run(self) -> None:
        """Until cancelled."""
        await keep_working(
            self.step,
            leases=self._leases,
            due=self._due,
            look_again=LOOK_AGAIN,
            breath=BREATH,
            begin_again=(RevisionChanged,),
        )

    async def step(self) -> bool:
        """Some profiles of the next lane. False when there is nothing to do, or it is another worker's lane."""
        return await self._db.run(self._rebuild_some)

    async def _rebuild_some(self, tx: Connection) -> bool:
        known = await rebuilds.find_unfinished(tx)
        if known is None or known.lane not in self._leases.held:
            return False
        await self._leases.check(tx, [known.lane])
        ids = await rebuilds.next_profiles(tx, known, limit=self._at_once)
        repaired = await self._put_right(tx, known.lane, ids) if ids else 0
        await rebuilds.note_progress(tx, known, ids, repaired=repaired, now=self._clock.now())
        return True

    async def _put_right(self, tx: Connection, lane: int, ids: Sequence[UUID]) -> int:
        batch = await begin(tx, self._book, self._clock.now())
        await batch.lock_only(ids)
        living = [subject for subject in batch.subjects.values() if subject.lives]
        wrong = await _list_by_truths(batch, lane, living)
        try:
            past = await batch.histories(living)
            for subject in living:
                work.go_over(subject, batch.rules, batch.now)
                work.catch_up(subject, batch.rules, subject.evaluated_at, past.get(subject.id, []))
                if await _make_anew(batch, subject):
                    wrong.add(subject.id)
                work.catch_up(subject, batch.rules, batch.now)
            await batch.write()
        except VersionFails as failure:
            await self._book.set_aside(failure)
        return len(wrong)


async def _make_anew(batch: Batch, subject: Subject) -> bool:
    """Where its conditions stood at the instant that it had been brought to. False, and as it was, where they stood right."""
    rules, before, truths, had_moved = batch.rules, subject.standing, set(subject.truths), subject.moved
    kept = rules.attempt(lambda ruleset: _looked_at(ruleset, before, subject.facts(rules), subject.evaluated_at))
    work.refold(subject, rules, await batch.history_of(subject))
    work.judge(subject, rules, CAUSE)
    made = subject.standing
    folded = rules.attempt(lambda ruleset: _looked_at(ruleset, made, subject.facts(rules), subject.evaluated_at))
    looks_late = kept.next_at is not None and (before.next_at is None or before.next_at > kept.next_at)
    if looks_late or subject.truths != truths or (kept.leaves, kept.due) != (folded.leaves, folded.due):
        return True
    subject.standing, subject.moved = before, had_moved
    return False


def _looked_at(ruleset: Ruleset[int], standing: Standing, facts: ProfileFacts, at: datetime) -> Standing:
    """A copy in the one form that does not depend on how it came about. Since when a `for` has held shows in what is due."""
    leaves = ruleset.trim({key: [None, *kept[1:]] for key, kept in standing.leaves.items()}, at)
    copy = Standing(leaves, {}, dict(standing.since))
    ruleset.judge(copy, facts, at)
    return copy


async def _list_by_truths(batch: Batch, lane: int, living: Sequence[Subject]) -> set[UUID]:
    """Make the lists of members what the truths say that were reached. Whose were not."""
    listed = await memberships_among(batch.tx, lane, [subject.id for subject in living])
    missing, extra = list[Membership](), list[tuple[int, UUID, UUID]]()
    for version in (version for version in batch.rules.versions.values() if version.status == "live"):
        for subject in (subject for subject in living if subject.revision >= version.revision):
            is_listed, is_true = (version.segment_id, subject.id) in listed, version.id in subject.truths
            if is_true and not is_listed:
                missing.append(Membership(lane, version.segment_id, subject.id, subject.evaluated_at))
            elif is_listed and not is_true:
                extra.append((lane, version.segment_id, subject.id))
    await memberships.enter(batch.tx, missing)
    await memberships.leave(batch.tx, extra)
    return {one.profile_id for one in missing} | {profile_id for *_, profile_id in extra}
