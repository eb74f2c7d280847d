"""What new versions say of everybody who was there before them.

One query finds all of whom they are true, or whom time may change, in some lanes; it holds for each profile that has
taken nothing in since these versions were made, and all others have been given their truths by then. So only those found are
locked and written, some at a time. Where the query cannot judge, or not in time, the engine does, as it does for whoever is due.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import TypeVar
from uuid import UUID

from services.segments.domain.definition import Definition
from services.segments.domain.sql.first_truths import compile_first_truths
from services.segments.service.batch import begin, taking_turns
from services.segments.service.rules import RuleBook, VersionFails
from services.segments.service.subject import catch_up, first_cause
from services.segments.store import builds
from services.segments.store import first_truths as store
from services.segments.store.builds import Build
from services.segments.store.catalogue import Version, confirm_revision
from services.segments.store.first_truths import Found, NewVersion
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection, Database, is_unavailable
from shared.plumbing.lanes import LANES, by_lane
from shared.plumbing.leases import Leases
from shared.plumbing.log import get_logger

log = get_logger()
T = TypeVar("T")
SIDE_BY_SIDE = 2
BUILDS_AT_ONCE = 30  # a query has 1,664 columns at most, and a leaf a few


@dataclass(frozen=True, slots=True)
class Look:
    """Some lanes, and the versions whose first truths these lack. `revision`: of the newest of them."""

    lanes: Sequence[int]
    builds: Collection[UUID]
    definitions: Mapping[int, Definition]
    revision: int


@dataclass(frozen=True, slots=True)
class Seen:
    """`found` at an instant; `unjudged` are (lane, profile) that the engine has to judge."""

    at: datetime
    found: Sequence[Found]
    unjudged: Sequence[tuple[int, UUID]]


class FirstTruths:
    """Gives new versions their first truths. `batch`: profiles written in one transaction, at most; `at_once`: looked at; half as
    many after each look that took too long."""

    def __init__(self, db: Database, book: RuleBook, leases: Leases, clock: Clock, *, batch: int, at_once: int) -> None:
        self._db = db
        self._book = book
        self._leases = leases
        self._clock = clock
        self._batch = batch
        self._at_once = at_once
        self._ahead: tuple[Look, asyncio.Task[Seen]] | None = None

    async def step(self, build: Build, lanes: Sequence[int]) -> bool:
        """Take some of these lanes through the oldest build, and through those begun since. False: all are through."""
        at_once = self._at_once
        looks = await self._db.run(lambda tx: next_looks(tx, self._book, build, lanes, at_once=at_once))
        if not looks:
            return False
        look = looks[0]
        seen = await self._seen(look)
        if at_once == self._at_once:
            self._look_ahead(looks[1:])
        late = await self._write(look, seen)
        for ids in _portions([*late, *seen.unjudged], max(1, self._batch // 10)):
            await self._db.run(partial(self._bring, ids))
        await self._db.run(partial(self._pass, look))
        return True

    def close(self) -> None:
        """Stop looking ahead."""
        if self._ahead is not None:
            self._ahead[1].cancel()
            self._ahead = None

    def _look_ahead(self, looks: Sequence[Look]) -> None:
        """While what was found is written, the database looks at the next lanes."""
        if looks:
            self._ahead = looks[0], asyncio.create_task(self._see(looks[0]))

    async def _seen(self, look: Look) -> Seen:
        if self._ahead is None or self._ahead[0] != look:
            self.close()
            return await self._see(look)
        task, self._ahead = self._ahead[1], None
        return await task

    async def _see(self, look: Look) -> Seen:
        at = self._clock.now()
        try:
            query = compile_first_truths(look.definitions, at, self._book.default_zone)
            async with self._db.snapshot() as tx:
                found = await store.find_first_truths(tx, query, look.lanes, together=self._batch)
            return Seen(at, found, [(one.lane, profile_id) for one in found for profile_id in one.unjudged])
        except store.TooSlow:
            self._at_once = max(1, self._at_once // 2)
            log.warning("first_truths_too_slow", lanes=len(look.lanes), at_once=self._at_once)
        except Exception as error:  # what cannot be asked of one version must not keep the others from being built
            if is_unavailable(error):
                raise
            log.warning("first_truths_by_engine", kind=type(error).__name__)
        async with self._db.snapshot() as tx:
            return Seen(at, (), await store.waiting(tx, look.lanes, before=look.revision))

    async def _write(self, look: Look, seen: Seen) -> list[tuple[int, UUID]]:
        """What was found, lane by lane and two of them side by side. Returns those that time has changed by then."""
        late: list[tuple[int, UUID]] = []
        lanes = iter(by_lane(seen.found, attrgetter("lane")))

        async def write_lanes() -> None:
            for _, portions in lanes:
                for some in portions:
                    late.extend(await self._db.run(partial(self._give, look, seen.at, some)))

        for failure in await asyncio.gather(*(write_lanes() for _ in range(SIDE_BY_SIDE)), return_exceptions=True):
            if failure is not None:
                raise failure
        return late

    async def _give(self, look: Look, at: datetime, found: Found, tx: Connection) -> list[tuple[int, UUID]]:
        """Write what was found, where it is still lacking."""
        rules = await self._book.current(tx)
        await self._leases.check(tx, [found.lane])
        # before it takes the lane's counter: who changes the catalogue takes them in this order, too
        await confirm_revision(tx, rules.revision)
        versions = [_new(rules.versions[known]) for known in look.definitions if known in rules.versions]
        late = await store.give(tx, found, versions, revision=look.revision, at=at)
        return [(found.lane, profile_id) for profile_id in late]

    async def _bring(self, ids: Sequence[tuple[int, UUID]], tx: Connection) -> None:
        """By the engine."""
        now = self._clock.now()
        await self._leases.check(tx, sorted({lane for lane, _ in ids}))
        batch = await begin(tx, self._book, now)
        await batch.lock_only(profile_id for _, profile_id in ids)
        living = [s for s in batch.subjects.values() if s.lives and s.lacks_truths(batch.rules)]
        past = await batch.histories(living)
        try:
            async for subject in taking_turns(living):
                catch_up(subject, batch.rules, now, past.get(subject.id, []))
            await batch.write()
        except VersionFails as failure:
            await self._book.set_aside(failure)

    async def _pass(self, look: Look, tx: Connection) -> None:
        await self._leases.check(tx, sorted(look.lanes))
        await builds.lanes_done(tx, look.lanes, look.builds)


async def next_looks(tx: Connection, book: RuleBook, build: Build, lanes: Sequence[int], *, at_once: int) -> list[Look]:
    """The next two looks at lanes that are not through this build, as far as there are any."""
    unfinished = {lane: found for lane, found in (await builds.open_lanes(tx, lanes)).items() if build.id in found}
    if not unfinished:
        return []
    rules = await book.current(tx)  # not before: a build that is begun in between would have its lanes noted unseen
    together = next(iter(unfinished.values()))
    alike = [lane for lane, found in unfinished.items() if found == together]
    count = max(1, round(LANES * at_once / max(1, build.total)))  # its total is a rough one
    made = {v.build_id: v.revision for v in rules.versions.values() if v.build_id in together}
    together -= frozenset(sorted(made, key=made.__getitem__)[BUILDS_AT_ONCE:])
    versions = [version for version in rules.versions.values() if version.build_id in together]
    definitions = {
        v.id: rules.definitions[v.id] for v in versions if v.status == "building" and v.id in rules.definitions
    }
    newest = max((v.revision for v in versions), default=build.number)
    return [Look(some, together, definitions, newest) for some in _portions(alike[: 2 * count], count)]


def _portions(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _new(version: Version) -> NewVersion:
    cause = first_cause(version) if version.serves else None
    return NewVersion(version.id, version.revision, version.segment_id, version.number, cause)
