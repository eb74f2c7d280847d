"""Forgetting dedup keys and rejected messages that are older than they need be."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from shared.plumbing.db import Connection, Database
from shared.plumbing.lanes import by_lane


async def find_old_keys(db: Database, *, before: datetime, limit: int) -> list[asyncpg.Record]:
    """Some keys (lane, key) from before this instant."""
    return await db.fetch("SELECT lane, key FROM event_keys WHERE received_at < $1 LIMIT $2", before, limit)


async def delete_keys(tx: Connection, keys: Sequence[asyncpg.Record]) -> None:
    """Forget these keys."""
    await tx.executemany(
        "DELETE FROM event_keys WHERE lane = $1 AND key = ANY($2::bytea[])",
        [(lane, sorted(row["key"] for row in group)) for lane, group in by_lane(keys, lambda row: row["lane"])],
    )


async def delete_rejected(db: Database, *, before: datetime, limit: int) -> int:
    """Forget some rejected messages from before this instant; returns how many."""
    done = await db.execute(
        """DELETE FROM rejected WHERE id IN (SELECT id FROM rejected WHERE received_at < $1 ORDER BY id LIMIT $2)""",
        before,
        limit,
    )
    return int(done.split()[-1])
