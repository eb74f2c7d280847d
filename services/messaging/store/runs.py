"""Where people are in journeys: found when something is due, read when something happened, written back."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.messaging.domain.walking import AT_THE_END, Entered, Run, Stop
from shared.plumbing.db import Connection, Database
from shared.plumbing.lanes import LANES, by_lane, lane_of

ALL = list(range(LANES))
_RUN = """id, profile_id, user_id, journey_id, version, instance, entry_id, entry, entered_at, place, since, resting, answered,
          heard, next_at, path, ended_at, reason"""


def to_run(row: asyncpg.Record) -> Run:
    """The run of a row."""
    path = tuple(Stop(step, datetime.fromisoformat(at)) for step, at in row["path"])
    return Run(**{**row, "heard": tuple(row["heard"]), "path": path})


async def find_due(db: Database, *, lanes: Sequence[int], journeys: Mapping[UUID, datetime], most: int) -> list[Run]:
    """Of every journey, those in each lane that are due by its instant, the oldest first, at most so many."""
    rows = await db.fetch(
        f"""SELECT due.* FROM unnest($1::smallint[]) AS lanes (number),
            unnest($2::uuid[], $3::timestamptz[]) AS journeys (id, horizon),
            LATERAL (SELECT {_RUN} FROM journey_runs
                     WHERE lane = lanes.number AND journey_id = journeys.id AND next_at <= journeys.horizon
                     ORDER BY next_at LIMIT $4) AS due
            ORDER BY next_at, id""",
        list(lanes),
        list(journeys),
        list(journeys.values()),
        most,
    )
    return [to_run(row) for row in rows]


async def lock_walking(tx: Connection, runs: Sequence[Run]) -> list[Run]:
    """Those that are still as they were found, locked to commit. Their people are locked before."""
    rows = await tx.fetchmany(
        f"""SELECT {_RUN} FROM journey_runs WHERE lane = $1 AND id = ANY($2::uuid[]) AND next_at IS NOT NULL
            ORDER BY id FOR UPDATE""",
        [(lane, sorted(one.id for one in group)) for lane, group in by_lane(runs, lambda one: lane_of(one.profile_id))],
    )
    now = {row["id"]: to_run(row) for row in rows}
    return [one for one in runs if now.get(one.id) == one]


async def read_listening(tx: Connection, profile_ids: Iterable[UUID]) -> list[Run]:
    """The runs of these people that something may still end or answer: they walk, or what they sent last is not decided."""
    rows = await tx.fetchmany(
        f"""SELECT {_RUN} FROM journey_runs AS run
            WHERE lane = $1 AND profile_id = ANY($2::uuid[])
              AND (next_at IS NOT NULL OR (reason = ANY($3::text[]) AND EXISTS (
                SELECT FROM sends WHERE sends.lane = $1 AND sends.profile_id = run.profile_id
                  AND sends.next_at IS NOT NULL AND starts_with(sends.trigger_id, run.id::text))))
            ORDER BY id FOR UPDATE""",
        [(lane, sorted(group), sorted(AT_THE_END)) for lane, group in by_lane(set(profile_ids), lane_of)],
    )
    return [to_run(row) for row in rows]


async def read_entered(tx: Connection, profile_ids: Iterable[UUID]) -> dict[tuple[UUID, UUID, str], list[Entered]]:
    """By person, journey and instance: when they entered."""
    rows = await tx.fetchmany(
        """SELECT profile_id, journey_id, instance, entered_at, next_at IS NOT NULL AS walking FROM journey_runs
           WHERE lane = $1 AND profile_id = ANY($2::uuid[])""",
        [(lane, sorted(group)) for lane, group in by_lane(set(profile_ids), lane_of)],
    )
    found: dict[tuple[UUID, UUID, str], list[Entered]] = {}
    for row in rows:
        key = (row["profile_id"], row["journey_id"], row["instance"])
        found.setdefault(key, []).append(Entered(row["entered_at"], row["walking"]))
    return found


async def read_exits(tx: Connection, runs: Collection[tuple[int, UUID]]) -> dict[UUID, tuple[str | None, str]]:
    """Of these runs by lane: why they ended (None: they walk), and the status of their journey."""
    rows = await tx.fetchmany(
        """SELECT run.id, reason, status FROM journey_runs AS run JOIN journeys ON journeys.id = journey_id
           WHERE lane = $1 AND run.id = ANY($2::uuid[])""",
        [(lane, [run_id for _, run_id in group]) for lane, group in by_lane(runs, lambda one: one[0])],
    )
    return {row["id"]: (row["reason"], row["status"]) for row in rows}


async def insert_runs(tx: Connection, runs: Sequence[Run]) -> None:
    """Keep each once: an entry that was met before brings nobody in again."""
    await tx.executemany(
        f"""INSERT INTO journey_runs (lane, {_RUN})
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
            ON CONFLICT DO NOTHING""",
        [(lane, *_columns(run)) for lane, group in by_lane(runs, lambda one: lane_of(one.profile_id)) for run in group],
    )


async def write_runs(tx: Connection, runs: Sequence[Run]) -> None:
    """Where these are now."""
    await tx.executemany(
        """UPDATE journey_runs SET place = $3, since = $4, resting = $5, answered = $6, heard = $7, next_at = $8, path = $9,
                  ended_at = $10, reason = $11 WHERE lane = $1 AND id = $2""",
        [
            (
                lane,
                run.id,
                run.place,
                run.since,
                run.resting,
                run.answered,
                list(run.heard),
                run.next_at,
                _path(run),
                run.ended_at,
                run.reason,
            )
            for lane, group in by_lane(runs, lambda one: lane_of(one.profile_id))
            for run in sorted(group, key=lambda one: one.id)
        ],
    )


def _columns(run: Run) -> tuple[Any, ...]:
    return (
        run.id,
        run.profile_id,
        run.user_id,
        run.journey_id,
        run.version,
        run.instance,
        run.entry_id,
        run.entry,
        run.entered_at,
        run.place,
        run.since,
        run.resting,
        run.answered,
        list(run.heard),
        run.next_at,
        _path(run),
        run.ended_at,
        run.reason,
    )


def _path(run: Run) -> list[list[Any]]:
    return [[stop.step, stop.at] for stop in run.path]


async def wake_held_up(tx: Connection, campaigns: Sequence[UUID], lanes: Iterable[int], *, at: datetime) -> None:
    """Messages of these campaigns that the pause of their journey held up are looked at now."""
    await tx.executemany(
        """UPDATE sends SET next_at = $3 WHERE lane = $1 AND campaign_id = ANY($2::uuid[]) AND next_at > $3
           AND reason = 'journey_paused'""",
        [(lane, list(campaigns), at) for lane in lanes],
    )


async def find_versions(db: Database, journeys: Sequence[UUID]) -> dict[UUID, list[int]]:
    """By journey: the versions in which somebody walks."""
    rows = await db.fetch(
        """SELECT journey_id, array_agg(DISTINCT version) AS versions FROM journey_runs
           WHERE lane = ANY($1::smallint[]) AND journey_id = ANY($2::uuid[]) AND next_at IS NOT NULL GROUP BY journey_id""",
        ALL,
        list(journeys),
    )
    return {row["journey_id"]: row["versions"] for row in rows}


async def count_runs(db: Database, journey_id: UUID) -> list[asyncpg.Record]:
    """How many walk, by version and place, and how many left, by reason."""
    return await db.fetch(
        """SELECT version, CASE WHEN ended_at IS NULL THEN place END AS place, reason, count(*) AS runs
           FROM journey_runs WHERE lane = ANY($1::smallint[]) AND journey_id = $2 GROUP BY 1, 2, 3""",
        ALL,
        journey_id,
    )


async def count_stops(db: Database, journey_id: UUID) -> dict[tuple[int, str], int]:
    """By version and place: how many came there."""
    rows = await db.fetch(
        """SELECT version, stop ->> 0 AS place, count(*) AS runs
           FROM journey_runs, jsonb_array_elements(path) AS stop
           WHERE lane = ANY($1::smallint[]) AND journey_id = $2 GROUP BY 1, 2""",
        ALL,
        journey_id,
    )
    return {(row["version"], row["place"]): row["runs"] for row in rows}


async def list_runs(
    db: Database, journey_id: UUID, *, profile_id: UUID | None, walking: bool | None, after: UUID | None, limit: int
) -> list[asyncpg.Record]:
    """The runs of a journey, those who entered last first. `walking`: only those who are inside, or who are not."""
    return await db.fetch(
        f"""SELECT found.* FROM unnest($1::smallint[]) AS lanes (number),
            LATERAL (SELECT {_RUN} FROM journey_runs
                     WHERE lane = lanes.number AND journey_id = $2 AND ($3::uuid IS NULL OR profile_id = $3)
                       AND ($4::bool IS NULL OR (ended_at IS NULL) = $4) AND ($5::uuid IS NULL OR id < $5)
                     ORDER BY id DESC LIMIT $6) AS found
            ORDER BY id DESC LIMIT $6""",
        ALL if profile_id is None else [lane_of(profile_id)],
        journey_id,
        profile_id,
        walking,
        after,
        limit,
    )
