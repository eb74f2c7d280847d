"""What must be done now and then so that the tables stay as they should be."""

import asyncio
from datetime import datetime, timedelta
from functools import partial

import asyncpg

from services.events.domain.months import months_from
from services.events.store.partitions import existing_partitions, make_partition
from services.events.store.retention import delete_keys, delete_rejected, find_old_keys
from services.events.store.violations import delete_violations, find_old_violations
from shared.plumbing.db import Database
from shared.plumbing.log import get_logger

log = get_logger()
SOME = 5000
PATIENCE = timedelta(seconds=3)


async def make_partitions(db: Database, *, now: datetime, patience: timedelta = PATIENCE) -> None:
    """Partitions of the log for this month and those ahead. While somebody reads the log for longer than its patience (a dump
    does), those that are missing are left for another time: whoever reads it, too, waits behind each try."""
    there = await existing_partitions(db)
    try:
        for month in months_from(now):
            if month.table not in there:
                await make_partition(db, month, patience=patience)
    except asyncpg.LockNotAvailableError:
        log.warning("partitions_wait")


async def delete_old_keys(db: Database, *, before: datetime) -> int:
    """Forget dedup keys from before this instant, a few at a time, so that ingest hardly notices. Returns how many."""
    deleted = 0
    while keys := await find_old_keys(db, before=before, limit=SOME):
        await db.run(partial(delete_keys, keys=keys))
        deleted += len(keys)
        await asyncio.sleep(0.01)
    return deleted


async def delete_old_rejected(db: Database, *, before: datetime) -> int:
    """Forget messages that could not be used and came before this instant, a few at a time. Returns how many."""
    deleted = 0
    while some := await delete_rejected(db, before=before, limit=SOME):
        deleted += some
        await asyncio.sleep(0.01)
    return deleted


async def delete_old_violations(db: Database, *, before: datetime) -> None:
    """Forget what was not found to be broken since."""
    while rows := await find_old_violations(db, before=before, limit=SOME):
        await db.run(partial(delete_violations, rows=rows, before=before))
        await asyncio.sleep(0.01)
