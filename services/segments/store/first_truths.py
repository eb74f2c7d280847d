"""The first truths of new versions: found in one query over some lanes, then written lane by lane."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import starmap
from typing import Any, NamedTuple
from uuid import UUID

from services.segments.domain.sql.query import Query
from shared.plumbing.db import Connection
from shared.plumbing.lanes import by_lane

SCAN_TIMEOUT = JUDGE_TIMEOUT = 1800.0
READ_AT_ONCE = 5000
SCAN_MEMORY = "128MB"
"""So that a sum for each of some hundred thousand profiles needs no file."""


class Found(NamedTuple):
    """A profile of which some new versions are true, or that time may change. `due_at`: when that may be, at the earliest.

    `truths` is None where the query cannot judge.
    """

    lane: int
    profile_id: UUID
    truths: Sequence[int] | None
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A profile that still lacks truths of new versions, locked."""

    lane: int
    profile_id: UUID
    user_id: str | None
    revision: int
    next_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Given:
    """What is written of a profile: the truths it newly has."""

    profile: Waiting
    truths: Sequence[int]
    due_at: datetime | None


class TooSlow(Exception):
    """It takes longer than `JUDGE_TIMEOUT`, and would again."""


async def find_first_truths(tx: Connection, query: Query, lanes: Sequence[int]) -> list[Found]:
    """Of all profiles in these lanes, by lane and id. Raises TooSlow."""
    await tx.execute(f"SET LOCAL work_mem = '{SCAN_MEMORY}'")
    try:
        rows = await tx.fetch(query.sql, list(lanes), *query.arguments, timeout=JUDGE_TIMEOUT)
    except TimeoutError as error:
        raise TooSlow from error
    found: list[Found] = []
    for start in range(0, len(rows), READ_AT_ONCE):
        found += starmap(Found, rows[start : start + READ_AT_ONCE])
        await asyncio.sleep(0)  # there may be half a million, and requests are answered by this loop, too
    return found


async def waiting(tx: Connection, lanes: Sequence[int], *, before: int) -> list[tuple[int, UUID]]:
    """All profiles in these lanes that lack truths up to that revision."""
    rows = await tx.fetch(
        """SELECT lane, profile_id FROM profiles
           WHERE lane = ANY($1::smallint[]) AND revision < $2 AND merged_into IS NULL AND NOT erased""",
        list(lanes),
        before,
        timeout=SCAN_TIMEOUT,
    )
    return [(row["lane"], row["profile_id"]) for row in rows]


async def lock_waiting(tx: Connection, ids: Iterable[tuple[int, UUID]], *, before: int) -> dict[UUID, Waiting]:
    """Of these (lane, profile), those that live and still lack truths up to that revision."""
    rows = await tx.fetchmany(
        """SELECT lane, profile_id, user_id, revision, next_due_at FROM profiles
           WHERE lane = $1 AND profile_id = ANY($2::uuid[]) AND revision < $3 AND merged_into IS NULL AND NOT erased
           ORDER BY profile_id FOR UPDATE""",
        [
            (lane, [profile_id for _, profile_id in group], before)
            for lane, group in by_lane(sorted(ids), lambda one: one[0])
        ],
    )
    return {row["profile_id"]: Waiting(*row) for row in rows}


async def give(tx: Connection, given: Iterable[Given], *, revision: int, at: datetime) -> None:
    """Add these truths, which are complete up to `revision` and hold `at`; the states stay as complete as they were."""
    await tx.executemany(
        """UPDATE profiles SET truths = profiles.truths || new.truths::bigint[], revision = $2, evaluated_at = $3,
                  states_revision = coalesce(profiles.states_revision, profiles.revision),
                  next_due_at = least(profiles.next_due_at, new.due_at), planned_at = NULL
           FROM unnest($4::uuid[], $5::text[], $6::timestamptz[]) AS new (profile_id, truths, due_at)
           WHERE profiles.lane = $1 AND profiles.profile_id = new.profile_id""",
        [(lane, revision, at, *_columns(group)) for lane, group in by_lane(given, lambda one: one.profile.lane)],
    )


def _columns(group: Sequence[Given]) -> tuple[list[Any], ...]:
    return (
        [one.profile.profile_id for one in group],
        ["{" + ",".join(map(str, one.truths)) + "}" for one in group],  # unnest would flatten an array of arrays
        [one.due_at for one in group],
    )
