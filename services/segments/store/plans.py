"""What time will change next of profiles that are due soon; gone when it is carried out, or as soon as anybody gets hold of one."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from services.segments.store.changes import applied
from services.segments.store.profiles import PLAN_WAITS, ids_by_lane
from shared.plumbing.db import Connection, array_of
from shared.plumbing.lanes import by_lane


@dataclass(frozen=True, slots=True)
class Plan:
    """At `at`, when the profile is due, `truths` will be true of it: these have been `entered`, those `left`. It is due again at
    `due_at`. By the rules of `revision`."""

    lane: int
    profile_id: UUID
    user_id: str | None
    at: datetime
    revision: int
    truths: Collection[int]
    entered: Collection[int]
    left: Collection[int]
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Served:
    """A version whose truths are its segment's memberships. `number`: its own."""

    version_id: int
    segment_id: UUID
    number: int


async def find_unplanned(
    tx: Connection, lanes: Sequence[int], *, after: datetime, until: datetime, limit: int
) -> list[tuple[int, list[UUID]]]:
    """Profiles that are due in that time and have no plan, by lane; those of few lanes at a time."""
    rows = await tx.fetch(
        f"""SELECT due.lane, due.profile_id FROM unnest($1::smallint[]) AS leased (lane),
           LATERAL (SELECT lane, profile_id FROM profiles
                    WHERE profiles.lane = leased.lane AND next_due_at > $2 AND next_due_at <= $3
                      AND (plan_at IS NULL OR NOT {PLAN_WAITS}) LIMIT $4) AS due
           LIMIT $4""",
        list(lanes),
        after,
        until,
        limit,
    )
    return ids_by_lane(rows)


async def find_outdated(
    tx: Connection, lanes: Sequence[int], *, after: datetime, until: datetime, revision: int, limit: int
) -> list[tuple[int, list[UUID]]]:
    """Profiles whose plans for that time are by another revision, by lane."""
    rows = await tx.fetch(
        """SELECT lane, profile_id FROM plans
           WHERE lane = ANY($1::smallint[]) AND at > $2 AND at <= $3 AND revision <> $4 ORDER BY lane, at LIMIT $5""",
        list(lanes),
        after,
        until,
        revision,
        limit,
    )
    return ids_by_lane(rows)


async def write_plans(tx: Connection, plans: Iterable[Plan]) -> None:
    """Of profiles that are held and have none."""
    await tx.executemany(
        """WITH new AS (
             SELECT * FROM unnest($2::uuid[], $3::text[], $4::timestamptz[], $5::bigint[], $6::text[], $7::text[], $8::text[],
                                  $9::timestamptz[])
                           AS new (profile_id, user_id, at, revision, truths, entered, "left", due_at)
           ), planned AS (
             UPDATE profiles SET plan_at = new.at, plan_truths = new.truths::bigint[], next_due_at = new.due_at
             FROM new WHERE profiles.lane = $1 AND profiles.profile_id = new.profile_id
           )
           INSERT INTO plans (lane, at, profile_id, user_id, revision, entered, "left")
           SELECT $1, at, profile_id, user_id, revision, entered::bigint[], "left"::bigint[] FROM new""",
        [(lane, *_columns(group)) for lane, group in by_lane(plans, attrgetter("lane"))],
    )


def _columns(plans: Sequence[Plan]) -> tuple[list[Any], ...]:
    return (
        [plan.profile_id for plan in plans],
        [plan.user_id for plan in plans],
        [plan.at for plan in plans],
        [plan.revision for plan in plans],
        [array_of(sorted(plan.truths)) for plan in plans],  # unnest would flatten an array of arrays
        [array_of(plan.entered) for plan in plans],
        [array_of(plan.left) for plan in plans],
        [plan.due_at for plan in plans],
    )


async def carry_out(
    tx: Connection, lane: int, now: datetime, *, revision: int, served: Sequence[Served], limit: int
) -> int:
    """Let some of the plans of a lane that have come due become so, with the changes and memberships that they make.

    All of it in the database: at a midnight that thousands wait for, whatever else the worker does goes on. Plans of profiles that
    somebody else is working on are passed over. Rows of profiles stay as they are, until somebody gets hold of them. A
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
WITH carried AS MATERIALIZED (
    DELETE FROM plans WHERE lane = $1 AND ctid = ANY (ARRAY(
        SELECT ctid FROM plans WHERE lane = $1 AND at <= $2 AND revision = $3
        ORDER BY at, profile_id LIMIT $4 FOR UPDATE SKIP LOCKED))
    RETURNING profile_id, user_id, at, entered, "left"
), served AS (
    SELECT * FROM unnest($5::bigint[], $6::uuid[], $7::int[]) AS served (version_id, segment_id, number)
), flips AS MATERIALIZED (
    SELECT row_number() OVER () AS row, segment_id, number, profile_id, user_id, entered, at, $8::jsonb AS cause,
           md5('time'::bytea || uuid_send(segment_id) || int4send(number) || uuid_send(profile_id) || boolsend(entered)
               || timestamptz_send(at))::uuid AS id
    FROM (SELECT profile_id, user_id, at, true AS entered, unnest(carried.entered) AS version_id FROM carried
          UNION ALL SELECT profile_id, user_id, at, false, unnest("left") FROM carried) AS flip
    JOIN served USING (version_id)
), {applied("flips")}
SELECT count(*) FROM carried"""
