"""A service's feed: appended in the transaction of the cause, pulled by consumers, dropped when everybody has passed.

Guarantees: sequence numbers of a lane rise in commit order without gaps (rows erased later leave some); whoever has read up
to n has missed nothing below n.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from shared.plumbing.db import Connection, Database, array_of
from shared.plumbing.lanes import by_lane
from shared.plumbing.wake import Wake

LANES_AT_ONCE = 16
DROPPED_AT_ONCE = 5000


class Entry(NamedTuple):
    """What is to be appended: `message` is JSON text."""

    lane: int
    profile_id: UUID | None
    message: str


class Item(NamedTuple):
    """What was appended. `message` is JSON text."""

    lane: int
    seq: int
    message: str


class FeedReading(Protocol):
    """Reads what comes after the cursors: in order within a lane, at most about `limit` rows, no lane starved."""

    async def __call__(self, db: Database, cursors: Mapping[int, int], limit: int) -> list[Item]: ...


async def append(tx: Connection, entries: Iterable[Entry], *, at: datetime) -> dict[int, int]:
    """Append to the feed; call it last in a transaction (it takes the lanes' counters). Returns first numbers by lane."""
    groups = by_lane(entries, lambda entry: entry.lane)
    rows = await tx.fetchmany(
        """WITH head AS (UPDATE lane_heads SET seq = seq + $2 WHERE lane = $1 RETURNING seq - $2 AS before),
             added AS (INSERT INTO feed (lane, seq, profile_id, written_at, message)
               SELECT $1, before + row, profile_id, $3, message
               FROM head, unnest($4::text::uuid[], $5::text[]) WITH ORDINALITY AS rows (profile_id, message, row))
           SELECT before + 1 AS first FROM head""",
        [
            (lane, len(group), at, array_of(e.profile_id for e in group), [e.message for e in group])
            for lane, group in groups
        ],
    )
    return {lane: row["first"] for (lane, _), row in zip(groups, rows, strict=True)}


BEHIND = """WITH behind AS MATERIALIZED (
             SELECT after.lane, after.seq, lane_heads.seq AS head
             FROM unnest($1::smallint[], $2::bigint[]) AS after (lane, seq)
             JOIN lane_heads ON lane_heads.lane = after.lane AND lane_heads.seq > after.seq),
           shares AS (SELECT ceil($3::int / count(*)::numeric)::int AS share FROM behind HAVING count(*) > 0)"""
"""The lanes, of those given with their cursors, in which more has come, and how many rows of each make up a page of $3."""


async def read_feed(db: Database, cursors: Mapping[int, int], limit: int) -> list[Item]:
    """What comes after the cursors in table `feed`."""
    rows = await db.fetch(
        f"""{BEHIND}
           SELECT behind.lane, next.seq, next.message FROM behind,
           LATERAL (SELECT seq, message FROM feed WHERE feed.lane = behind.lane AND feed.seq > behind.seq
                    ORDER BY feed.seq LIMIT (SELECT share FROM shares)) AS next""",
        list(cursors),
        list(cursors.values()),
        limit,
    )
    return [Item(row["lane"], row["seq"], row["message"]) for row in rows]


class FindOldest(Protocol):
    """Since when the oldest row beyond these cursors has been there; None if there is none."""

    async def __call__(self, db: Database, cursors: Mapping[int, int]) -> datetime | None: ...


async def find_oldest(db: Database, cursors: Mapping[int, int]) -> datetime | None:
    """The oldest row of table `feed` beyond the cursors."""
    oldest: datetime | None = await db.fetchval(
        """SELECT min(next.written_at) FROM unnest($1::smallint[], $2::bigint[]) AS after (lane, seq),
           LATERAL (SELECT written_at FROM feed WHERE feed.lane = after.lane AND feed.seq > after.seq
                    ORDER BY feed.seq LIMIT 1) AS next""",
        list(cursors),
        list(cursors.values()),
    )
    return oldest


class _End(NamedTuple):
    """Where the feed ended for a consumer, found after `hint` was made and before the next one."""

    hint: asyncio.Event
    cursors: dict[int, int]
    until: float


class FeedServer:
    """Answers pulls, with a long poll, and drops what every consumer has passed."""

    def __init__(
        self,
        db: Database,
        wake: Wake,
        *,
        consumers: Sequence[str],
        reading: FeedReading = read_feed,
        finding: FindOldest = find_oldest,
        fallback: float = 1.0,
        advanced: Callable[[], None] = lambda: None,
    ) -> None:
        """`advanced`: called when it has been written down that a consumer is further."""
        self._db = db
        self._wake = wake
        self._consumers = consumers
        self._reading = reading
        self._finding = finding
        self._fallback = fallback
        self._advanced = advanced
        self._seen: dict[tuple[str, int], int] = {}
        self._written: dict[tuple[str, int], int] = {}
        self._dropped: dict[int, int] = {}
        self._ends: dict[str, _End] = {}

    async def pull(
        self, consumer: str, cursors: Mapping[int, int], *, limit: int, wait: float, linger: float = 0.0
    ) -> list[Item]:
        """What comes after the cursors; waits up to `wait` seconds when there is nothing, and when something has come
        `linger` seconds more for what may come behind it."""
        self._seen |= {(consumer, lane): seq for lane, seq in cursors.items()}
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        while True:
            hint = self._wake.next_hint()
            items = [] if self._is_at_end(consumer, cursors, hint) else await self._reading(self._db, cursors, limit)
            left = deadline - loop.time()
            if items or left <= 0 or self._wake.is_stopping:
                self._note_end(consumer, cursors, items, limit, hint)
                return items
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, self._fallback)):
                    await hint.wait()
                await asyncio.sleep(min(linger, max(0.0, deadline - loop.time())))

    def _is_at_end(self, consumer: str, cursors: Mapping[int, int], hint: asyncio.Event) -> bool:
        """Whether nothing has been committed since a look found the end at these cursors. A hint may be lost, so it is not
        believed for long."""
        end = self._ends.get(consumer)
        now = asyncio.get_running_loop().time()
        return end is not None and end.hint is hint and end.cursors == cursors and now < end.until

    def _note_end(
        self, consumer: str, cursors: Mapping[int, int], items: Sequence[Item], limit: int, hint: asyncio.Event
    ) -> None:
        """What was read was all there was, unless a lane gave as many as it may."""
        counts = Counter(item.lane for item in items)
        if items and max(counts.values()) < -(-limit // len(cursors)):
            until = asyncio.get_running_loop().time() + self._fallback
            self._ends[consumer] = _End(hint, {**cursors, **{item.lane: item.seq for item in items}}, until)

    async def oldest(self, cursors: Mapping[int, int]) -> datetime | None:
        """Since when the oldest row beyond these cursors has been there; None if there is none."""
        return await self._finding(self._db, cursors)

    async def run(self, *, every: float = 5.0, drop: bool = True) -> None:
        """Write down how far the consumers are, and drop what all have passed, until cancelled."""
        while True:
            await asyncio.sleep(every)
            await self.write_down()
            if drop:
                await drop_passed(self._db, self._consumers, self._dropped)

    async def write_down(self) -> None:
        """Keep how far each consumer is (in memory until now, so that a pull costs no write)."""
        news = [(key, seq) for key, seq in self._seen.items() if self._written.get(key, -1) < seq]
        self._seen = {}
        if not news:
            return
        async with self._db.transaction() as tx:
            await tx.executemany(
                """INSERT INTO feed_readers (lane, consumer, seq) VALUES ($1, $2, $3)
                   ON CONFLICT (lane, consumer) DO UPDATE SET seq = excluded.seq WHERE feed_readers.seq < excluded.seq""",
                sorted((lane, consumer, seq) for (consumer, lane), seq in news),
            )
        self._written |= dict(news)
        self._advanced()


async def read_heads(db: Database) -> dict[int, int]:
    """Last sequence number of every lane of the service's own feed."""
    rows = await db.fetch("SELECT lane, seq FROM lane_heads")
    return {row["lane"]: row["seq"] for row in rows}


async def passed_by_all(db: Database, consumers: Sequence[str]) -> dict[int, int]:
    """Per lane, the last sequence number that every one of these consumers has passed."""
    rows = await db.fetch(
        """SELECT lane, min(seq) AS seq FROM feed_readers WHERE consumer = ANY($1::text[])
           GROUP BY lane HAVING count(*) = $2""",
        list(consumers),
        len(consumers),
    )
    return {row["lane"]: row["seq"] for row in rows}


async def drop_passed(db: Database, consumers: Sequence[str], done: dict[int, int] | None = None) -> int:
    """Delete feed rows that all consumers have passed, a few thousand of each lane at a time. Returns how many.

    `done`: up to where nothing is left, kept from call to call, so that a quiet lane costs no statement.
    """
    done = {} if done is None else done
    passed = await passed_by_all(db, consumers)
    waiting = [(lane, seq) for lane, seq in sorted(passed.items()) if seq > done.get(lane, 0)]
    dropped = 0
    for start in range(0, len(waiting), LANES_AT_ONCE):
        lanes = waiting[start : start + LANES_AT_ONCE]
        async with db.transaction() as tx:
            counts = await tx.fetchmany(
                """WITH gone AS (DELETE FROM feed WHERE lane = $1 AND seq IN (
                     SELECT seq FROM feed WHERE lane = $1 AND seq <= $2 ORDER BY seq LIMIT $3) RETURNING 1)
                   SELECT count(*) FROM gone""",
                [(lane, seq, DROPPED_AT_ONCE) for lane, seq in lanes],
            )
        for (lane, seq), (count,) in zip(lanes, counts, strict=True):
            dropped += count
            if count < DROPPED_AT_ONCE:
                done[lane] = seq
    return dropped
