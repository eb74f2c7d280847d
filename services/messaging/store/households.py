"""What households were sent. The rows lie in the household's lane; a household's own row is what claims in different lanes are
serialised by."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from services.messaging.domain.delivery import Delivery
from services.messaging.domain.verdict import Message
from shared.plumbing.db import Connection
from shared.plumbing.lanes import by_lane, lane_of_text


def lane_of_household(household: str) -> int:
    """The lane of a household, by its key."""
    return lane_of_text("household", household)


async def lock_households(tx: Connection, households: Collection[str]) -> None:
    """Hold these to commit, in an order that is the same for everybody. Call it after people are locked."""
    groups = [(lane, sorted(group)) for lane, group in by_lane(set(households), lane_of_household)]
    await tx.executemany(
        """INSERT INTO households (lane, household) SELECT $1, household FROM unnest($2::text[]) AS household
           ON CONFLICT DO NOTHING""",
        groups,
    )
    await tx.fetchmany(
        "SELECT 1 FROM households WHERE lane = $1 AND household = ANY($2::text[]) ORDER BY household FOR UPDATE", groups
    )


async def read_household_messages(
    tx: Connection, households: Collection[str], *, since: datetime, but_of: UUID | None = None
) -> dict[str, list[Message]]:
    """By household: what its members were sent, or may have been, since then, while they belonged to it; `but_of`: not of this
    campaign."""
    rows = await tx.fetchmany(
        """SELECT household, purpose, channel, at, delivery_id FROM household_messages
           WHERE lane = $1 AND household = ANY($2::text[]) AND at > $3 AND campaign_id IS DISTINCT FROM $4""",
        [(lane, sorted(group), since, but_of) for lane, group in by_lane(set(households), lane_of_household)],
    )
    found: dict[str, list[Message]] = {}
    for row in rows:
        message = Message(row["purpose"], row["channel"], row["at"], row["delivery_id"])
        found.setdefault(row["household"], []).append(message)
    return found


async def count_deliveries(tx: Connection, deliveries: Iterable[Delivery]) -> None:
    """Take note of what is sent to members of households."""
    counted = [(one.household, one) for one in deliveries if one.household is not None]
    if not counted:
        return
    await tx.executemany(
        """INSERT INTO household_messages (lane, delivery_id, household, campaign_id, purpose, channel, at)
           SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::timestamptz[])
           ON CONFLICT (lane, delivery_id) DO UPDATE SET
             household = excluded.household, channel = excluded.channel, at = excluded.at""",
        [
            (
                lane,
                [one.id for _, one in group],
                [household for household, _ in group],
                [one.campaign_id for _, one in group],
                [one.purpose for _, one in group],
                [one.channel for _, one in group],
                [one.at for _, one in group],
            )
            for lane, group in by_lane(counted, lambda pair: lane_of_household(pair[0]))
        ],
    )


async def discount_deliveries(tx: Connection, deliveries: Sequence[tuple[str | None, UUID]]) -> None:
    """Forget what was noted of these (household and delivery): they were not sent, or whose they were is forgotten."""
    noted = [(household, one) for household, one in deliveries if household is not None]
    if not noted:
        return
    await tx.executemany(
        "DELETE FROM household_messages WHERE lane = $1 AND delivery_id = ANY($2::uuid[])",
        [
            (lane, sorted(one for _, one in group))
            for lane, group in by_lane(noted, lambda pair: lane_of_household(pair[0]))
        ],
    )
