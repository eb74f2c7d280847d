"""What happened to messages after they were sent."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from shared.plumbing import json
from shared.plumbing.db import Connection, Database
from shared.plumbing.lanes import LANES, by_lane, lane_of

ALL = list(range(LANES))


@dataclass(frozen=True, slots=True)
class Told:
    """The delivery that an event is about. `status`: `test` of one that counts nowhere."""

    id: UUID
    send_id: UUID
    profile_id: UUID
    campaign_id: UUID
    campaign: str
    channel: str
    purpose: str
    template: str
    address: str
    status: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of a delivery. `machine`: why it is taken for a machine's doing. `tell_at`: when it is told; None where it has been."""

    profile_id: UUID
    delivery_id: UUID
    campaign_id: UUID
    key: str
    kind: str
    at: datetime
    machine: str | None
    detail: Mapping[str, Any]
    tell_at: datetime | None = None


async def find_told(db: Database, delivery_ids: Collection[UUID]) -> dict[UUID, Told]:
    """Those of these that are ours, wherever their profiles have moved to."""
    rows = await db.fetch(
        """SELECT id, send_id, profile_id, campaign_id, campaign, channel, purpose, template, address, status, at
           FROM deliveries
           WHERE lane = ANY($1::smallint[]) AND id = ANY($2::uuid[])""",
        ALL,
        list(delivery_ids),
    )
    return {row["id"]: Told(**row) for row in rows}


async def find_spoken_of(tx: Connection, delivery_ids: Collection[UUID]) -> set[UUID]:
    """Those of these of which a provider has told anything."""
    rows = await tx.fetch(
        """SELECT DISTINCT delivery_id FROM delivery_events
           WHERE lane = ANY($1::smallint[]) AND delivery_id = ANY($2::uuid[])""",
        ALL,
        list(delivery_ids),
    )
    return {row["delivery_id"] for row in rows}


async def read_events(tx: Connection, deliveries: Iterable[tuple[UUID, UUID]]) -> list[asyncpg.Record]:
    """All that is known of these (profile and delivery), the oldest first."""
    rows = await tx.fetchmany(
        """SELECT delivery_id, key, kind, at, machine, detail FROM delivery_events
           WHERE lane = $1 AND delivery_id = ANY($2::uuid[]) ORDER BY at, key""",
        [
            (lane, sorted(delivery_id for _, delivery_id in group))
            for lane, group in by_lane(set(deliveries), lambda one: lane_of(one[0]))
        ],
    )
    return list(rows)


async def read_acts(tx: Connection, profile_ids: Collection[UUID], *, since: datetime) -> dict[UUID, list[datetime]]:
    """When these people, not machines, opened messages or followed their links."""
    rows = await tx.fetchmany(
        """SELECT profile_id, array_agg(at) AS acts FROM delivery_events
           WHERE lane = $1 AND profile_id = ANY($2::uuid[]) AND kind IN ('opened', 'clicked') AND machine IS NULL AND at > $3
           GROUP BY profile_id""",
        [(lane, sorted(group), since) for lane, group in by_lane(profile_ids, lane_of)],
    )
    return {row["profile_id"]: row["acts"] for row in rows}


async def insert_events(tx: Connection, events: Sequence[Happened], *, at: datetime) -> set[tuple[UUID, str]]:
    """Keep each once, while its delivery is there. Returns delivery and key of those that were new."""
    rows = await tx.fetchmany(
        """INSERT INTO delivery_events (lane, delivery_id, key, profile_id, campaign_id, kind, at, machine, detail, tell_at,
                                         created_at)
           SELECT $1, new.delivery_id, new.key, new.profile_id, new.campaign_id, new.kind, new.at, new.machine,
                  new.detail::jsonb, new.tell_at, $2
           FROM unnest($3::uuid[], $4::text[], $5::uuid[], $6::uuid[], $7::text[], $8::timestamptz[], $9::text[], $10::text[],
                       $11::timestamptz[])
             AS new (delivery_id, key, profile_id, campaign_id, kind, at, machine, detail, tell_at)
           JOIN deliveries ON deliveries.lane = $1 AND deliveries.id = new.delivery_id
           ON CONFLICT (lane, delivery_id, key) DO NOTHING RETURNING delivery_id, key""",
        [(lane, at, *_columns(group)) for lane, group in by_lane(events, lambda one: lane_of(one.profile_id))],
    )
    return {(row["delivery_id"], row["key"]) for row in rows}


def _columns(group: Sequence[Happened]) -> tuple[list[Any], ...]:
    rows = [
        (
            one.delivery_id,
            one.key,
            one.profile_id,
            one.campaign_id,
            one.kind,
            one.at,
            one.machine,
            json.dumps_text(one.detail),
            one.tell_at,
        )
        for one in group
    ]
    return tuple(list(column) for column in zip(*rows, strict=True))


async def mark_machines(tx: Connection, events: Sequence[tuple[UUID, UUID, str]], *, machine: str) -> None:
    """These (profile, delivery, key) were a machine's doing after all."""
    await tx.executemany(
        """UPDATE delivery_events SET machine = $4 FROM unnest($2::uuid[], $3::text[]) AS seen (delivery_id, key)
           WHERE lane = $1 AND delivery_events.delivery_id = seen.delivery_id AND delivery_events.key = seen.key
             AND machine IS NULL""",
        [
            (lane, [delivery_id for _, delivery_id, _ in group], [key for _, _, key in group], machine)
            for lane, group in by_lane(events, lambda one: lane_of(one[0]))
        ],
    )


async def find_untold(db: Database, *, lanes: Sequence[int], now: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """Profile and delivery of clicks that are to be told by now, those that wait longest first."""
    rows = await db.fetch(
        """SELECT profile_id, delivery_id FROM delivery_events WHERE lane = ANY($1::smallint[]) AND tell_at <= $2
           ORDER BY tell_at LIMIT $3""",
        list(lanes),
        now,
        limit,
    )
    return [(row["profile_id"], row["delivery_id"]) for row in rows]


async def take_untold(tx: Connection, deliveries: Iterable[tuple[UUID, UUID]], *, now: datetime) -> list[Happened]:
    """The clicks on these (profile and delivery) that are to be told by now, as they are known now; they are told with this."""
    rows = await tx.fetchmany(
        """UPDATE delivery_events SET tell_at = NULL
           WHERE lane = $1 AND delivery_id = ANY($2::uuid[]) AND tell_at <= $3
           RETURNING profile_id, delivery_id, campaign_id, key, kind, at, machine, detail""",
        [
            (lane, sorted(delivery_id for _, delivery_id in group), now)
            for lane, group in by_lane(set(deliveries), lambda one: lane_of(one[0]))
        ],
    )
    return [Happened(**row) for row in rows]


async def list_events(db: Database, deliveries: Sequence[asyncpg.Record]) -> dict[UUID, list[asyncpg.Record]]:
    """By delivery: what happened to it, the oldest first."""
    rows = await db.fetch(
        """SELECT delivery_id, kind, at, machine, detail FROM delivery_events
           WHERE lane = ANY($1::smallint[]) AND delivery_id = ANY($2::uuid[]) ORDER BY at, key""",
        sorted({lane_of(row["profile_id"]) for row in deliveries}),
        [row["id"] for row in deliveries],
    )
    found: dict[UUID, list[asyncpg.Record]] = {}
    for row in rows:
        found.setdefault(row["delivery_id"], []).append(row)
    return found


async def count_events(db: Database, campaign_id: UUID) -> list[asyncpg.Record]:
    """By kind: to how many messages of a campaign it happened, to how many of them only by machines, and how many bounced for good."""
    return await db.fetch(
        """SELECT kind, count(*) FILTER (WHERE person) AS messages, count(*) FILTER (WHERE NOT person) AS machines,
                  count(*) FILTER (WHERE hard) AS hard
           FROM (SELECT kind, bool_or(machine IS NULL) AS person, bool_or(detail ->> 'bounce' = 'hard') AS hard
                 FROM delivery_events WHERE lane = ANY($1::smallint[]) AND campaign_id = $2
                 GROUP BY lane, delivery_id, kind) AS happened
           GROUP BY kind""",
        ALL,
        campaign_id,
    )


async def use_token(db: Database, *, lane: int, token: str, digest: str, now: datetime, before: datetime) -> bool:
    """Use up a token for what has this digest; those from before `before` are forgotten. False where it was used for something
    else."""
    await db.execute("DELETE FROM hook_tokens WHERE lane = $1 AND at < $2", lane, before)
    await db.execute(
        "INSERT INTO hook_tokens (lane, token, digest, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        lane,
        token,
        digest,
        now,
    )
    used = await db.fetchval("SELECT digest FROM hook_tokens WHERE lane = $1 AND token = $2", lane, token)
    return bool(used == digest)


async def use_once(tx: Connection, *, lane: int, token: str, at: datetime) -> bool:
    """Use up a token, which is forgotten a while after `at`. False where it was used before."""
    rows = await tx.fetch(
        """INSERT INTO hook_tokens (lane, token, digest, at) VALUES ($1, $2, '', $3)
           ON CONFLICT DO NOTHING RETURNING token""",
        lane,
        token,
        at,
    )
    return bool(rows)
