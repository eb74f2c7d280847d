"""Tasks of staff, in the lanes of the profiles that they are about."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.messaging.domain.tasks import OnTask, State, Task
from services.messaging.store.retention import Walked, to_walked
from shared.plumbing import json
from shared.plumbing.db import Connection, Database
from shared.plumbing.lanes import LANES, by_lane, lane_of

ALL = list(range(LANES))
_TASK = """id, campaign_id, campaign, profile_id, user_id, title, team, state, due_at, expires_at, created_at, taken_by, taken_at,
           done_at, outcome, history"""
_STATES: dict[State | None, tuple[list[str], bool | None]] = {
    None: (["open", "taken", "done", "expired"], None),
    "open": (["open"], True),
    "taken": (["taken"], None),
    "done": (["done"], None),
    "expired": (["expired", "open"], False),
}
"""As which they are kept, and whether those kept as open may still be taken: time alone makes them expire."""


def to_task(row: asyncpg.Record) -> Task:
    """The task of a row."""
    return Task(**{**row, "history": tuple(row["history"])})


async def insert_tasks(tx: Connection, tasks: Sequence[Task]) -> None:
    """Keep new ones."""
    await tx.executemany(
        f"""INSERT INTO tasks (lane, {_TASK})
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)""",
        [(lane_of(one.profile_id), *_columns(one)) for one in sorted(tasks, key=lambda one: lane_of(one.profile_id))],
    )


def _columns(task: Task) -> tuple[Any, ...]:
    return (
        task.id,
        task.campaign_id,
        task.campaign,
        task.profile_id,
        task.user_id,
        task.title,
        task.team,
        task.state,
        task.due_at,
        task.expires_at,
        task.created_at,
        task.taken_by,
        task.taken_at,
        task.done_at,
        task.outcome,
        list(task.history),
    )


async def find_owner(db: Database, task_id: UUID) -> UUID | None:
    """The profile that a task is about, wherever it has moved to."""
    found: UUID | None = await db.fetchval(
        "SELECT profile_id FROM tasks WHERE lane = ANY($1::smallint[]) AND id = $2", ALL, task_id
    )
    return found


async def read_task(db: Database, task_id: UUID) -> Task | None:
    """The task, wherever its profile has moved to."""
    row = await db.fetchrow(f"SELECT {_TASK} FROM tasks WHERE lane = ANY($1::smallint[]) AND id = $2", ALL, task_id)
    return None if row is None else to_task(row)


async def find_task(tx: Connection, profile_id: UUID, task_id: UUID) -> Task | None:
    """The task of this profile, locked to commit. The profile's row is locked before."""
    row = await tx.fetchrow(
        f"SELECT {_TASK} FROM tasks WHERE lane = $1 AND id = $2 FOR UPDATE", lane_of(profile_id), task_id
    )
    return None if row is None else to_task(row)


async def write_task(tx: Connection, task: Task) -> None:
    """How it stands now."""
    await tx.execute(
        """UPDATE tasks SET state = $3, taken_by = $4, taken_at = $5, done_at = $6, outcome = $7, history = $8
           WHERE lane = $1 AND id = $2""",
        lane_of(task.profile_id),
        task.id,
        task.state,
        task.taken_by,
        task.taken_at,
        task.done_at,
        task.outcome,
        list(task.history),
    )


async def read_standing(tx: Connection, tasks: Collection[tuple[int, UUID]], *, now: datetime) -> dict[UUID, OnTask]:
    """How these tasks by lane stand; those that are forgotten are missing."""
    rows = await tx.fetchmany(
        """SELECT id, CASE WHEN state = 'open' AND expires_at <= $3 THEN 'expired' ELSE state END AS state, taken_by, taken_at
           FROM tasks WHERE lane = $1 AND id = ANY($2::uuid[])""",
        [(lane, [task_id for _, task_id in group], now) for lane, group in by_lane(tasks, lambda one: one[0])],
    )
    return {row["id"]: OnTask(row["state"], row["taken_by"], row["taken_at"]) for row in rows}


async def note_escalations(tx: Connection, noted: Sequence[tuple[int, UUID, dict[str, Any]]]) -> None:
    """Put into the history of these tasks by lane that somebody was told."""
    await tx.executemany(
        "UPDATE tasks SET history = history || $3::text::jsonb WHERE lane = $1 AND id = $2",
        [(lane, task_id, json.dumps_text([what])) for lane, task_id, what in sorted(noted, key=lambda one: one[:2])],
    )


async def revive_steps(tx: Connection, profile_id: UUID, steps: Sequence[tuple[UUID, str]], *, at: datetime) -> None:
    """Those of these steps (campaign and trigger) that were not told because somebody had taken the task are decided anew."""
    await tx.execute(
        """UPDATE sends SET state = 'pending', due_at = $4, next_at = $4, decision = 'deferred', reason = 'task_released',
                  facts = '{}', decided_at = $4
           FROM unnest($2::uuid[], $3::text[]) AS step (campaign_id, trigger_id)
           WHERE sends.lane = $1 AND sends.campaign_id = step.campaign_id AND sends.trigger_id = step.trigger_id
             AND sends.state = 'done' AND sends.reason = 'task_taken'""",
        lane_of(profile_id),
        [campaign_id for campaign_id, _ in steps],
        [trigger_id for _, trigger_id in steps],
        at,
    )


async def list_tasks(
    db: Database,
    *,
    state: State | None,
    team: str | None,
    campaign: str | None,
    profile_id: UUID | None,
    now: datetime,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Task]:
    """Tasks, soonest due first."""
    states, alive = _STATES[state]
    due_at, last = after or (None, None)
    rows = await db.fetch(
        f"""SELECT found.* FROM unnest($1::smallint[]) AS lanes (number), unnest($2::text[]) AS states (name),
            LATERAL (SELECT {_TASK} FROM tasks
                     WHERE lane = lanes.number AND state = states.name
                       AND ($3::bool IS NULL OR state <> 'open' OR (expires_at > $4) = $3)
                       AND ($5::text IS NULL OR team = $5) AND ($6::text IS NULL OR campaign = $6)
                       AND ($7::uuid IS NULL OR profile_id = $7)
                       AND ($8::timestamptz IS NULL OR (due_at, id) > ($8, $9::uuid))
                     ORDER BY due_at, id LIMIT $10) AS found
            ORDER BY due_at, id LIMIT $10""",
        ALL if profile_id is None else [lane_of(profile_id)],
        states,
        alive,
        now,
        team,
        campaign,
        profile_id,
        due_at,
        last,
        limit,
    )
    return [to_task(row) for row in rows]


async def count_tasks(db: Database, lanes: Sequence[int], *, now: datetime) -> tuple[int, int, int]:
    """Of these lanes: how many are open, taken, and (of both) overdue."""
    row: Any = await db.fetchrow(
        """SELECT count(*) FILTER (WHERE state = 'open') AS open, count(*) FILTER (WHERE state = 'taken') AS taken,
                  count(*) FILTER (WHERE due_at <= $2) AS overdue
           FROM tasks WHERE lane = ANY($1::smallint[]) AND (state = 'taken' OR (state = 'open' AND expires_at > $2))""",
        list(lanes),
        now,
    )
    return row["open"], row["taken"], row["overdue"]


async def forget_tasks(tx: Connection, lane: int, *, after: UUID, before: datetime, limit: int) -> Walked:
    """Delete those from before this instant that nobody need do any more, among the next tasks of a lane."""
    row = await tx.fetchrow(
        """WITH page AS (SELECT id, created_at FROM tasks WHERE lane = $1 AND id > $2 ORDER BY id LIMIT $3),
             gone AS (DELETE FROM tasks USING page WHERE tasks.lane = $1 AND tasks.id = page.id
                        AND tasks.created_at < $4 AND (done_at < $4 OR expires_at < $4) RETURNING 1)
           SELECT (SELECT count(*) FROM gone) AS deleted, min(created_at) AS oldest,
                  (array_agg(id ORDER BY id DESC))[1] AS last FROM page""",
        lane,
        after,
        limit,
        before,
    )
    return to_walked(row)


async def expire_tasks(tx: Connection, lane: int, *, now: datetime) -> None:
    """Keep those that expired as what they are, so that looking for open ones does not meet them for ever."""
    await tx.execute(
        "UPDATE tasks SET state = 'expired' WHERE lane = $1 AND state = 'open' AND expires_at <= $2", lane, now
    )
