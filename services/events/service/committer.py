"""Group commit without a timer: while one group is being committed, the next one gathers."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from time import perf_counter
from types import MappingProxyType
from uuid import UUID

import asyncpg
import msgspec
from prometheus_client import Histogram

from services.events.store.copying import Rows
from services.events.store.log import append_rows, insert_keys, insert_new_keys
from services.events.store.rejected import Rejected, insert_rejected
from services.events.store.violations import Found, count_violations, found_in_rejected
from shared.plumbing.db import TRY_AGAIN, Connection, Database, is_unavailable
from shared.plumbing.errors import Unavailable

MAX_GROUP = 8 * 1024 * 1024
"""Bytes in one transaction, about; a single request may be larger than what is left."""

commits = Histogram(
    "regulars_ingest_commit_seconds",
    "From the first statement of a group's transaction to its commit",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
MAX_TRIES = 3
NOTHING: Mapping[int, Found] = MappingProxyType({})
CAREFUL_FOR = 5.0
"""Seconds for which repeats are reckoned with after one was met; otherwise all keys are taken to be new, at half the cost."""


class Submission(msgspec.Struct, gc=False):
    """What one request wants kept. `found`: what rows break of their schemas, by the row's number. `done` gives, row by row,
    whether it was new."""

    rows: Rows
    rejected: list[Rejected]
    found: Mapping[int, Found]
    size: int
    done: "asyncio.Future[list[bool]]"


class Unstorable(Exception):
    """The database will never take this row."""


class Committer:
    """One task commits for the whole process. Two at once gain little: the lanes' counters let only one append at a time, and
    smaller groups cost more."""

    def __init__(self, db: Database, *, committed: Callable[[], None]) -> None:
        self._db = db
        self._committed = committed
        self._waiting: list[Submission] = []
        self._something = asyncio.Event()
        self._careful_until = 0.0
        self.bytes_waiting = 0

    async def keep(
        self, rows: Rows, rejected: list[Rejected], *, size: int, found: Mapping[int, Found] = NOTHING
    ) -> list[bool]:
        """Returns when everything is on disk: for each row, whether it was new. Raises Unavailable if nothing was kept.

        Raises Unstorable if the database won't ever take one of the rows; then, too, nothing was kept.
        """
        done: asyncio.Future[list[bool]] = asyncio.get_running_loop().create_future()
        self._waiting.append(Submission(rows, rejected, found, size, done))
        self.bytes_waiting += size
        self._something.set()
        return await done

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await self._something.wait()
                await self._commit_group(self._next_group())
        except asyncio.CancelledError:
            _give_up(self._waiting, Unavailable("The service is stopping; try again."))
            self._waiting = []
            raise

    def _next_group(self) -> list[Submission]:
        size = count = 0
        for submission in self._waiting:
            if count and size + submission.size > MAX_GROUP:
                break
            size += submission.size
            count += 1
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        if not self._waiting:
            self._something.clear()
        return group

    async def _commit_group(self, group: Sequence[Submission]) -> None:
        try:
            await self._commit(group)
        finally:  # a fault of ours or the service's stop: whoever still waits must hear that nothing is certain
            _give_up(group, Unavailable("The events could not be kept; try again."))
            self.bytes_waiting -= sum(submission.size for submission in group)

    async def _commit(self, group: Sequence[Submission], tries: int = 0) -> None:
        """One transaction; if a row in it can't be stored, one each for its halves, so that only its request suffers."""
        started = perf_counter()
        careful = started < self._careful_until
        try:
            fresh = await self._db.run(lambda tx: _write(tx, group, careful=careful))
        except asyncpg.UniqueViolationError:
            self._careful_until = perf_counter() + CAREFUL_FOR
            await self._commit(group)
        except UNSTORABLE:
            await self._commit_halves(group)
        except asyncpg.CheckViolationError:
            # A month's partition was attached between our look for the right one and our lock on it.
            if tries == MAX_TRIES:
                raise
            await self._commit(group, tries + 1)
        except Exception as error:
            if not (is_unavailable(error) or isinstance(error, TRY_AGAIN)):
                raise
            _give_up(group, Unavailable("The database is out of reach; nothing was kept, try again."))
        else:
            commits.observe(perf_counter() - started)
            self._committed()
            _answer(group, fresh)

    async def _commit_halves(self, group: Sequence[Submission]) -> None:
        if len(group) == 1:
            _give_up(group, Unstorable())
            return
        middle = len(group) // 2
        await self._commit(group[:middle])
        await self._commit(group[middle:])


UNSTORABLE = (asyncpg.DataError, asyncpg.ProgramLimitExceededError, UnicodeEncodeError)


async def _write(tx: Connection, group: Sequence[Submission], *, careful: bool) -> list[list[bool]]:
    """Whether each row of each request is new. Unless it is careful, it fails if one is not."""
    parts = [submission.rows for submission in group]
    fresh = [[True] * len(rows.keys) for rows in parts]
    if careful:
        fresh = await _insert_carefully(tx, parts)
        parts = [rows.only(wanted) for rows, wanted in zip(parts, fresh, strict=True)]
    elif any(fresh):
        await insert_new_keys(tx, parts)
    rejected = [item for submission in group for item in submission.rejected]
    inserted = await insert_rejected(tx, rejected) if rejected else set()
    if found := [*_found_in_rows(group, fresh), *_found_in_rejected(rejected, inserted)]:
        await count_violations(tx, found)
    await append_rows(tx, parts)
    return fresh


def _found_in_rows(group: Sequence[Submission], fresh: Sequence[list[bool]]) -> Iterator[Found]:
    for submission, new in zip(group, fresh, strict=True):
        for number, item in submission.found.items():
            if new[number]:
                yield item


def _found_in_rejected(rejected: Sequence[Rejected], inserted: Set[UUID]) -> Iterator[Found]:
    for item in rejected:
        if item.refusal.violations and item.id in inserted:
            yield found_in_rejected(item.origin, item.refusal)


async def _insert_carefully(tx: Connection, parts: Sequence[Rows]) -> list[list[bool]]:
    """Whether each key is new: of those that are alike the first one counts."""
    seen: set[bytes] = set()
    first = [[not (key in seen or seen.add(key)) for key in rows.keys] for rows in parts]  # type: ignore[func-returns-value]
    fresh = await insert_keys(tx, [rows.only(wanted) for rows, wanted in zip(parts, first, strict=True)])
    return [
        [is_first and key in fresh for is_first, key in zip(wanted, rows.keys, strict=True)]
        for rows, wanted in zip(parts, first, strict=True)
    ]


def _answer(group: Sequence[Submission], fresh: Sequence[list[bool]]) -> None:
    for submission, new in zip(group, fresh, strict=True):
        if not submission.done.done():
            submission.done.set_result(new)


def _give_up(group: Sequence[Submission], error: Exception) -> None:
    for submission in group:
        if not submission.done.done():
            submission.done.set_exception(error)
