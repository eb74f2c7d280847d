"""Static lists: uploads that put people on them and take them off.

An upload is worked off in transactions of its own, some profiles at a time under their rows' locks, beside everything else
that happens to them. Each profile changes in one step. What an upload that was cut off has done stays; sent again, it goes on
from there, because whoever is as it says already is left alone.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Literal
from uuid import UUID

from services.segments.clients import find_people
from services.segments.domain.lists import LISTS, is_list, lists_of, understood, unheard_of
from services.segments.service import subject as work
from services.segments.service.batch import Batch, begin, taking_turns
from services.segments.service.catalogue import get_segment, states_of
from services.segments.service.rules import RuleBook, VersionFails
from services.segments.service.subject import Subject
from services.segments.store import lists as store
from services.segments.store.catalogue import RevisionChanged, Segment
from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection, Database
from shared.plumbing.errors import Conflict, Invalid, NotFound
from shared.plumbing.http import Neighbour
from shared.plumbing.ids import new_id
from shared.plumbing.lanes import LANES, lane_of
from shared.plumbing.log import get_logger
from shared.schemas.resolved import Identifier

log = get_logger()
AT_ONCE = 500  # profiles in one transaction
HEARD_OF = timedelta(seconds=20)  # from one transaction of an upload to the next
SHOWN = 20
MOST_TOLD = 1000  # characters
Mode = Literal["replace", "add", "remove"]


@dataclass(slots=True)
class Uploaded:
    """In profiles; `kept` are those of whom it was so already. `unknown`: identifiers that lead to nobody."""

    added: int = 0
    removed: int = 0
    kept: int = 0
    unknown: list[Identifier] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Upload:
    """One that is going on. `committed` is to be called when some of it was."""

    id: UUID
    list: Segment
    db: Database
    book: RuleBook
    clock: Clock
    committed: Callable[[], None]
    at_once: int = AT_ONCE

    async def put(self, ids: Collection[UUID], on: bool, *, but: Collection[UUID] = frozenset()) -> tuple[int, int]:
        """Put these profiles on the list, or take them off it, `but` those. How many were not so before, and how many were."""
        changed = kept = 0
        placed = sorted(ids, key=_place)
        for start in range(0, len(placed), self.at_once):
            some = placed[start : start + self.at_once]
            turned, alike = await self._by_present_rules(partial(self._put_some, some, on, but))
            self.committed()
            changed, kept = changed + turned, kept + alike
        return changed, kept

    async def _by_present_rules(self, work: Callable[[Connection], Awaitable[tuple[int, int]]]) -> tuple[int, int]:
        """However often segments are changed meanwhile: what is half done is not refused for that."""
        while True:
            try:
                return await self.db.run(work)
            except RevisionChanged:
                log.info("upload_begins_again", list=self.list.key)

    async def _put_some(self, ids: Sequence[UUID], on: bool, but: Collection[UUID], tx: Connection) -> tuple[int, int]:
        now = self.clock.now()
        if not await store.hold_upload(tx, self.list.id, self.id, until=now + HEARD_OF):
            raise _busy(self.list.key)
        batch = await begin(tx, self.book, now)
        if all(version.segment_id != self.list.id for version in batch.rules.versions.values()):
            raise NotFound(f"The list {self.list.key!r} was deleted meanwhile.")
        await batch.lock(ids)
        living = {subject.id: subject for each in ids if (subject := batch.target(each)) is not None}
        meant = [subject for subject in living.values() if subject.id not in but]
        turning = [subject for subject in meant if (str(self.list.id) in lists_of(subject.traits)) is not on]
        try:
            await self._turn(batch, turning, on)
            await batch.write()
        except VersionFails as failure:
            await self.book.set_aside(failure)
        return len(turning), len(meant) - len(turning)

    async def _turn(self, batch: Batch, subjects: Sequence[Subject], on: bool) -> None:
        rules, cause, key = batch.rules, {"kind": "import", "list": self.list.key}, str(self.list.id)
        past = await batch.histories(subjects)
        await batch.recollect(subjects, whole=rules.ruleset.recalls_leaves({}, {LISTS: key}))
        async for subject in taking_turns(subjects):
            work.catch_up(subject, rules, batch.now, past.get(subject.id, []))
            if not subject.judged:  # it is known to profiles, and what is said of it still on its way
                work.judge(subject, rules, {"kind": "profile"})
            others = {other: since for other, since in lists_of(subject.traits).items() if other != key}
            work.put_on_lists(subject, rules, {**others, key: _written(batch.now)} if on else others)
            work.judge(subject, rules, cause)


async def upload(
    db: Database,
    book: RuleBook,
    profiles: Neighbour,
    clock: Clock,
    *,
    key: str,
    mode: Mode,
    identifiers: Sequence[Identifier],
    committed: Callable[[], None],
) -> Uploaded:
    """Whoever these lead to is on the list, and with `replace` nobody else; or is not. Unknown identifiers make nobody.

    Raises NotFound, Conflict for what is no list or has an upload going on, Invalid for what may well be mistyped, and Unavailable
    where profiles can't be asked; then nothing has changed.
    """
    async with db.snapshot() as tx:
        segment = await get_list(tx, key)
    given = list(dict.fromkeys(identifiers))
    found = await find_people(profiles, given)
    _refuse_mistyped((identifier.namespace, bool(ids)) for identifier, ids in zip(given, found, strict=True))
    done = Uploaded(unknown=[each for each, ids in zip(given, found, strict=True) if not ids])
    named = {profile_id for ids in found for profile_id in ids}
    going_on = Upload(new_id(), segment, db, book, clock, committed)
    await db.run(partial(_begin, going_on))
    try:
        await _work_off(going_on, mode, named, done)
    finally:
        await db.run(lambda tx: store.end_upload(tx, segment.id, going_on.id))
    return done


async def get_list(tx: Connection, key: str) -> Segment:
    """Raises NotFound, and Conflict for a segment that is no list, or whose members may not be those on it."""
    segment = await get_segment(tx, key)
    [state] = await states_of(tx, [segment])
    if not is_list(state.newest.condition):
        raise Conflict(f"The segment {key!r} has a condition; only a list takes people by name.", code="not_a_list")
    if state.failing is not None:
        raise _fails(key, is_mending=state.newest.status == "building")
    return segment


async def _work_off(going_on: Upload, mode: Mode, named: Collection[UUID], done: Uploaded) -> None:
    if mode == "remove":
        done.removed, done.kept = await going_on.put(named, on=False)
        return
    if mode == "replace":
        gone, meant = await _others(going_on, named)
        if gone and done.unknown and not named:
            raise _nobody()
        done.removed, _ = await going_on.put(gone, on=False, but=meant)
    done.added, done.kept = await going_on.put(named, on=True)


async def _others(going_on: Upload, named: Collection[UUID]) -> tuple[list[UUID], set[UUID]]:
    """Who is on the list and not meant, and all who are."""
    async with going_on.db.snapshot() as tx:
        listed = await store.listed(tx, going_on.list.id, range(LANES))
        meant = {*named, *await store.led_to(tx, named)}
    return [profile_id for profile_id in listed if profile_id not in meant], meant


async def _begin(going_on: Upload, tx: Connection) -> None:
    now = going_on.clock.now()
    if not await store.begin_upload(tx, going_on.list.id, going_on.id, now=now, until=now + HEARD_OF):
        raise _busy(going_on.list.key)


def _refuse_mistyped(named: Iterable[tuple[str, bool]]) -> None:
    if unheard := unheard_of(named):
        faults = [{"loc": ["body", name], "msg": "nobody is known by this namespace"} for name in unheard[:SHOWN]]
        detail = f"Found: {', '.join(unheard)}. Understood: {understood()}. Nothing has changed."
        raise Invalid(detail[:MOST_TOLD], errors=faults)


def _nobody() -> Invalid:
    detail = (
        'Nobody of those named is known, and the list would be empty. To take everybody off, send {"user_ids": []}.'
    )
    return Invalid(detail, errors=[{"loc": ["body"], "msg": "nobody named here is known"}])


def _fails(key: str, *, is_mending: bool) -> Conflict:
    """Who is on it is found by its members, which are those of before it failed."""
    if is_mending:
        detail = f"The list {key!r} is being built anew; send this again when its status is `live`."
        return Conflict(detail, code="list_fails", headers={"Retry-After": "5"})
    detail = f"The list {key!r} is failing: PUT {{}} to /v1/segments/{key} builds it anew; then send this again."
    return Conflict(detail, code="list_fails")


def _busy(key: str) -> Conflict:
    return Conflict(
        f"Another upload to the list {key!r} is going on; send this one again after it.",
        code="list_busy",
        headers={"Retry-After": "5"},
    )


def _place(profile_id: UUID) -> tuple[int, UUID]:
    return lane_of(profile_id), profile_id


def _written(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
