"""How far broadcasts are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.plumbing.db import Connection, Database


@dataclass(frozen=True, slots=True)
class Progress:
    """The members up to `cursor` are taken."""

    campaign_id: UUID
    at: datetime
    cursor: str | None


async def plan_broadcast(tx: Connection, campaign_id: UUID, at: datetime | None) -> None:
    """Take the members when the time comes (None: never); one that was planned otherwise and is not done is dropped."""
    await tx.execute(
        "DELETE FROM broadcasts WHERE campaign_id = $1 AND done_at IS NULL AND at IS DISTINCT FROM $2", campaign_id, at
    )
    if at is not None:
        await tx.execute(
            "INSERT INTO broadcasts (campaign_id, at) VALUES ($1, $2) ON CONFLICT DO NOTHING", campaign_id, at
        )


async def find_broadcasts(db: Database, campaigns: Sequence[UUID], *, now: datetime) -> list[Progress]:
    """Whose time has come, and that are not done."""
    rows = await db.fetch(
        """SELECT campaign_id, at, cursor FROM broadcasts
           WHERE campaign_id = ANY($1::uuid[]) AND at <= $2 AND done_at IS NULL ORDER BY at""",
        list(campaigns),
        now,
    )
    return [Progress(**row) for row in rows]


async def advance_broadcast(
    tx: Connection, progress: Progress, *, cursor: str | None, done_at: datetime | None
) -> bool:
    """Take note that a page is taken. False if somebody else has taken it, or it was dropped."""
    status = await tx.execute(
        """UPDATE broadcasts SET cursor = $3, done_at = $4
           WHERE campaign_id = $1 AND at = $2 AND cursor IS NOT DISTINCT FROM $5 AND done_at IS NULL""",
        progress.campaign_id,
        progress.at,
        cursor,
        done_at,
        progress.cursor,
    )
    return status.endswith(" 1")
