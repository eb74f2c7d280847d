"""Messages that failed or whose fate is unknown: found, and put back on their way."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from shared.plumbing.db import Connection, Database
from shared.plumbing.lanes import LANES, by_lane

ALL = list(range(LANES))
DEAD = ("failed", "unknown")


async def find_dead(
    db: Database, *, campaign: str | None, ids: Collection[UUID] | None, decisions: Sequence[str], limit: int
) -> list[tuple[int, UUID]]:
    """Lane and id of those, the oldest first; only of a campaign, only of these ids."""
    rows = await db.fetch(
        """SELECT lane, id FROM sends
           WHERE lane = ANY($1::smallint[]) AND decision = ANY($2::text[]) AND state = 'done'
             AND ($3::text IS NULL OR campaign = $3) AND ($4::uuid[] IS NULL OR id = ANY($4))
           ORDER BY id LIMIT $5""",
        ALL,
        list(decisions),
        campaign,
        None if ids is None else list(ids),
        limit,
    )
    return [(row["lane"], row["id"]) for row in rows]


async def redrive(
    tx: Connection, dead: Sequence[tuple[int, UUID]], *, decisions: Sequence[str], now: datetime
) -> list[UUID]:
    """Have these decided anew, as if they were due now. Those that are not dead any more are left as they are."""
    rows = await tx.fetchmany(
        """UPDATE sends SET state = 'pending', due_at = $3, next_at = $3, attempts = 0, tried = '{}', decision = 'deferred',
                  reason = 'redriven', facts = '{}', decided_at = $3
           WHERE lane = $1 AND id = ANY($2::uuid[]) AND state = 'done' AND decision = ANY($4::text[]) RETURNING id""",
        [
            (lane, sorted(send_id for _, send_id in group), now, list(decisions))
            for lane, group in by_lane(dead, lambda one: one[0])
        ],
    )
    return [row["id"] for row in rows]
