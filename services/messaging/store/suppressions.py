"""Addresses that must not be written to."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from services.messaging.domain.answers import STOPPED
from services.messaging.store.catalogue import Fetcher
from shared.plumbing.db import Connection, Database
from shared.plumbing.ids import new_id
from shared.plumbing.lanes import LANES, by_lane, lane_of_text

_SHOWN = "id, channel, address, address_hash, scope, reason, yields, created_at"


async def suppress(
    tx: Fetcher,
    *,
    channel: str,
    address_hash: str,
    address: str | None,
    scope: str,
    reason: str,
    yields: bool,
    at: datetime,
) -> asyncpg.Record:
    """Suppress an address, or once more from now on. A person's own word does not weaken a decision of the operator."""
    rows = await tx.fetch(
        f"""INSERT INTO suppressions (lane, channel, address_hash, scope, id, address, reason, yields, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            ON CONFLICT (lane, channel, address_hash, scope) DO UPDATE SET
              address = coalesce(excluded.address, suppressions.address), reason = CASE
                WHEN suppressions.yields OR NOT excluded.yields THEN excluded.reason ELSE suppressions.reason END,
              yields = excluded.yields AND suppressions.yields,
              created_at = greatest(suppressions.created_at, excluded.created_at)
            RETURNING {_SHOWN}""",
        lane_of_text(channel, address_hash),
        channel,
        address_hash,
        scope,
        new_id(),
        address,
        reason,
        yields,
        at,
    )
    return rows[0]


async def outlast_claims(db: Database) -> None:
    """Wait until all claims have ended that may not have seen what was committed before; those that begin after do.

    Who is refused by an address has no row that claims lock, but every claim holds the leases of its lanes.
    """
    lease = "SELECT lane FROM work_lanes WHERE lane = $1 AND work = 'sends' FOR NO KEY UPDATE"
    async with db.transaction() as tx:
        free = await tx.fetchmany(f"{lease} SKIP LOCKED", [(lane,) for lane in range(LANES)])
    # Each by itself: whoever waits for the claims of one lane holds up those of no other, and cannot be in a deadlock.
    for lane in sorted({*range(LANES)} - {row["lane"] for row in free}):
        await db.execute(lease, lane)


async def list_suppressions(
    db: Database, *, channel: str | None, address_hash: str | None, after: UUID | None, limit: int
) -> list[asyncpg.Record]:
    """Suppressions, the first made first."""
    return await db.fetch(
        f"""SELECT {_SHOWN} FROM suppressions
            WHERE ($1::text IS NULL OR channel = $1) AND ($2::text IS NULL OR address_hash = $2)
              AND ($3::uuid IS NULL OR id > $3)
            ORDER BY id LIMIT $4""",
        channel,
        address_hash,
        after,
        limit,
    )


async def lift(db: Database, *, channel: str, address_hash: str, scope: str | None) -> int:
    """Forget the suppressions of an address (of one scope, or all). Returns how many there were."""
    status = await db.execute(
        """DELETE FROM suppressions WHERE lane = $1 AND channel = $2 AND address_hash = $3
             AND ($4::text IS NULL OR scope = $4)""",
        lane_of_text(channel, address_hash),
        channel,
        address_hash,
        scope,
    )
    return int(status.rsplit(" ", 1)[-1])


async def lift_stopped(tx: Connection, *, channel: str, address_hash: str) -> None:
    """The person has said START."""
    await tx.execute(
        "DELETE FROM suppressions WHERE lane = $1 AND channel = $2 AND address_hash = $3 AND scope = '' AND reason = $4",
        lane_of_text(channel, address_hash),
        channel,
        address_hash,
        STOPPED,
    )


async def forget_addresses(tx: Connection, addresses: Sequence[tuple[str, str]]) -> None:
    """Keep only the hash of these (channel and hash): the person is forgotten, their refusal is not."""
    await tx.executemany(
        "UPDATE suppressions SET address = NULL WHERE lane = $1 AND channel = $2 AND address_hash = $3",
        [
            (lane, channel, hashed)
            for lane, group in by_lane(sorted(set(addresses)), lambda one: lane_of_text(*one))
            for channel, hashed in group
        ],
    )


async def lift_one(db: Database, suppression_id: UUID) -> bool:
    """False if there is no such suppression."""
    status = await db.execute("DELETE FROM suppressions WHERE id = $1", suppression_id)
    return not status.endswith(" 0")
