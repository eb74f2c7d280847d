"""Messages on their way at a provider: claimed, and not answered yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from shared.plumbing.db import Connection, Database, array_of
from shared.plumbing.lanes import by_lane


@dataclass(frozen=True, slots=True)
class Orphan:
    """A claim to be settled. Its rows may have moved with the profile since. `claimed_at` tells it from a later claim of the same
    delivery."""

    profile_id: UUID
    send_id: UUID
    delivery_id: UUID
    claimed_at: datetime


class Claim(Struct, frozen=True):
    """The claimed trigger and its delivery. `late`: it was given up already, as `unknown`."""

    lane: int
    id: UUID
    campaign_id: UUID
    campaign: str
    profile_id: UUID
    due_at: datetime
    attempts: int
    facts: dict[str, Any]
    variant: str | None
    decided_at: datetime
    delivery_id: UUID
    channel: str
    purpose: str
    address: str
    template: str
    provider: str
    household: str | None
    late: bool

    @property
    def in_doubt(self) -> bool:
        """Whether an earlier try of it may have been taken."""
        return self.facts.get("in_doubt") is True


async def lock_claims(tx: Connection, orphans: Sequence[tuple[int, Orphan]]) -> dict[UUID, Claim]:
    """By delivery: the claims in these lanes that still are ones, and those that were given up, locked. One that was claimed anew
    meanwhile is neither."""
    rows = await tx.fetchmany(
        """SELECT sends.lane, sends.id, sends.campaign_id, sends.campaign, sends.profile_id, due_at, attempts, facts,
                  variant, deliveries.at AS decided_at, deliveries.id AS delivery_id, channel, purpose, address, template,
                  provider, household, state <> 'claimed' AS late
           FROM sends JOIN deliveries ON deliveries.lane = $1 AND deliveries.id = sends.delivery_id
           WHERE sends.lane = $1 AND sends.id = ANY($2::text::uuid[]) AND deliveries.id = ANY($3::text::uuid[])
             AND (state = 'claimed' OR deliveries.status = 'unknown') ORDER BY sends.id FOR UPDATE OF sends, deliveries""",
        [
            (lane, array_of(one.send_id for _, one in group), array_of(one.delivery_id for _, one in group))
            for lane, group in by_lane(orphans, lambda one: one[0])
        ],
    )
    claims = {row["delivery_id"]: Claim(*row) for row in rows}
    return {
        one.delivery_id: claim
        for _, one in orphans
        if (claim := claims.get(one.delivery_id)) is not None
        and (claim.id, claim.decided_at) == (one.send_id, one.claimed_at)
    }


async def write_answers(tx: Connection, answers: Sequence[tuple[Claim, str, str | None]]) -> None:
    """What a provider said to these deliveries: the status and the text of each."""
    await tx.executemany(
        """UPDATE deliveries SET status = new.status, answer = new.answer
           FROM unnest($2::uuid[], $3::text[], $4::text[]) AS new (id, status, answer)
           WHERE deliveries.lane = $1 AND deliveries.id = ANY($2::uuid[]) AND deliveries.id = new.id""",
        [
            (
                lane,
                [claim.delivery_id for claim, _, _ in group],
                [status for _, status, _ in group],
                [answer for _, _, answer in group],
            )
            for lane, group in by_lane(answers, lambda one: one[0].lane)
        ],
    )


async def find_orphans(
    db: Database, *, lanes: Sequence[int], now: datetime, owner: str | None, limit: int
) -> list[Orphan]:
    """Claims that nobody will answer: those past their time, and those of `owner`."""
    rows = await db.fetch(
        """SELECT profile_id, id, delivery_id, decided_at FROM sends
           WHERE lane = ANY($1::smallint[]) AND claimed_until IS NOT NULL AND (claimed_until < $2 OR claimed_by = $3)
           ORDER BY lane, id LIMIT $4""",
        list(lanes),
        now,
        owner,
        limit,
    )
    return [Orphan(row["profile_id"], row["id"], row["delivery_id"], row["decided_at"]) for row in rows]
