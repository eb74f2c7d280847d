"""What time will change next of profiles that are due soon; kept beside them, and gone with any other write."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter, itemgetter
from uuid import UUID

from services.segments.store.changes import applied
from shared.plumbing.db import Connection
from shared.plumbing.lanes import by_lane


@dataclass(frozen=True, slots=True)
class Plan:
    """At `at`, when the profile is due, `truths` will be true of it; it is due again at `due_at`. By the rules of `revision`."""

    lane: int
    profile_id: UUID
    at: datetime
    revision: int
    truths: Iterable[int]
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Served:
    """A version whose truths are its segment's memberships. `number`: its own."""

    version_id: int
    segment_id: UUID
    number: int


async def find_unplanned(
    tx: Connection, lanes: Sequence[int], *, after: datetime, until: datetime, revision: int, limit: int
) -> list[tuple[int, list[UUID]]]:
    """Profiles that are due in that time and have no plan by that revision, by lane; those of few lanes at a time."""
    rows = await tx.fetch(
        """SELECT due.lane, due.profile_id FROM unnest($1::smallint[]) AS leased (lane),
           LATERAL (SELECT lane, profile_id FROM profiles
                    WHERE profiles.lane = leased.lane AND next_due_at > $2 AND next_due_at <= $3
                      AND (planned_at IS DISTINCT FROM next_due_at OR planned_revision <> $4) LIMIT $5) AS due
           LIMIT $5""",
        list(lanes),
        after,
        until,
        revision,
        limit,
    )
    return [(lane, [row["profile_id"] for row in group]) for lane, group in by_lane(rows, itemgetter("lane"))]


async def write_plans(tx: Connection, plans: Iterable[Plan]) -> None:
    await tx.executemany(
        """UPDATE profiles SET planned_at = new.at, planned_revision = new.revision, planned_truths = new.truths::bigint[],
                  planned_due_at = new.due_at
           FROM unnest($2::uuid[], $3::timestamptz[], $4::bigint[], $5::text[], $6::timestamptz[])
                AS new (profile_id, at, revision, truths, due_at)
           WHERE profiles.lane = $1 AND profiles.profile_id = new.profile_id""",
        [
            (
                lane,
                [plan.profile_id for plan in group],
                [plan.at for plan in group],
                [plan.revision for plan in group],
                ["{" + ",".join(map(str, sorted(plan.truths))) + "}" for plan in group],
                [plan.due_at for plan in group],
            )
            for lane, group in by_lane(plans, attrgetter("lane"))
        ],
    )


async def carry_out(
    tx: Connection, lane: int, now: datetime, *, revision: int, served: Sequence[Served], limit: int
) -> int:
    """Let some of the plans of a lane that have come due become so, with the changes and memberships that they make.

    All of it in the database: at a midnight that thousands wait for, whatever else the worker does goes on. Profiles that
    somebody else is working on are passed over. Their states stay as they are: they are settled when next looked at. A
    change's id is made of what it is. Returns how many plans; commit soon, for it holds the lane's counter.
    """
    count: int = await tx.fetchval(
        _CARRY_OUT,
        lane,
        now,
        revision,
        limit,
        [one.version_id for one in served],
        [one.segment_id for one in served],
        [one.number for one in served],
        TIME,
    )
    return count


TIME = {"kind": "time"}
_CARRY_OUT = f"""
WITH ripe AS MATERIALIZED (
    SELECT profile_id, user_id, planned_at AS at, truths AS before, planned_truths AS after FROM profiles
    WHERE lane = $1 AND next_due_at <= $2 AND planned_at = next_due_at AND planned_revision = $3
    ORDER BY next_due_at LIMIT $4 FOR UPDATE SKIP LOCKED
), carried AS (
    UPDATE profiles SET truths = planned_truths, evaluated_at = planned_at, next_due_at = planned_due_at,
        planned_at = NULL, planned_revision = NULL, planned_truths = NULL, planned_due_at = NULL
    FROM ripe WHERE profiles.lane = $1 AND profiles.profile_id = ripe.profile_id RETURNING true
), served AS (
    SELECT * FROM unnest($5::bigint[], $6::uuid[], $7::int[]) AS served (version_id, segment_id, number)
), flips AS MATERIALIZED (
    SELECT row_number() OVER () AS row, segment_id, number, profile_id, user_id, entered, at, $8::jsonb AS cause,
           md5('time'::bytea || uuid_send(segment_id) || int4send(number) || uuid_send(profile_id) || boolsend(entered)
               || timestamptz_send(at))::uuid AS id
    FROM (SELECT *, version_id = ANY (after) AS entered
          FROM (SELECT *, unnest(after || before) AS version_id FROM ripe) AS named
          WHERE (version_id = ANY (after)) <> (version_id = ANY (before))) AS flip
    JOIN served USING (version_id)
), {applied("flips", behind=("carried",))}
SELECT count(*) FROM ripe"""
