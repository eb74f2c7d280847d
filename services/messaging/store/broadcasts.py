"""How far broadcasts are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.plumbing.db import Connection, Database
from shared.plumbing.lanes import LANES


@dataclass(frozen=True, slots=True)
class Progress:
    """The members up to `cursor` are taken: `taken` of them."""

    campaign_id: UUID
    at: datetime
    cursor: str | None
    taken: int


async def plan_broadcast(tx: Connection, campaign_id: UUID, at: datetime | None) -> None:
    """Take the members when the time comes (None: never); one that was planned otherwise and is not done is dropped."""
    await tx.execute(
        "DELETE FROM broadcasts WHERE campaign_id = $1 AND done_at IS NULL AND at IS DISTINCT FROM $2", campaign_id, at
    )
    if at is not None:
        await tx.execute(
            "INSERT INTO broadcasts (campaign_id, at) VALUES ($1, $2) ON CONFLICT DO NOTHING", campaign_id, at
        )


async def drop_broadcast(tx: Connection, campaign_id: UUID) -> None:
    """Take nobody, if nobody is taken yet; what is begun goes on."""
    await tx.execute(
        "DELETE FROM broadcasts WHERE campaign_id = $1 AND done_at IS NULL AND cursor IS NULL", campaign_id
    )


async def find_broadcasts(db: Database, campaigns: Sequence[UUID], *, now: datetime) -> list[Progress]:
    """Whose time has come, and that are not done."""
    rows = await db.fetch(
        """SELECT campaign_id, at, cursor, taken FROM broadcasts
           WHERE campaign_id = ANY($1::uuid[]) AND at <= $2 AND done_at IS NULL ORDER BY at""",
        list(campaigns),
        now,
    )
    return [Progress(**row) for row in rows]


async def advance_broadcast(
    tx: Connection, progress: Progress, *, cursor: str | None, members: int, done_at: datetime | None
) -> bool:
    """Take note that a page of so many members is taken. False if somebody else has taken it, or it was dropped."""
    status = await tx.execute(
        """UPDATE broadcasts SET cursor = $3, done_at = $4, taken = taken + $6
           WHERE campaign_id = $1 AND at = $2 AND cursor IS NOT DISTINCT FROM $5 AND done_at IS NULL""",
        progress.campaign_id,
        progress.at,
        cursor,
        done_at,
        progress.cursor,
        members,
    )
    return status.endswith(" 1")


async def cancel_sends(tx: Connection, *, lane: int, campaign_id: UUID, at: datetime) -> None:
    """Nothing of a campaign that waits in this lane is sent any more; what a provider was given already is not touched, and what may
    have arrived is decided now: of that nobody knows that it was not sent."""
    await tx.execute(
        """UPDATE sends SET state = 'done', decision = 'skipped', reason = 'cancelled', facts = '{}', next_at = NULL,
                  decided_at = $3
           WHERE lane = $1 AND campaign_id = $2 AND next_at IS NOT NULL AND NOT EXISTS (
             SELECT FROM deliveries WHERE deliveries.lane = $1 AND deliveries.id = sends.delivery_id AND status = 'unknown')""",
        lane,
        campaign_id,
        at,
    )
    await tx.execute(
        "UPDATE sends SET next_at = $3 WHERE lane = $1 AND campaign_id = $2 AND next_at > $3", lane, campaign_id, at
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a campaign is. `taken`: None where no members are taken. `counts`: of its triggers, by state, decision and reason."""

    taken: int | None
    done_at: datetime | None
    counts: Sequence[tuple[str, str | None, str | None, int]]


async def read_standing(db: Database, campaign_id: UUID, *, at: datetime | None, broadcast: bool) -> Standing:
    """At one instant; of a broadcast the triggers of its time."""
    async with db.snapshot() as tx:
        taking = await tx.fetchrow(
            "SELECT taken, done_at FROM broadcasts WHERE campaign_id = $1 AND at = $2", campaign_id, at
        )
        rows = await tx.fetch(
            """SELECT state, decision, reason, count(*) AS count FROM sends
               WHERE lane = ANY($1::smallint[]) AND campaign_id = $2 AND ($3::timestamptz IS NULL OR trigger_at = $3)
               GROUP BY state, decision, reason""",
            list(range(LANES)),
            campaign_id,
            at if broadcast else None,
        )
    counts = [(row["state"], row["decision"], row["reason"], row["count"]) for row in rows]
    return Standing(taking["taken"] if taking else None, taking["done_at"] if taking else None, counts)
