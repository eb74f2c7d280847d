"""A part of the raw log taken in again, to put back what is missing: asked for, and done behind live traffic.

It begins when everybody has taken in what was told before it was asked for: so nothing is replayed that anybody has yet to
meet for the first time. It takes in only what had been resolved by then; what has not been is live traffic's.

Some messages of a lane are pulled, and taken in with the progress in one transaction, by the worker that holds the lane's
lease. Those that are parked stay parked.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.profiles.clients import Events
from services.profiles.service.book import Book
from services.profiles.service.resolve import REPLAY, WORK, resolve_again
from services.profiles.store import erasures, replays
from services.profiles.store.replays import Replay
from shared.plumbing import json
from shared.plumbing.behind import keep_working
from shared.plumbing.db import Connection
from shared.plumbing.errors import NotFound, Unavailable
from shared.plumbing.ids import new_id
from shared.plumbing.json import Raw
from shared.plumbing.leases import Leases
from shared.plumbing.log import get_logger
from shared.plumbing.reader import Apply, Incoming, TakingIn
from shared.schemas.replay import LogItem, LogRequest

log = get_logger()
AT_ONCE = 100  # messages
BREATH = 0.02  # seconds between transactions: live traffic goes first
LOOK_AGAIN = 2.0  # seconds


async def ask_for_replay(book: Book, *, since: datetime, before: datetime, reason: str | None) -> Replay:
    """Of what was received from `since` on and before `before`."""
    return await replays.insert_replay(
        book.db, new_id(), since=since, before=before, reason=reason, now=book.clock.now(), work=WORK
    )


async def get_replay(book: Book, replay_id: UUID) -> Replay:
    """How far one is. Raises NotFound."""
    found = await replays.find_replay(book.db, replay_id)
    if found is None:
        raise NotFound("There is no such replay.")
    return found


class Replayer:
    """Does what is asked for, one after the other. `consumers`: who reads what is told."""

    def __init__(
        self,
        book: Book,
        events: Events,
        leases: Leases,
        *,
        consumers: Sequence[str],
        due: asyncio.Event,
        at_once: int = AT_ONCE,
    ) -> None:
        self._book = book
        self._events = events
        self._leases = leases
        self._consumers = consumers
        self._due = due
        self._at_once = at_once

    async def run(self) -> None:
        """Until cancelled."""
        await keep_working(self.step, leases=self._leases, due=self._due, look_again=LOOK_AGAIN, breath=BREATH)

    async def step(self) -> bool:
        """Some messages of the next lane. False when there is nothing to do now, or it is another worker's lane."""
        known = await replays.find_unfinished(self._book.db)
        if known is None or known.lane not in self._leases.held or not await self._may_begin(known):
            return False
        try:
            found = await self._next_messages(known)
        except Unavailable as error:
            log.warning("replay_waits", kind=type(error).__name__)
            return False
        if found:
            await self._take_in(known, found)
        else:
            await self._book.db.run(lambda tx: self._finish_lane(tx, known))
        return True

    async def _next_messages(self, known: Replay) -> Sequence[LogItem]:
        if known.cursor >= known.until.get(known.lane, 0):
            return ()
        return await self._events.read_log(_next_part(known, limit=self._at_once))

    async def _may_begin(self, known: Replay) -> bool:
        if (known.lane, known.cursor) != (0, 0):
            return True  # it has
        passed = await erasures.read_passed(self._book.db, self._consumers)
        return all(
            passed.get(consumer, {}).get(lane, 0) >= seq
            for consumer in self._consumers
            for lane, seq in known.heads.items()
        )

    async def _finish_lane(self, tx: Connection, known: Replay) -> None:
        await replays.note_lane(tx, known, now=self._book.clock.now())
        await self._leases.check(tx, [known.lane])

    async def _take_in(self, known: Replay, found: Sequence[LogItem]) -> None:
        parked = await replays.parked_among(self._book.db, WORK, known.lane, [item.seq for item in found])
        page = _Page(self._book, self._leases, known, parked)
        taking_in = TakingIn(feed=REPLAY, leases=self._leases, apply=page.apply, clock=self._book.clock)
        await taking_in.take_in([_incoming(known, item) for item in found], page.commit)


class _Page:
    """Some messages of a lane, perhaps taken in by halves. `parked`: those that are left alone."""

    def __init__(self, book: Book, leases: Leases, replay: Replay, parked: set[int]) -> None:
        self._book = book
        self._leases = leases
        self._replay = replay
        self._parked = parked
        self._done = replay.cursor
        self._repaired = 0

    async def apply(self, tx: Connection, items: Sequence[Incoming]) -> bool:
        resolved = [item for item in items if item.seq not in self._parked]
        self._repaired = await resolve_again(self._book, tx, resolved) if resolved else 0
        return bool(resolved)

    async def commit(self, items: Sequence[Incoming], apply: Apply) -> None:
        self._repaired = 0
        last = items[-1].seq
        async with self._book.db.transaction() as tx:
            is_news = await apply(tx, items)
            await replays.note_messages(
                tx, self._replay, after=self._done, done=last, messages=len(items), repaired=self._repaired
            )
            await self._leases.check(tx, [self._replay.lane])
        self._done = last
        if is_news:
            self._book.wake.hint()


def _next_part(known: Replay, *, limit: int) -> LogRequest:
    return LogRequest(
        lane=known.lane,
        since=known.since,
        before=known.before,
        after=known.cursor,
        until=known.until.get(known.lane, 0),
        limit=limit,
    )


def _incoming(known: Replay, item: LogItem) -> Incoming:
    message = item.message | {"owner": item.owner, "replay_at": known.requested_at}
    return Incoming(known.lane, item.seq, Raw(json.dumps(message)))
