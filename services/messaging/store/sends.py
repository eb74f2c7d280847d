"""Due messages: found in the leased lanes, locked, judged, written down."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from services.messaging.domain.delivery import Delivery
from services.messaging.domain.reach import Suppression
from services.messaging.domain.verdict import Earlier, Message
from shared.plumbing import json
from shared.plumbing.db import Connection, Database, array_of
from shared.plumbing.lanes import by_lane, lane_of_text


class Due(Struct, frozen=True):
    """A trigger whose message is due. `in_doubt`: the channel on which it was given to a provider, and may have arrived."""

    lane: int
    id: UUID
    campaign_id: UUID
    campaign: str
    profile_id: UUID
    user_id: str | None
    trigger_at: datetime
    trigger: dict[str, Any]
    due_at: datetime
    next_at: datetime
    attempts: int
    delivery_id: UUID | None
    tried: list[str]
    in_doubt: str | None = None


class Judged(Struct, frozen=True):
    """What becomes of a trigger for now or for good. `next_at`: when to look again (None: never, or claimed). `tried`: a channel
    on which it was refused for good.
    """

    lane: int
    id: UUID
    state: str
    decision: str | None
    reason: str | None
    facts: dict[str, Any]
    due_at: datetime
    user_id: str | None = None
    next_at: datetime | None = None
    attempts: int = 0
    claimed_until: datetime | None = None
    claimed_by: str | None = None
    variant: str | None = None
    delivery_id: UUID | None = None
    decided_at: datetime | None = None
    tried: str | None = None
    first_due_at: datetime | None = None


_DUE = """lane, id, campaign_id, campaign, profile_id, user_id, trigger_at, trigger, due_at, next_at, attempts,
          delivery_id, tried, (
            SELECT channel FROM deliveries WHERE deliveries.lane = sends.lane AND deliveries.id = sends.delivery_id
              AND deliveries.status = 'unknown') AS in_doubt"""


async def anything_due(db: Database, *, lanes: Sequence[int], now: datetime) -> bool:
    """Whether there is anything to look for, at the price of one look into each lane."""
    found: bool = await db.fetchval(
        """SELECT EXISTS (SELECT FROM unnest($1::smallint[]) AS lanes (number),
           LATERAL (SELECT FROM sends WHERE lane = lanes.number AND next_at <= $2 LIMIT 1) AS due)""",
        list(lanes),
        now,
    )
    return found


async def find_due(db: Database, *, lanes: Sequence[int], campaigns: Mapping[UUID, int], now: datetime) -> list[Due]:
    """The oldest due ones of every campaign, at most so many of it in each lane."""
    rows = await db.fetch(
        f"""SELECT due.* FROM unnest($1::smallint[]) AS lanes (number),
            unnest($2::uuid[], $3::int[]) AS campaigns (id, most),
            LATERAL (SELECT {_DUE} FROM sends
                     WHERE lane = lanes.number AND campaign_id = campaigns.id AND next_at <= $4
                     ORDER BY next_at LIMIT campaigns.most) AS due
            ORDER BY next_at, id""",
        list(lanes),
        list(campaigns),
        list(campaigns.values()),
        now,
    )
    return [Due(*row) for row in rows]


async def lock_due(tx: Connection, due: Sequence[Due]) -> set[UUID]:
    """Lock these profiles and triggers to commit; returns the ids of those that are still as they were found."""
    groups = by_lane(due, lambda one: one.lane)
    await tx.fetchmany(
        """SELECT 1 FROM people WHERE lane = $1 AND profile_id = ANY($2::uuid[]) ORDER BY profile_id FOR UPDATE""",
        [(lane, sorted(one.profile_id for one in group)) for lane, group in groups],
    )
    rows = await tx.fetchmany(
        """SELECT id, profile_id, next_at FROM sends WHERE lane = $1 AND id = ANY($2::uuid[]) AND next_at IS NOT NULL
           ORDER BY id FOR UPDATE""",
        [(lane, sorted(one.id for one in group)) for lane, group in groups],
    )
    found = {row["id"]: (row["profile_id"], row["next_at"]) for row in rows}
    return {one.id for one in due if found.get(one.id) == (one.profile_id, one.next_at)}


async def read_earlier(tx: Connection, due: Sequence[Due]) -> dict[UUID, Earlier]:
    """By send: the newest other message of the same campaign that the profile had, is having, may have had, or was held out
    from."""
    rows = await tx.fetchmany(
        """SELECT asked.id, other.decision, other.at
           FROM unnest($2::uuid[], $3::uuid[], $4::uuid[]) AS asked (id, profile_id, campaign_id),
           LATERAL (SELECT coalesce(decision, 'sending') AS decision, decided_at AS at FROM sends
                    WHERE lane = $1 AND profile_id = asked.profile_id AND campaign_id IS NOT DISTINCT FROM asked.campaign_id
                      AND id <> asked.id
                      AND (decision IN ('sent', 'held_out', 'unknown') OR claimed_until IS NOT NULL
                           OR (next_at IS NOT NULL AND delivery_id IN (
                                 SELECT id FROM deliveries WHERE lane = $1 AND profile_id = asked.profile_id
                                   AND status = 'unknown')))
                    ORDER BY decided_at DESC LIMIT 1) AS other""",
        # Not `campaign_id =`: that could be looked for by campaign, through everybody's messages of it.
        [
            (lane, [one.id for one in group], [one.profile_id for one in group], [one.campaign_id for one in group])
            for lane, group in by_lane(due, lambda one: one.lane)
        ],
    )
    return {row["id"]: Earlier(row["decision"], row["at"]) for row in rows}


async def read_last_changes(
    tx: Connection, due: Sequence[Due], segments: Mapping[UUID, str]
) -> dict[UUID, tuple[str, datetime]]:
    """By send: the last change seen of the profile in the segment of its trigger. `segments` by campaign."""
    asked = [one for one in due if one.campaign_id in segments]
    rows = await tx.fetchmany(
        """SELECT asked.id, seen.change, seen.at
           FROM unnest($2::uuid[], $3::uuid[], $4::text[]) AS asked (id, profile_id, segment)
           JOIN memberships_seen AS seen
             ON seen.lane = $1 AND seen.profile_id = asked.profile_id AND seen.segment = asked.segment""",
        [
            (
                lane,
                [one.id for one in group],
                [one.profile_id for one in group],
                [segments[one.campaign_id] for one in group],
            )
            for lane, group in by_lane(asked, lambda one: one.lane)
        ],
    )
    return {row["id"]: (row["change"], row["at"]) for row in rows}


async def read_messages(tx: Connection, due: Sequence[Due], *, since: datetime) -> dict[UUID, list[Message]]:
    """By profile: what it was sent, or may have been, since then."""
    rows = await tx.fetchmany(
        """SELECT profile_id, purpose, channel, at, id FROM deliveries
           WHERE lane = $1 AND profile_id = ANY($2::uuid[]) AND at > $3 AND status IN ('sent', 'sending', 'unknown')""",
        [(lane, [one.profile_id for one in group], since) for lane, group in by_lane(due, lambda one: one.lane)],
    )
    found: dict[UUID, list[Message]] = {}
    for row in rows:
        found.setdefault(row["profile_id"], []).append(Message(row["purpose"], row["channel"], row["at"], row["id"]))
    return found


async def read_suppressions(
    tx: Connection, asked: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], list[Suppression]]:
    """By channel and address hash: the suppressions that were committed by now."""
    rows = await tx.fetch(
        """SELECT channel, address_hash, scope, reason, yields, created_at
           FROM unnest($1::smallint[], $2::text[], $3::text[]) AS asked (lane, channel, address_hash)
           JOIN suppressions USING (lane, channel, address_hash)""",
        [lane_of_text(*one) for one in asked],
        [channel for channel, _ in asked],
        [hashed for _, hashed in asked],
    )
    found: dict[tuple[str, str], list[Suppression]] = {}
    for row in rows:
        one = Suppression(row["scope"], row["reason"], row["yields"], row["created_at"])
        found.setdefault((row["channel"], row["address_hash"]), []).append(one)
    return found


async def write_judged(tx: Connection, judged: Sequence[Judged]) -> None:
    """Write what becomes of these."""
    await tx.executemany(
        """UPDATE sends SET state = new.state, decision = new.decision, reason = new.reason, facts = new.facts,
                  due_at = new.due_at, user_id = coalesce(new.user_id, sends.user_id), next_at = new.next_at,
                  attempts = new.attempts, claimed_until = new.claimed_until, claimed_by = new.claimed_by,
                  variant = new.variant, delivery_id = new.delivery_id, decided_at = new.decided_at,
                  first_due_at = coalesce(new.first_due_at, sends.first_due_at),
                  tried = CASE WHEN new.tried IS NULL THEN sends.tried ELSE array_append(sends.tried, new.tried) END
           FROM jsonb_to_recordset($2::text::jsonb)
             AS new (id uuid, state text, decision text, reason text, facts jsonb, due_at timestamptz, user_id text,
                     next_at timestamptz, attempts int, claimed_until timestamptz, claimed_by text, variant text,
                     delivery_id uuid, decided_at timestamptz, tried text, first_due_at timestamptz)
           WHERE sends.lane = $1 AND sends.id = ANY($3::text::uuid[]) AND sends.id = new.id""",
        # As JSON, for the driver takes a microsecond or two for each element of an array. With their ids beside it, or a plan that
        # was made while there were few rows goes on reading all of the lane when there are many.
        [
            (lane, json.dumps_text(group), array_of(one.id for one in group))
            for lane, group in by_lane(judged, lambda one: one.lane)
        ],
    )


async def write_deliveries(tx: Connection, deliveries: Sequence[Delivery]) -> None:
    """Keep what is said; another try of the same delivery replaces what was kept of it."""
    await tx.executemany(
        """INSERT INTO deliveries (lane, id, send_id, campaign_id, campaign, profile_id, channel, purpose, template,
                                   template_version, address, content, provider, status, at, household)
           SELECT $1, id, send_id, campaign_id, campaign, profile_id, channel, purpose, template,
                  template_version, address, content, provider, status, at, household
           FROM jsonb_to_recordset($2::text::jsonb)
             AS new (id uuid, send_id uuid, campaign_id uuid, campaign text, profile_id uuid, channel text, purpose text,
                     template text, template_version int, address text, content jsonb, provider text, status text,
                     at timestamptz, household text)
           ON CONFLICT (lane, id) DO UPDATE SET
             channel = excluded.channel, template = excluded.template, template_version = excluded.template_version,
             address = excluded.address, content = excluded.content, provider = excluded.provider,
             status = excluded.status, at = excluded.at, household = excluded.household, answer = NULL""",
        [(lane, json.dumps_text(group)) for lane, group in by_lane(deliveries, lambda one: one.lane)],
    )


async def postpone(tx: Connection, due: Sequence[Due], *, until: datetime) -> None:
    """Look at these again then; nothing is decided."""
    await tx.executemany(
        "UPDATE sends SET next_at = $3 WHERE lane = $1 AND id = ANY($2::uuid[])",
        [(lane, sorted(one.id for one in group), until) for lane, group in by_lane(due, lambda one: one.lane)],
    )
