"""Reads another service's feed: the effect and the cursor are committed together, so each message has its effect once.

A message whose effect cannot be had (a defect, a poisonous value) is tried three times by itself and then parked with its
reason; those behind it go on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Protocol
from uuid import UUID

import msgspec
from prometheus_client import Counter

from shared.plumbing import json
from shared.plumbing.clock import Clock
from shared.plumbing.db import TRY_AGAIN, Connection, Database, is_unavailable
from shared.plumbing.errors import Unavailable
from shared.plumbing.ids import new_id
from shared.plumbing.json import Raw
from shared.plumbing.leases import Held, LeaseLost, Leases
from shared.plumbing.log import get_logger

log = get_logger()
taken_in = Counter("regulars_feed_items_total", "Messages whose effect was committed", ["feed"])
parked_total = Counter(
    "regulars_feed_parked_total", "Messages put aside because their effect could not be had", ["feed"]
)
MAX_TRIES = 3
GROUPS = 16  # of lanes, that are asked one after the other while there is more than a page
STREAM = 20  # messages in a page, from which on they are a stream


class Incoming(msgspec.Struct, frozen=True):
    """One message of a feed, as its JSON. Sequence numbers rise within a lane, in commit order; erased rows leave gaps."""

    lane: int
    seq: int
    message: Raw


class _Page(msgspec.Struct, frozen=True):
    """The next messages, in order within each lane."""

    items: list[Incoming]


read_page = msgspec.json.Decoder(_Page).decode


class Pull(Protocol):
    """Asks the provider for the next page, which is returned as its JSON."""

    async def __call__(
        self, consumer: str, cursors: Mapping[int, int], /, *, limit: int, wait: float, linger: float
    ) -> bytes: ...


Apply = Callable[[Connection, Sequence[Incoming]], Awaitable[bool]]
"""Takes messages in, in their order, within a transaction that may be rolled back and done again. Returns whether that left
anything that somebody in this service, or a reader of its feed, waits for."""


Commit = Callable[[Sequence[Incoming], Apply], Awaitable[None]]
"""Applies messages and moves the cursor behind them, in one transaction."""


class TakingIn:
    """Takes messages in by a `commit`; one whose effect can't be had is found, tried three times by itself, and parked."""

    def __init__(self, *, feed: str, leases: Leases, apply: Apply, clock: Clock) -> None:
        self._feed = feed
        self._leases = leases
        self._apply = apply
        self._clock = clock

    async def take_in(self, items: Sequence[Incoming], commit: Commit) -> None:
        """All of them, in order; where a lease was lost, none any more. Raises only what may pass by itself."""
        try:
            await self._take_in(items, commit)
        except LeaseLost:  # nowhere further in: what lies behind an item that was not taken in must not be, either
            log.warning("lease_lost", work=self._leases.work)
            await self._leases.renew()

    async def _take_in(self, items: Sequence[Incoming], commit: Commit, tries: int = 0) -> None:
        try:
            await commit(items, self._apply)
        except TRY_AGAIN:
            await asyncio.sleep(0.01)
            await self._take_in(items, commit, tries)
        except Exception as error:
            if is_unavailable(error) or isinstance(error, Unavailable | LeaseLost):
                raise
            if len(items) > 1:
                await self._halve(items, commit)
            elif tries + 1 < MAX_TRIES:
                await asyncio.sleep(0.05 * 2**tries)
                await self._take_in(items, commit, tries + 1)
            else:
                await self._park(items[0], commit, error)

    async def _halve(self, items: Sequence[Incoming], commit: Commit) -> None:
        """Find the poisonous one: lane order is kept, since each half keeps it and the first goes first."""
        middle = len(items) // 2
        await self._take_in(items[:middle], commit)
        await self._take_in(items[middle:], commit)

    async def _park(self, item: Incoming, commit: Commit, error: Exception) -> None:
        log.error("message_parked", feed=self._feed, lane=item.lane, seq=item.seq, kind=type(error).__name__)
        reason = f"{type(error).__name__}: {error}"[:500]

        async def park(tx: Connection, _: Sequence[Incoming]) -> bool:
            await put_aside(tx, feed=self._feed, item=item, reason=reason, at=self._clock.now())
            return False

        await commit([item], park)
        parked_total.labels(feed=self._feed).inc()


class _Turns:
    """Whose turn it is: all lanes, or, after a full page, some of them after the other.

    A statement writes rows of one lane. A page of all lanes has few of each; one of some has many, which cost little more.
    """

    def __init__(self, batch: int) -> None:
        self._batch = batch
        self._turn = 0
        self._behind = False

    def some_of(self, lanes: Sequence[int]) -> Sequence[int]:
        """Those to ask first; none when all are to be asked."""
        if not self._behind:
            return ()
        self._turn = (self._turn + 1) % GROUPS
        return lanes[self._turn :: GROUPS]

    def note(self, taken: int) -> None:
        self._behind = taken >= self._batch / 2


class FeedReader:
    """One loop: pull what follows the cursors of the leased lanes, apply, commit with the cursors, look again.

    `pace`: seconds at least from one look to the next, after a page that is neither full nor nearly empty. In a stream what
    gathers meanwhile is taken in together, which costs little more than one message does; single messages hardly wait.
    `linger`: seconds for which those whom nobody waits for leave a message that has just come to others who read it.
    """

    def __init__(
        self,
        db: Database,
        *,
        feed: str,
        consumer: str,
        pull: Pull,
        leases: Leases,
        apply: Apply,
        committed: Callable[[], None],
        clock: Clock,
        batch: int = 500,
        pace: float = 0.0,
        linger: float = 0.0,
        wait: float = 20.0,
    ) -> None:
        self._db = db
        self._feed = feed
        self._consumer = consumer
        self._pull = pull
        self._leases = leases
        self._taking_in = TakingIn(feed=feed, leases=leases, apply=apply, clock=clock)
        self._committed = committed
        self._batch = batch
        self._pace = pace
        self._linger = linger
        self._wait = wait
        self._turns = _Turns(batch)

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._leases.held:
                await self._wait_for_lanes()
                continue
            try:
                looked_at = loop.time()
                taken = await self.step(wait=self._wait)
                if 0 < taken < self._batch / 2:
                    pace = self._pace * min(1.0, taken / STREAM)
                    await asyncio.sleep(max(0.0, looked_at + pace - loop.time()))
            except Exception as error:
                if not (isinstance(error, Unavailable) or is_unavailable(error)):
                    raise
                log.warning("feed_waits", feed=self._feed, kind=type(error).__name__)
                await asyncio.sleep(0.5)

    async def _wait_for_lanes(self) -> None:
        self._leases.changed.clear()
        if not self._leases.held:
            await self._leases.changed.wait()

    async def step(self, *, wait: float = 0) -> int:
        """One pull and its effect. Returns how many messages were taken in."""
        held = dict(self._leases.held)
        self._leases.changed.clear()
        cursors = {lane: state.cursor for lane, state in sorted(held.items())}
        some = {lane: cursors[lane] for lane in self._turns.some_of(list(cursors))}
        items = await self._pull_or_change(some, 0) if some else ()
        items = items or await self._pull_or_change(cursors, wait)
        self._turns.note(len(items))
        if items:
            await self._taking_in.take_in(items, partial(self._commit, held))
        return len(items)

    async def _pull_or_change(self, cursors: Mapping[int, int], wait: float) -> Sequence[Incoming]:
        """A long poll, cut short when lanes are gained, so that they don't wait for its end."""
        pulling = asyncio.ensure_future(
            self._pull(self._consumer, cursors, limit=self._batch, wait=wait, linger=self._linger)
        )
        changing = asyncio.ensure_future(self._leases.changed.wait())
        try:
            await asyncio.wait({pulling, changing}, return_when=asyncio.FIRST_COMPLETED)
            return read_page(await pulling).items if pulling.done() else ()
        finally:
            for task in (pulling, changing):
                task.cancel()

    async def _commit(self, held: dict[int, Held], items: Sequence[Incoming], apply: Apply) -> None:
        cursors = {item.lane: item.seq for item in items}
        async with self._db.transaction() as tx:
            is_news = await apply(tx, items)
            await self._leases.advance(tx, cursors, held)
        for lane, seq in cursors.items():
            held[lane].cursor = seq
        taken_in.labels(feed=self._feed).inc(len(items))
        if is_news:
            self._committed()


async def put_aside(tx: Connection, *, feed: str, item: Incoming, reason: str, at: datetime) -> None:
    """Keep a message that could not be taken in."""
    message = json.loads(item.message)
    await tx.execute(
        """INSERT INTO parked (lane, id, feed, seq, profile_id, message, reason, tries, parked_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        item.lane,
        new_id(),
        feed,
        item.seq,
        _id_or_none(message.get("profile_id")),
        message,
        reason,
        MAX_TRIES,
        at,
    )


def _id_or_none(value: Any) -> UUID | None:
    """What is parked may be damaged anywhere."""
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


async def apply_parked(db: Database, *, parked_id: UUID, apply: Apply) -> bool:
    """Try a parked message again and forget it when that works. False if there is no such message."""

    async def work(tx: Connection) -> bool:
        row = await tx.fetchrow("SELECT lane, seq, message FROM parked WHERE id = $1 FOR UPDATE", parked_id)
        if row is None:
            return False
        await tx.execute("DELETE FROM parked WHERE lane = $1 AND id = $2", row["lane"], parked_id)
        await apply(tx, [Incoming(row["lane"], row["seq"], Raw(json.dumps(row["message"])))])
        return True

    return await db.run(work)
