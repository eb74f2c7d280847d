"""Consents on their way to profiles."""

from collections.abc import Sequence
from datetime import datetime

from shared.plumbing.db import Connection, Database
from shared.plumbing.lanes import lane_of
from shared.schemas.recipients import ConsentChange


async def put_consent(tx: Connection, change: ConsentChange, *, at: datetime) -> None:
    """To be told to profiles."""
    await tx.execute(
        """INSERT INTO consent_outbox (lane, id, profile_id, purpose, channel, status, source, at, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        lane_of(change.profile_id),
        change.id,
        change.profile_id,
        change.purpose,
        change.channel,
        change.status,
        change.source,
        change.at,
        at,
    )


async def find_consents(db: Database, *, lanes: Sequence[int], limit: int) -> list[ConsentChange]:
    """The oldest that are not told yet."""
    rows = await db.fetch(
        """SELECT id, profile_id, purpose, channel, status, source, at FROM consent_outbox
           WHERE lane = ANY($1::smallint[]) ORDER BY created_at LIMIT $2""",
        list(lanes),
        limit,
    )
    return [ConsentChange(**row) for row in rows]


async def forget_consent(db: Database, change: ConsentChange) -> None:
    """It is told. One that moved with its profile meanwhile is told once more, which changes nothing."""
    await db.execute("DELETE FROM consent_outbox WHERE lane = $1 AND id = $2", lane_of(change.profile_id), change.id)
