"""Forgetting dedup keys that are older than they need be."""

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
