"""Replays: asked for, done lane by lane, some messages at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from shared.plumbing.db import Connection, Database
from shared.plumbing.lanes import LANES
from shared.plumbing.leases import LeaseLost

_COLUMNS = "id, since, before, reason, requested_at, until, heads, lane, cursor, messages, repaired, finished_at"


@dataclass(frozen=True, slots=True)
class Replay:
    """See table `replays`. `messages`: how many are done; `repaired`: of how many something was missing."""

    id: UUID
    since: datetime
    before: datetime
    reason: str | None
    requested_at: datetime
    until: dict[int, int]
    heads: dict[int, int]
    lane: int
    cursor: int
    messages: int
    repaired: int
    finished_at: datetime | None


def _replay(row: asyncpg.Record) -> Replay:
    values: dict[str, Any] = dict(row)
    for name in ("until", "heads"):
        values[name] = {int(lane): seq for lane, seq in values[name].items()}
    return Replay(**values)


async def insert_replay(
    db: Database, replay_id: UUID, *, since: datetime, before: datetime, reason: str | None, now: datetime, work: str
) -> Replay:
    """A new one, after those that were asked for before. What `work` has not resolved by now is not for it to replay."""
    row = await db.fetchrow(
        f"""INSERT INTO replays ({_COLUMNS})
            SELECT $1, $2, $3, $4, $5,
              (SELECT coalesce(jsonb_object_agg(lane, cursor), '{{}}') FROM work_lanes WHERE work = $6),
              (SELECT coalesce(jsonb_object_agg(lane, seq), '{{}}') FROM lane_heads), 0, 0, 0, 0, NULL
            RETURNING {_COLUMNS}""",
        replay_id,
        since,
        before,
        reason,
        now,
        work,
    )
    if row is None:
        raise AssertionError("what was inserted is returned")
    return _replay(row)


async def find_replay(db: Database, replay_id: UUID) -> Replay | None:
    """One by its id."""
    row = await db.fetchrow(f"SELECT {_COLUMNS} FROM replays WHERE id = $1", replay_id)
    return None if row is None else _replay(row)


async def find_unfinished(db: Database) -> Replay | None:
    """The one that was asked for first."""
    row = await db.fetchrow(
        f"SELECT {_COLUMNS} FROM replays WHERE finished_at IS NULL ORDER BY requested_at, id LIMIT 1"
    )
    return None if row is None else _replay(row)


async def list_replays(db: Database, *, before: UUID | None, limit: int) -> list[Replay]:
    """The newest first."""
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM replays WHERE $1::uuid IS NULL OR id < $1 ORDER BY id DESC LIMIT $2", before, limit
    )
    return [_replay(row) for row in rows]


async def note_messages(tx: Connection, replay: Replay, *, after: int, done: int, messages: int, repaired: int) -> None:
    """With the effect: those of its lane from `after` up to `done` are. Raises LeaseLost if another worker did them."""
    noted = await tx.fetchval(
        """UPDATE replays SET cursor = $4, messages = messages + $5, repaired = repaired + $6
           WHERE id = $1 AND lane = $2 AND cursor = $3 RETURNING true""",
        replay.id,
        replay.lane,
        after,
        done,
        messages,
        repaired,
    )
    if noted is None:
        raise LeaseLost


async def note_lane(tx: Connection, replay: Replay, *, now: datetime) -> None:
    """Its lane is done; with the last one it is finished."""
    await tx.execute(
        """UPDATE replays SET lane = lane + 1, cursor = 0, finished_at = $4
           WHERE id = $1 AND lane = $2 AND cursor = $3 AND finished_at IS NULL""",
        replay.id,
        replay.lane,
        replay.cursor,
        now if replay.lane == LANES - 1 else None,
    )


async def parked_among(db: Database, feed: str, lane: int, seqs: Sequence[int]) -> set[int]:
    """Which of these messages of a lane were put aside."""
    rows = await db.fetch(
        "SELECT seq FROM parked WHERE lane = $1 AND feed = $2 AND seq = ANY($3::bigint[])", lane, feed, list(seqs)
    )
    return {row["seq"] for row in rows}
