"""What was said to people in a time that is over."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from services.messaging.domain.verdict import Earlier, Message
from shared.plumbing.db import Connection
from shared.plumbing.lanes import by_lane, lane_of


async def read_messages_between(
    tx: Connection, profile_ids: Collection[UUID], *, since: datetime, until: datetime, but_of: UUID
) -> dict[UUID, list[Message]]:
    """By profile: what it was sent, or may have been, by other campaigns than this one."""
    rows = await tx.fetchmany(
        """SELECT profile_id, purpose, channel, at, id FROM deliveries
           WHERE lane = $1 AND profile_id = ANY($2::uuid[]) AND at > $3 AND at < $4 AND campaign_id <> $5
             AND status IN ('sent', 'sending', 'unknown')""",
        [(lane, sorted(group), since, until, but_of) for lane, group in by_lane(set(profile_ids), lane_of)],
    )
    found: dict[UUID, list[Message]] = {}
    for row in rows:
        message = Message(row["purpose"], row["channel"], row["at"], row["id"])
        found.setdefault(row["profile_id"], []).append(message)
    return found


async def read_earlier_before(
    tx: Connection, profile_ids: Collection[UUID], campaign_id: UUID, before: datetime
) -> dict[UUID, Earlier]:
    """By profile: the last message of this campaign that it had, may have had or was held out from, before then."""
    rows = await tx.fetchmany(
        """SELECT DISTINCT ON (profile_id) profile_id, decision, decided_at FROM sends
           WHERE lane = $1 AND profile_id = ANY($2::uuid[]) AND campaign_id = $3 AND decided_at < $4
             AND decision IN ('sent', 'held_out', 'unknown')
           ORDER BY profile_id, decided_at DESC""",
        [(lane, sorted(group), campaign_id, before) for lane, group in by_lane(set(profile_ids), lane_of)],
    )
    return {row["profile_id"]: Earlier(row["decision"], row["decided_at"]) for row in rows}
