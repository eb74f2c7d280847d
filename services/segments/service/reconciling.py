"""Once a day: is what is kept of the profiles what their history says? A sample of each lane, read, never locked.

Lane by lane, each in one snapshot by the worker that holds the lane's lease, and noted with that lease; so one worker is at
it at a time, and another goes on where a killed one stopped. Drift is a defect: it is counted, logged and shown.
"""

import asyncio
from collections import Counter as Tally
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from prometheus_client import Counter

from services.segments.domain.definition import Definition
from services.segments.domain.drift import MEMBERSHIP, TRUTH, Drift, added, parts_of
from services.segments.domain.ruleset import Ruleset
from services.segments.domain.sql.query import compile_query
from services.segments.service.batch import Batch, begin
from services.segments.service.rules import RuleBook, VersionFails
from services.segments.service.subject import Subject, catch_up
from services.segments.store import profiles
from services.segments.store.catalogue import RevisionChanged, Version
from services.segments.store.reconciliations import (
    Reconciliation,
    find_unfinished,
    insert_reconciliation,
    members_among,
    memberships_among,
    note_lane,
    pick_profiles,
)
from shared.plumbing.behind import keep_working
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection, Database
from shared.plumbing.ids import new_id
from shared.plumbing.leases import Leases
from shared.plumbing.log import get_logger

log = get_logger()
drift_total = Counter(
    "regulars_segment_drift_total", "Profiles of whom a segment's state was not what their history says", ["segment"]
)
BREATH = 0.1  # seconds between lanes: live traffic goes first
LOOK_AGAIN = 30.0  # seconds
NEVER = -1


async def ask_for_one(tx: Connection, *, now: datetime, sample: int) -> Reconciliation:
    """One that begins at once, or the one that is not finished yet."""
    known = await find_unfinished(tx)
    if known is None:
        known = Reconciliation(new_id(), None, now, 0, sample, 0, [], None)
        await insert_reconciliation(tx, known)
    return known


class Reconciler:
    """`hour`: the local one from which on a day's own may begin; -1: on no day."""

    def __init__(
        self, db: Database, book: RuleBook, leases: Leases, clock: Clock, *, hour: int, sample: int, due: asyncio.Event
    ) -> None:
        self._db = db
        self._book = book
        self._leases = leases
        self._clock = clock
        self._hour = hour
        self._sample = sample
        self._due = due

    async def run(self) -> None:
        """Until cancelled."""
        await keep_working(
            self.step,
            leases=self._leases,
            due=self._due,
            look_again=LOOK_AGAIN,
            breath=BREATH,
            otherwise=self._begin_the_days_own,
            begin_again=(RevisionChanged,),
        )

    async def _begin_the_days_own(self) -> None:
        now = self._clock.now()
        local = now.astimezone(ZoneInfo(self._book.default_zone))
        if self._hour == NEVER or local.hour < self._hour:
            return
        new = Reconciliation(new_id(), local.date(), now, 0, self._sample, 0, [], None)
        await self._db.run(lambda tx: insert_reconciliation(tx, new))

    async def step(self) -> bool:
        """The next lane of one that is not finished. False when there is none, or it is another worker's."""
        known = await find_unfinished(self._db)
        if known is None or known.lane not in self._leases.held:
            return False
        try:
            async with self._db.snapshot() as tx:
                count, found = await self._compare(tx, known)
        except RevisionChanged:
            return True  # the catalogue is another one: again

        async def note(tx: Connection) -> bool:
            await self._leases.check(tx, [known.lane])
            drift = added(known.drift, found)
            return await note_lane(tx, known, profiles=count, drift=drift, now=self._clock.now())

        if await self._db.run(note):
            _tell(found)
        return True

    async def _compare(self, tx: Connection, known: Reconciliation) -> tuple[int, list[Drift]]:
        """Of a lane: how many were looked at, and what differs."""
        batch = await begin(tx, self._book, self._clock.now())
        ids = await pick_profiles(tx, known.lane, salt=str(known.id), limit=known.sample)
        subjects = [Subject.of(stored) for stored in await profiles.find_profiles(tx, ids)]
        if not subjects:
            return 0, []
        try:
            return len(subjects), await _Lane(tx, batch, known.lane, subjects).drift()
        except VersionFails as failure:
            await self._book.set_aside(failure)
            raise


class _Lane:
    """A sample of one, brought to an instant in memory."""

    def __init__(self, tx: Connection, batch: Batch, lane: int, subjects: list[Subject]) -> None:
        self._tx = tx
        self._batch = batch
        self._rules = batch.rules
        self._lane = lane
        self._subjects = {subject.id: subject for subject in subjects}
        self._at = max(batch.now, *(subject.evaluated_at for subject in subjects))

    async def drift(self) -> list[Drift]:
        live = [v for v in self._rules.versions.values() if v.status == "live" and v.id in self._rules.definitions]
        wrong = await self._wrong_members(live)
        past = await self._batch.histories(self._subjects.values())
        for subject in self._subjects.values():
            catch_up(subject, self._rules, self._at, past.get(subject.id, []))
        worked_out = {subject.id: self._judged(self._rules.ruleset, subject) for subject in self._subjects.values()}
        for version in live:
            expected = await self._members(self._rules.definitions[version.id])
            kept = {one.id for one in self._subjects.values() if version.id in one.truths}
            now = {profile_id for profile_id, truths in worked_out.items() if truths[version.id]}
            if different := (expected ^ kept) | (expected ^ now):
                wrong += await self._leaves(version, different)
        return wrong

    def _judged(self, ruleset: Ruleset[int], subject: Subject) -> dict[int, bool]:
        """Anew, from the states of its leaves."""
        return ruleset.judge(subject.standing, subject.facts(self._rules), self._at)

    async def _members(self, definition: Definition) -> set[UUID]:
        query = compile_query(definition, self._at, self._rules.default_zone)
        return await members_among(self._tx, query, self._lane, self._subjects)

    async def _wrong_members(self, live: Iterable[Version]) -> list[Drift]:
        """Before time is made to pass, for a list of members is as old as the truths."""
        listed = await memberships_among(self._tx, self._lane, self._subjects)
        wrong = Tally[tuple[str, int]]()
        for version in live:
            for subject in self._subjects.values():
                is_listed = (version.segment_id, subject.id) in listed
                if subject.revision >= version.revision and is_listed is not (version.id in subject.truths):
                    wrong[version.key, version.number] += 1
        return [Drift(key, number, MEMBERSHIP, count) for (key, number), count in wrong.items()]

    async def _leaves(self, version: Version, different: set[UUID]) -> list[Drift]:
        """By which of its leaves; by its truth where none of them is to blame."""
        definition = self._rules.definitions[version.id]
        blamed, found = set[UUID](), list[Drift]()
        for part in parts_of(definition):
            expected = await self._members(part.definition)
            alone = self._rules.build({0: part.definition})
            kept = {one for one in different if self._judged(alone, self._subjects[one])[0]}
            if wrong := (expected & different) ^ kept:
                blamed |= wrong
                found.append(Drift(version.key, version.number, part.path, len(wrong)))
        if rest := different - blamed:
            found.append(Drift(version.key, version.number, TRUTH, len(rest)))
        return found


def _tell(found: Iterable[Drift]) -> None:
    for drift in found:
        drift_total.labels(drift.segment).inc(drift.profiles)
        log.error("segment_drift", **drift.to_json())
