"""What time will change next of profiles that are due soon; kept beside them, and gone with any other write."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter, itemgetter
from uuid import UUID

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
class Ripe:
    """A profile whose plan has come due, locked."""

    lane: int
    profile_id: UUID
    user_id: str | None
    at: datetime
    before: frozenset[int]
    after: frozenset[int]


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


async def lock_ripe(tx: Connection, lanes: Sequence[int], now: datetime, *, revision: int, per_lane: int) -> list[Ripe]:
    """Profiles that are due and have a plan that holds, but for those that somebody else is working on."""
    rows = await tx.fetchmany(
        """SELECT lane, profile_id, user_id, planned_at, truths, planned_truths FROM profiles
           WHERE lane = $1 AND next_due_at <= $2 AND planned_at = next_due_at AND planned_revision = $3
           ORDER BY next_due_at LIMIT $4 FOR UPDATE SKIP LOCKED""",
        [(lane, now, revision, per_lane) for lane in lanes],
    )
    return [
        Ripe(lane, profile_id, user_id, at, frozenset(before), frozenset(after))
        for lane, profile_id, user_id, at, before, after in rows
    ]


async def carry_out(tx: Connection, ripe: Iterable[Ripe]) -> None:
    """Let the plans of these become what is so. The states stay as they are: they are settled when next looked at."""
    await tx.executemany(
        """UPDATE profiles SET truths = planned_truths, evaluated_at = planned_at, next_due_at = planned_due_at,
                  planned_at = NULL, planned_revision = NULL, planned_truths = NULL, planned_due_at = NULL
           WHERE lane = $1 AND profile_id = ANY($2::uuid[])""",
        [(lane, [one.profile_id for one in group]) for lane, group in by_lane(ripe, attrgetter("lane"))],
    )
