"""Partitions of the log, made ahead; rows that fell into the net before are moved to where they belong."""

from datetime import timedelta

import asyncpg

from services.events.domain.months import Month
from shared.plumbing.db import Connection, Database


async def existing_partitions(db: Database) -> set[str]:
    """The names of the log's partitions."""
    rows = await db.fetch(
        """SELECT child.relname FROM pg_inherits
           JOIN pg_class child ON child.oid = inhrelid JOIN pg_class parent ON parent.oid = inhparent
           WHERE parent.relname = 'log' AND parent.relnamespace = $1::regnamespace""",
        db.schema,
    )
    return {row["relname"] for row in rows}


async def make_partition(db: Database, month: Month, *, patience: timedelta) -> None:
    """Make a month's partition; another process may have been first. Raises LockNotAvailableError where somebody keeps it
    waiting for longer than its patience. Nobody who writes to the log waits, unless something of that month fell into the net."""
    try:
        async with db.transaction() as tx:
            await _be_patient(tx, patience)
            await tx.execute(
                "LOCK TABLE ONLY log IN SHARE UPDATE EXCLUSIVE MODE"
            )  # keeps out only who makes partitions, too
            await _add(tx, month)
    except asyncpg.CheckViolationError:  # PostgreSQL looked whether anything did
        async with db.transaction() as tx:
            await _be_patient(tx, patience)
            await move_out_of_net(tx, month)


async def move_out_of_net(tx: Connection, month: Month) -> None:
    """Make a month's partition with what has fallen into the net.

    Nobody looks at the log before the end of the transaction: who has found its partitions already, and waits for one of them,
    would see the rows neither where they were nor where they are.
    """
    await tx.execute("LOCK TABLE ONLY log, ONLY log_default IN ACCESS EXCLUSIVE MODE")
    await _add(tx, month, fallen=True)


async def _be_patient(tx: Connection, patience: timedelta) -> None:
    await tx.execute(f"SET LOCAL lock_timeout = {patience // timedelta(milliseconds=1)}")


async def _add(tx: Connection, month: Month, *, fallen: bool = False) -> None:
    if await tx.fetchval("SELECT to_regclass($1)", month.table) is not None:
        return
    start, end = month.start.isoformat(), month.end.isoformat()
    await tx.execute(f"CREATE TABLE {month.table} (LIKE log INCLUDING ALL)")
    if fallen:
        await tx.execute(
            f"""WITH moved AS (DELETE FROM log_default WHERE received_at >= '{start}' AND received_at < '{end}' RETURNING *)
                INSERT INTO {month.table} SELECT * FROM moved"""
        )
    await tx.execute(f"ALTER TABLE log ATTACH PARTITION {month.table} FOR VALUES FROM ('{start}') TO ('{end}')")
