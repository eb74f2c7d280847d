"""Partitions of the log, made ahead; rows that fell into the net before are moved to where they belong."""

from services.events.domain.months import Month
from shared.plumbing.db import Connection, Database

LOCK_TIMEOUT = "3s"


async def existing_partitions(db: Database) -> set[str]:
    """The names of the log's partitions."""
    rows = await db.fetch(
        """SELECT child.relname FROM pg_inherits
           JOIN pg_class child ON child.oid = inhrelid JOIN pg_class parent ON parent.oid = inhparent
           WHERE parent.relname = 'log' AND parent.relnamespace = $1::regnamespace""",
        db.schema,
    )
    return {row["relname"] for row in rows}


async def make_partition(db: Database, month: Month) -> None:
    """Make a month's partition. Waits for no lock longer than three seconds; another process may have been first."""
    async with db.transaction() as tx:
        await lock_log(tx)
        if await tx.fetchval("SELECT to_regclass($1)", month.table) is None:
            await add_partition(tx, month)


async def lock_log(tx: Connection) -> None:
    """Let nobody look at the log before the end of the transaction: who has found its partitions already, and waits for one of
    them, would see the rows neither where they were nor where they are."""
    await tx.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
    await tx.execute("LOCK TABLE ONLY log, ONLY log_default IN ACCESS EXCLUSIVE MODE")


async def add_partition(tx: Connection, month: Month) -> None:
    """Make it, with what has fallen into the net; the log is locked."""
    start, end = month.start.isoformat(), month.end.isoformat()
    await tx.execute(f"CREATE TABLE {month.table} (LIKE log INCLUDING ALL)")
    await tx.execute(
        f"""WITH moved AS (DELETE FROM log_default WHERE received_at >= '{start}' AND received_at < '{end}' RETURNING *)
            INSERT INTO {month.table} SELECT * FROM moved"""
    )
    await tx.execute(f"ALTER TABLE log ATTACH PARTITION {month.table} FOR VALUES FROM ('{start}') TO ('{end}')")
