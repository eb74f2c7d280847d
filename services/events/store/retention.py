"""Forgetting dedup keys that are older than they need be."""

from datetime import datetime

from shared.plumbing.db import Database


async def has_old_keys(db: Database, *, before: datetime) -> bool:
    """Whether there is any key from before this instant."""
    return await db.fetchrow("SELECT FROM event_keys WHERE received_at < $1 LIMIT 1", before) is not None


async def delete_old_keys(db: Database, lane: int, *, before: datetime, limit: int = 5000) -> int:
    """Delete some of a lane's keys from before this instant; returns how many."""
    status = await db.execute(
        """DELETE FROM event_keys WHERE lane = $1 AND key = ANY(ARRAY(
             SELECT key FROM event_keys WHERE lane = $1 AND received_at < $2 LIMIT $3))""",
        lane,
        before,
        limit,
    )
    return int(status.rsplit(" ", 1)[-1])
