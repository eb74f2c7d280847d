"""Who works on which lane: leases with owner, epoch and expiry, and the cursor of the feed that is read with them.

Every write of a worker checks its epoch in its own transaction (`advance`), so that one whose lease was taken over (it hung, or
was cut off) changes nothing any more. Workers of one kind share the lanes evenly.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.plumbing.clock import Clock
from shared.plumbing.db import Connection, Database, is_unavailable
from shared.plumbing.lanes import LANES


@dataclass(slots=True)
class Held:
    """A lane that is ours. `cursor`: last sequence number whose effect is committed."""

    epoch: int
    cursor: int


class LeaseLost(Exception):
    """Another worker has taken a lane over; what was begun is rolled back and is the other's."""


class Leases:
    """The lanes that this worker holds for one kind of work."""

    def __init__(
        self, db: Database, *, work: str, owner: str, clock: Clock, ttl: timedelta = timedelta(seconds=10)
    ) -> None:
        self._db = db
        self.work = work
        self.owner = owner
        self._clock = clock
        self._ttl = ttl
        self.held: dict[int, Held] = {}
        self.changed = asyncio.Event()

    async def run(self) -> None:
        """Renew and balance, until cancelled."""
        while True:
            await self.renew()
            await asyncio.sleep(self._ttl.total_seconds() / 3)

    async def renew(self) -> None:
        """Prolong what is held, take what is free up to a fair share, give away what is more."""
        now = self._clock.now()
        await self._db.run(lambda tx: self._renew(tx, now))

    async def _renew(self, tx: Connection, now: datetime) -> None:
        await tx.execute(
            """INSERT INTO workers (work, owner, seen_at) VALUES ($1, $2, $3)
               ON CONFLICT (work, owner) DO UPDATE SET seen_at = excluded.seen_at""",
            self.work,
            self.owner,
            now,
        )
        await tx.execute("DELETE FROM workers WHERE work = $1 AND seen_at < $2", self.work, now - 6 * self._ttl)
        alive = await tx.fetchval(
            "SELECT count(*) FROM workers WHERE work = $1 AND seen_at > $2", self.work, now - self._ttl
        )
        share = -(-LANES // max(1, alive))
        await self._prolong(tx, now)
        await self._give_away(tx, share)
        await self._take(tx, now, share - len(self.held))

    async def _prolong(self, tx: Connection, now: datetime) -> None:
        rows = await tx.fetch(
            """UPDATE work_lanes SET expires_at = $4
               FROM (SELECT lane FROM work_lanes JOIN unnest($2::smallint[], $3::bigint[]) AS mine (lane, epoch)
                       USING (lane, epoch) WHERE work = $1 ORDER BY lane FOR UPDATE OF work_lanes) AS locked
               WHERE work_lanes.work = $1 AND work_lanes.lane = locked.lane RETURNING work_lanes.lane""",
            self.work,
            list(self.held),
            [held.epoch for held in self.held.values()],
            now + self._ttl,
        )
        ours = {row["lane"] for row in rows}
        self.held = {lane: held for lane, held in self.held.items() if lane in ours}

    async def _give_away(self, tx: Connection, share: int) -> None:
        extra = sorted(self.held)[share:]
        if extra:
            await tx.execute(
                """UPDATE work_lanes SET owner = NULL, expires_at = NULL, epoch = epoch + 1
                   WHERE work = $1 AND lane = ANY($2::smallint[]) AND owner = $3""",
                self.work,
                extra,
                self.owner,
            )
            self.held = {lane: held for lane, held in self.held.items() if lane not in extra}

    async def _take(self, tx: Connection, now: datetime, room: int) -> None:
        if room <= 0:
            return
        rows = await tx.fetch(
            """WITH free AS MATERIALIZED (  -- looked for once: a plan may look again for every row, and take more than its share
                 SELECT lane FROM work_lanes
                 WHERE work = $1 AND NOT lane = ANY($5::smallint[]) AND (owner IS NULL OR owner = $2 OR expires_at < $3)
                 ORDER BY lane LIMIT $6 FOR UPDATE SKIP LOCKED)
               UPDATE work_lanes SET owner = $2, epoch = epoch + 1, expires_at = $4
               FROM free WHERE work = $1 AND work_lanes.lane = free.lane
               RETURNING work_lanes.lane, epoch, cursor""",
            self.work,
            self.owner,
            now,
            now + self._ttl,
            list(self.held),
            room,
        )
        if rows:
            self.held = self.held | {row["lane"]: Held(row["epoch"], row["cursor"]) for row in rows}
            self.changed.set()

    async def release(self) -> None:
        """Give everything back at once, so that another worker need not wait for the expiry; it must, if the database is away."""
        try:
            await self._release()
        except Exception as error:
            if not is_unavailable(error):
                raise
        self.held = {}

    async def _release(self) -> None:
        await self._db.execute(
            """UPDATE work_lanes SET owner = NULL, expires_at = NULL, epoch = epoch + 1
               WHERE work = $1 AND owner = $2 AND lane = ANY($3::smallint[])""",
            self.work,
            self.owner,
            list(self.held),
        )
        await self._db.execute("DELETE FROM workers WHERE work = $1 AND owner = $2", self.work, self.owner)

    async def advance(self, tx: Connection, cursors: Mapping[int, int], held: Mapping[int, Held]) -> None:
        """Move the cursors within the transaction of the effect. Raises LeaseLost if a lane is no longer ours."""
        rows = await tx.fetchmany(
            """UPDATE work_lanes SET cursor = $5
               WHERE lane = $1 AND work = $2 AND epoch = $3 AND cursor = $4 RETURNING lane""",
            [(lane, self.work, held[lane].epoch, held[lane].cursor, cursors[lane]) for lane in sorted(cursors)],
        )
        if len(list(rows)) != len(cursors):
            raise LeaseLost

    async def check(self, tx: Connection, lanes: Sequence[int]) -> None:
        """Fence work that moves no cursor (timers, sends): hold these leases to commit, or raise LeaseLost."""
        rows = await tx.fetchmany(
            "SELECT lane FROM work_lanes WHERE lane = $1 AND work = $2 AND epoch = $3 FOR SHARE",
            [(lane, self.work, self.held[lane].epoch) for lane in sorted(lanes) if lane in self.held],
        )
        if len(list(rows)) != len(lanes):
            raise LeaseLost
