"""Forgetting decisions and messages, a page of one lane at a time.

Ids are in the order of creation, so a walk by id meets the oldest first and may end where a whole page is too new.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from services.messaging.domain.retention import Forgettable
from shared.plumbing.db import Connection

FIRST = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Walked:
    """A page: how many rows of it were deleted, its last id (None at the end), and the time of its oldest row."""

    deleted: int
    last: UUID | None
    oldest: datetime | None


async def forget_decisions(
    tx: Connection, lane: int, *, after: UUID, campaigns: Sequence[Forgettable], limit: int
) -> Walked:
    """Delete what is decided and may go, among the next decisions of a lane."""
    row = await tx.fetchrow(
        """WITH page AS (SELECT id, created_at FROM sends WHERE lane = $1 AND id > $2 ORDER BY id LIMIT $3),
             gone AS (DELETE FROM sends USING page, unnest($4::uuid[], $5::timestamptz[], $6::timestamptz[])
                        AS forgettable (campaign_id, before, had_before)
                      WHERE sends.lane = $1 AND sends.id = page.id AND sends.campaign_id = forgettable.campaign_id
                        AND state = 'done' AND decided_at < CASE WHEN decision IN ('sent', 'held_out', 'unknown')
                                                            THEN had_before ELSE before END
                      RETURNING 1)
           SELECT (SELECT count(*) FROM gone) AS deleted, min(created_at) AS oldest,
                  (array_agg(id ORDER BY id DESC))[1] AS last FROM page""",
        lane,
        after,
        limit,
        [one.campaign_id for one in campaigns],
        [one.before for one in campaigns],
        [one.had_before for one in campaigns],
    )
    return to_walked(row)


async def forget_runs(
    tx: Connection, lane: int, *, after: UUID, journeys: Mapping[UUID, datetime], limit: int
) -> Walked:
    """Delete those that ended before the instant of their journey, among the next runs of a lane."""
    row = await tx.fetchrow(
        """WITH page AS (SELECT id, entered_at FROM journey_runs WHERE lane = $1 AND id > $2 ORDER BY id LIMIT $3),
             gone AS (DELETE FROM journey_runs USING page, unnest($4::uuid[], $5::timestamptz[]) AS forgettable (journey_id, before)
                      WHERE journey_runs.lane = $1 AND journey_runs.id = page.id
                        AND journey_runs.journey_id = forgettable.journey_id AND ended_at < before
                      RETURNING 1)
           SELECT (SELECT count(*) FROM gone) AS deleted, min(entered_at) AS oldest,
                  (array_agg(id ORDER BY id DESC))[1] AS last FROM page""",
        lane,
        after,
        limit,
        list(journeys),
        list(journeys.values()),
    )
    return to_walked(row)


async def forget_messages(tx: Connection, lane: int, *, after: UUID, before: datetime, limit: int) -> Walked:
    """Delete those from before this instant that are not on their way, with what happened to them, among the next messages of a lane."""
    row = await tx.fetchrow(
        """WITH page AS (SELECT id, at FROM deliveries WHERE lane = $1 AND id > $2 ORDER BY id LIMIT $3),
             gone AS (DELETE FROM deliveries USING page WHERE deliveries.lane = $1 AND deliveries.id = page.id
                        AND status <> 'sending' AND deliveries.at < $4 RETURNING deliveries.id),
             events AS (DELETE FROM delivery_events USING gone
                        WHERE delivery_events.lane = $1 AND delivery_events.delivery_id = gone.id)
           SELECT (SELECT count(*) FROM gone) AS deleted, min(at) AS oldest,
                  (array_agg(id ORDER BY id DESC))[1] AS last FROM page""",
        lane,
        after,
        limit,
        before,
    )
    return to_walked(row)


async def forget_household_messages(tx: Connection, lane: int, *, after: UUID, before: datetime, limit: int) -> Walked:
    """Delete what was noted of messages from before this instant, among the next of a lane."""
    row = await tx.fetchrow(
        """WITH page AS (SELECT delivery_id, at FROM household_messages WHERE lane = $1 AND delivery_id > $2
                         ORDER BY delivery_id LIMIT $3),
             gone AS (DELETE FROM household_messages USING page WHERE household_messages.lane = $1
                        AND household_messages.delivery_id = page.delivery_id AND household_messages.at < $4 RETURNING 1)
           SELECT (SELECT count(*) FROM gone) AS deleted, min(at) AS oldest,
                  (array_agg(delivery_id ORDER BY delivery_id DESC))[1] AS last FROM page""",
        lane,
        after,
        limit,
        before,
    )
    return to_walked(row)


def to_walked(row: asyncpg.Record | None) -> Walked:
    """The page of a row."""
    assert row is not None
    return Walked(row["deleted"], row["last"], row["oldest"])
