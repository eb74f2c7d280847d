"""Triggers as they are met, and the last change seen of each profile in the segments that campaigns use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.messaging.domain.goals import Hit
from services.messaging.domain.triggers import Fired
from shared.plumbing import json
from shared.plumbing.db import Connection
from shared.plumbing.ids import new_id
from shared.plumbing.lanes import by_lane, lane_of


async def insert_triggers(
    tx: Connection, fired: Sequence[Fired], *, current: Mapping[UUID, UUID | None], at: datetime
) -> int:
    """Keep each trigger once, for whoever its profile is now. Returns how many were new."""
    rows = [(profile_id, one) for one in fired if (profile_id := current[one.profile_id]) is not None]
    answers = await tx.fetchmany(
        """INSERT INTO sends (lane, id, campaign_id, campaign, profile_id, user_id, trigger_id, trigger_at, trigger,
                              state, due_at, next_at, attempts, decision, reason, facts, created_at)
           SELECT $1, id, campaign_id, campaign, profile_id, user_id, trigger_id, trigger_at, trigger::jsonb,
                  'pending', due_at, look_at, 0, decision, reason, facts::jsonb, $2
           FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::text[], $8::text[], $9::timestamptz[],
                       $10::text[], $11::timestamptz[], $12::timestamptz[], $13::text[], $14::text[], $15::text[])
             AS rows (id, campaign_id, campaign, profile_id, user_id, trigger_id, trigger_at,
                      trigger, due_at, look_at, decision, reason, facts)
           ON CONFLICT (lane, campaign_id, trigger_id) DO NOTHING RETURNING 1""",
        [(lane, at, *_columns(group, at)) for lane, group in by_lane(rows, lambda row: lane_of(row[0]))],
    )
    return len(list(answers))


def _columns(group: Sequence[tuple[UUID, Fired]], at: datetime) -> tuple[list[Any], ...]:
    rows = [
        (
            new_id(),
            one.campaign.id,
            one.campaign.key,
            profile_id,
            one.user_id,
            one.trigger_id,
            one.at,
            json.dumps_text(_context(one)),
            one.due_at,
            one.look_at,
            *_for_now(one, at),
        )
        for profile_id, one in group
    ]
    return tuple(list(column) for column in zip(*rows, strict=True))


def _context(one: Fired) -> dict[str, Any]:
    """With `paused` as ours alone: an event may have a property of that name, which stays under `properties`."""
    context = {name: value for name, value in one.context.items() if name != "paused"}
    return context | {"paused": True} if one.paused else context


def _for_now(one: Fired, at: datetime) -> tuple[str | None, str | None, str]:
    """What stands as the decision until it is due."""
    if one.look_at <= at:
        return None, None, "{}"
    return "deferred", "delay", json.dumps_text({"until": one.look_at})


@dataclass(frozen=True, slots=True)
class Seen:
    """A change of a membership."""

    profile_id: UUID
    segment: str
    change: str
    at: datetime


async def remember_changes(tx: Connection, changes: Sequence[Seen]) -> None:
    """The last change of each profile and segment stands; `changes` are in their order."""
    last = {(one.profile_id, one.segment): one for one in changes}
    await tx.executemany(
        """INSERT INTO memberships_seen (lane, profile_id, segment, change, at)
           SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::text[], $5::timestamptz[])
           ON CONFLICT (lane, profile_id, segment) DO UPDATE SET change = excluded.change, at = excluded.at""",
        [
            (
                lane,
                [one.profile_id for one in group],
                [one.segment for one in group],
                [one.change for one in group],
                [one.at for one in group],
            )
            for lane, group in by_lane(last.values(), lambda one: lane_of(one.profile_id))
        ],
    )


async def remember_members(tx: Connection, members: Sequence[Seen]) -> None:
    """They are members, each named once, unless a later change is known."""
    await tx.executemany(
        """INSERT INTO memberships_seen (lane, profile_id, segment, change, at)
           SELECT $1, profile_id, segment, change, at FROM jsonb_to_recordset($2::text::jsonb)
             AS new (profile_id uuid, segment text, change text, at timestamptz)
           ON CONFLICT (lane, profile_id, segment) DO UPDATE SET change = excluded.change, at = excluded.at
           WHERE memberships_seen.at < excluded.at""",
        [
            (lane, json.dumps_text(sorted(group, key=lambda one: one.profile_id)))
            for lane, group in by_lane(members, lambda one: lane_of(one.profile_id))
        ],
    )


async def record_hits(tx: Connection, hits: Sequence[Hit]) -> None:
    """The first goal event after a trigger makes it converted, once, whatever came of the trigger."""
    await tx.executemany(
        """UPDATE sends SET converted_at = $4, revenue = $7
           WHERE lane = $1 AND profile_id = $2 AND campaign_id = $3
             AND coalesce(first_due_at - $9::interval, trigger_at) >= $5
             AND coalesce(first_due_at - $9::interval, trigger_at) < $6
             AND converted_at IS NULL AND $8 IS DISTINCT FROM trigger ->> 'message_id'
             AND $8 IS DISTINCT FROM trigger -> 'cause' ->> 'message_id'""",
        [
            (
                lane_of(hit.profile_id),
                hit.profile_id,
                hit.campaign_id,
                hit.at,
                hit.since,
                hit.before,
                hit.revenue,
                hit.message_id,
                hit.delay,
            )
            for hit in hits
        ],
    )
