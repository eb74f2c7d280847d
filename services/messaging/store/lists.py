"""What operators look at: decisions, deliveries, the mailbox, progress, reports. Reads span lanes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from shared.plumbing.db import Connection, Database
from shared.plumbing.lanes import LANES, lane_of

ALL = list(range(LANES))


async def list_decisions(
    db: Database,
    *,
    profile_id: UUID | None,
    campaign: str | None,
    decisions: Sequence[str] | None,
    after: UUID | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Decided triggers, the newest first."""
    return await db.fetch(
        """SELECT found.* FROM unnest($1::smallint[]) AS lanes (number),
           LATERAL (SELECT id, profile_id, user_id, campaign, decision, reason, facts, variant, delivery_id,
                           coalesce(decided_at, created_at) AS at
                    FROM sends WHERE lane = lanes.number AND decision IS NOT NULL
                      AND ($2::uuid IS NULL OR profile_id = $2) AND ($3::text IS NULL OR campaign = $3)
                      AND ($4::text[] IS NULL OR decision = ANY($4)) AND ($5::uuid IS NULL OR id < $5)
                    ORDER BY id DESC LIMIT $6) AS found
           ORDER BY id DESC LIMIT $6""",
        _lanes(profile_id),
        profile_id,
        campaign,
        None if decisions is None else list(decisions),
        after,
        limit,
    )


async def list_deliveries(
    db: Database,
    *,
    profile_id: UUID | None,
    campaign: str | None,
    provider: str | None,
    after: UUID | None,
    limit: int,
) -> list[asyncpg.Record]:
    """Deliveries, the newest first."""
    return await db.fetch(
        """SELECT found.* FROM unnest($1::smallint[]) AS lanes (number),
           LATERAL (SELECT id, profile_id, campaign, channel, purpose, template, template_version, address, content,
                           provider, status, answer, at
                    FROM deliveries WHERE lane = lanes.number
                      AND ($2::uuid IS NULL OR profile_id = $2) AND ($3::text IS NULL OR campaign = $3)
                      AND ($4::text IS NULL OR provider = $4) AND ($5::uuid IS NULL OR id < $5)
                    ORDER BY id DESC LIMIT $6) AS found
           ORDER BY id DESC LIMIT $6""",
        _lanes(profile_id),
        profile_id,
        campaign,
        provider,
        after,
        limit,
    )


async def find_delivery(db: Database, delivery_id: UUID) -> asyncpg.Record | None:
    """The delivery, wherever its profile has moved to."""
    return await db.fetchrow(
        """SELECT lane, id, profile_id, campaign, channel, purpose, template, address, content ->> 'locale' AS locale
           FROM deliveries
           WHERE lane = ANY($1::smallint[]) AND id = $2""",
        ALL,
        delivery_id,
    )


def _lanes(profile_id: UUID | None) -> Sequence[int]:
    return ALL if profile_id is None else [lane_of(profile_id)]


async def find_current(db: Database, profile_id: UUID) -> UUID:
    """Who the profile is now, as far as messaging knows."""
    while True:
        merged_into: UUID | None = await db.fetchval(
            "SELECT merged_into FROM people WHERE lane = $1 AND profile_id = $2", lane_of(profile_id), profile_id
        )
        if merged_into is None:
            return profile_id
        profile_id = merged_into


async def read_pending(tx: Connection, now: datetime) -> tuple[int, datetime | None]:
    """Messages that are due, and neither decided nor waiting to be retried, for their turn or for a start; words and
    clicks to be told, broadcasts to be taken, people in journeys who are to move; and since when."""
    row: Any = await tx.fetchrow(
        """SELECT count(*) AS pending, min(since) AS since FROM (
             SELECT next_at AS since FROM sends
             WHERE lane = ANY($1::smallint[]) AND next_at <= $2 AND state <> 'waiting'
               AND campaign_id NOT IN (SELECT id FROM campaigns WHERE definition ? 'rate' OR status = 'paused'
                                         AND definition -> 'trigger' ?| ARRAY['at', 'local'])
             UNION ALL SELECT decided_at FROM sends WHERE lane = ANY($1::smallint[]) AND claimed_until IS NOT NULL
             UNION ALL SELECT created_at FROM consent_outbox WHERE lane = ANY($1::smallint[]) AND told_at IS NULL
             UNION ALL SELECT created_at FROM preference_outbox WHERE lane = ANY($1::smallint[]) AND told_at IS NULL
             UNION ALL SELECT tell_at FROM delivery_events WHERE lane = ANY($1::smallint[]) AND tell_at <= $2
             UNION ALL SELECT next_at FROM journey_runs JOIN journeys ON journeys.id = journey_id
             WHERE lane = ANY($1::smallint[]) AND next_at <= $2 AND status = 'running'
             UNION ALL SELECT at FROM broadcasts JOIN campaigns ON campaigns.id = broadcasts.campaign_id
             WHERE status = 'running' AND done_at IS NULL AND at <= $2) AS open""",
        ALL,
        now,
    )
    return row["pending"], row["since"]


async def count_decisions(db: Database, campaign_id: UUID) -> list[asyncpg.Record]:
    """Triggers of a campaign by decision, reason and variant, with conversions and revenue."""
    return await db.fetch(
        """SELECT decision, reason, variant, count(*) AS triggers, count(converted_at) AS conversions,
                  coalesce(sum(revenue), 0) AS revenue
           FROM sends WHERE lane = ANY($1::smallint[]) AND campaign_id = $2 GROUP BY decision, reason, variant""",
        ALL,
        campaign_id,
    )


async def count_people(db: Database, campaign_id: UUID) -> list[asyncpg.Record]:
    """Of those who were to be told, and of those held out: how many, who did what was hoped for, and what they brought.

    To be told are also those whose message then failed: whether it did depends on whom it is for.
    """
    return await db.fetch(
        """SELECT held_out, variant, count(*) AS people, count(*) FILTER (WHERE orders > 0) AS converted,
                  sum(orders)::bigint AS orders, sum(revenue) AS revenue, sum(revenue * revenue) AS squares
           FROM (SELECT decision = 'held_out' AS held_out, max(variant) AS variant, count(converted_at) AS orders,
                        coalesce(sum(revenue), 0) AS revenue
                 FROM sends
                 WHERE lane = ANY($1::smallint[]) AND campaign_id = $2
                   AND (decision IN ('sent', 'unknown', 'failed', 'held_out') OR reason = 'no_window')
                   AND reason <> 'control_group'
                 GROUP BY profile_id, decision = 'held_out') AS person
           GROUP BY held_out, variant""",
        ALL,
        campaign_id,
    )


async def count_control(db: Database, *, since: datetime) -> list[asyncpg.Record]:
    """Of the control group, and of all others who could have been told something since then: how many, who did what any
    campaign hoped for, and what they brought. One event counts once, however many campaigns hoped for it."""
    return await db.fetch(
        """SELECT held_out, NULL AS variant, count(*) AS people, count(*) FILTER (WHERE orders > 0) AS converted,
                  sum(orders)::bigint AS orders, sum(revenue) AS revenue, sum(revenue * revenue) AS squares
           FROM (SELECT held_out, count(converted_at) AS orders, coalesce(sum(revenue), 0) AS revenue
                 FROM (SELECT DISTINCT profile_id, converted_at, revenue,
                              bool_or(reason = 'control_group') OVER (PARTITION BY profile_id) AS held_out
                       FROM sends
                       WHERE lane = ANY($1::smallint[]) AND trigger_at >= $2
                         AND (decision IN ('sent', 'unknown', 'failed', 'held_out') OR reason = 'no_window')
                         AND campaign_id IN (SELECT id FROM campaigns WHERE definition ->> 'purpose' NOT IN ('transactional', 'operational'))) AS event
                 GROUP BY profile_id, held_out) AS person
           GROUP BY held_out""",
        ALL,
        since,
    )


async def count_last_touch(db: Database, campaign_id: UUID) -> asyncpg.Record | None:
    """Of a campaign: the goal events that came after one of its messages and after no later message of any campaign that
    hoped for the same event; each counts once."""
    return await db.fetchrow(
        """SELECT count(*) AS orders, coalesce(sum(revenue), 0) AS revenue FROM sends AS mine
           WHERE lane = ANY($1::smallint[]) AND campaign_id = $2 AND decision = 'sent' AND decided_at <= converted_at
             AND NOT EXISTS (
               SELECT FROM sends AS other
               WHERE other.lane = mine.lane AND other.profile_id = mine.profile_id AND other.decision = 'sent'
                 AND other.converted_at = mine.converted_at AND other.decided_at <= other.converted_at
                 AND (other.decided_at, other.id) > (mine.decided_at, mine.id))""",
        ALL,
        campaign_id,
    )
