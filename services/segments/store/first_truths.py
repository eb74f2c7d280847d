"""The first truths of new versions: found in one query over some lanes, then written lane by lane."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.segments.domain.sql.query import Query
from services.segments.store.changes import entered
from services.segments.store.profiles import settle_plans
from shared.plumbing.db import Connection
from shared.plumbing.json import dumps_text

SCAN_TIMEOUT = JUDGE_TIMEOUT = 1800.0
SCAN_MEMORY = "128MB"
"""So that a sum for each of some hundred thousand profiles needs no file."""


@dataclass(frozen=True, slots=True)
class Found:
    """Profiles of a lane of which some new versions are true, or that time may change: each with these versions (as the
    database writes an array) and the earliest instant at which that may be. `unjudged`: of whom the query cannot say.
    """

    lane: int
    profile_ids: Sequence[UUID]
    truths: Sequence[str]
    due_at: Sequence[datetime | None]
    unjudged: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True)
class NewVersion:
    """`revision`: whoever is behind it lacks its first truth. `cause`: of the entries that its truths make, None where they
    make none: it does not serve yet.
    """

    id: int
    revision: int
    segment_id: UUID
    number: int
    cause: Mapping[str, str] | None


_PASS_OVER_ALL = f"SET LOCAL work_mem = '{SCAN_MEMORY}'; SET LOCAL random_page_cost = 4"
"""Lanes lie among each other: by an index, each page would be looked at many times."""


class TooSlow(Exception):
    """It takes longer than `JUDGE_TIMEOUT`, and would again."""


async def find_first_truths(tx: Connection, query: Query, lanes: Sequence[int], *, together: int) -> list[Found]:
    """Of all profiles in these lanes, so many of a lane together. Raises TooSlow."""
    sql = _PORTIONS.format(together, query.sql)
    await tx.execute(_PASS_OVER_ALL)
    try:
        rows = await tx.fetch(sql, list(lanes), *query.arguments, timeout=JUDGE_TIMEOUT)
    except TimeoutError as error:
        raise TooSlow from error
    return [Found(*row) for row in rows]


_PORTIONS = """
SELECT lane, coalesce(array_agg(profile_id) FILTER (WHERE truths IS NOT NULL), '{{}}') AS profile_ids,
       coalesce(array_agg(truths::text) FILTER (WHERE truths IS NOT NULL), '{{}}') AS truths,
       coalesce(array_agg(due_at) FILTER (WHERE truths IS NOT NULL), '{{}}') AS due_at,
       coalesce(array_agg(profile_id) FILTER (WHERE truths IS NULL), '{{}}') AS unjudged
FROM (SELECT *, (row_number() OVER (PARTITION BY lane ORDER BY profile_id) - 1) / {:d} AS portion FROM ({}) AS found) AS found
GROUP BY lane, portion"""


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


async def give(
    tx: Connection, found: Found, versions: Sequence[NewVersion], *, revision: int, at: datetime
) -> list[UUID]:
    """Add the truths that were found `at` to those who live and still lack them, with the memberships and changes that they
    make. The truths are complete up to `revision` then; the states stay as complete as they were.

    All of it in the database, for others wait meanwhile. Where some have plans nothing is written before those are settled: that may
    wait for who carries them out, and who does waits for the lane's counter. A change's id is made of what it is. Returns whom time has passed by
    then: of those nothing is written. Commit soon, for it holds the lane's counter.
    """
    arguments = [
        at,
        revision,
        found.profile_ids,
        found.truths,  # as text: unnest would flatten an array of arrays
        found.due_at,
        [version.id for version in versions],
        [version.revision for version in versions],
        [version.segment_id for version in versions],
        [version.number for version in versions],
        [None if version.cause is None else dumps_text(version.cause) for version in versions],
    ]
    rows = await tx.fetch(_GIVE, found.lane, *arguments)
    if planned := [row["profile_id"] for row in rows if row["planned"]]:
        await settle_plans(tx, [(found.lane, planned)])
        rows = await tx.fetch(_GIVE, found.lane, *arguments)
    return [row["profile_id"] for row in rows]


_GIVE = f"""
WITH waiting AS MATERIALIZED (
    SELECT profiles.profile_id, user_id, revision, new.truths::bigint[] AS truths, due_at,
           plan_at IS NOT NULL AS planned, evaluated_at > $2 OR coalesce(next_due_at <= $2, false) AS late
    FROM unnest($4::uuid[], $5::text[], $6::timestamptz[]) AS new (profile_id, truths, due_at)
    JOIN profiles ON lane = $1 AND profiles.profile_id = new.profile_id
    WHERE revision < $3 AND merged_into IS NULL AND NOT erased
    ORDER BY profiles.profile_id FOR UPDATE OF profiles
), version AS (
    SELECT * FROM unnest($7::bigint[], $8::bigint[], $9::uuid[], $10::int[], $11::text[])
                  AS version (id, revision, segment_id, number, cause)
), lacking AS MATERIALIZED (
    SELECT profile_id, user_id, due_at, ARRAY(SELECT id FROM version WHERE id = ANY (truths) AND version.revision > waiting.revision)
                                        AS truths
    FROM waiting WHERE NOT late AND NOT EXISTS (SELECT FROM waiting WHERE planned)
), given AS (
    UPDATE profiles SET truths = profiles.truths || lacking.truths, revision = $3, evaluated_at = $2,
        states_revision = coalesce(profiles.states_revision, profiles.revision),
        next_due_at = least(profiles.next_due_at, lacking.due_at)
    FROM lacking WHERE profiles.lane = $1 AND profiles.profile_id = lacking.profile_id
), entries AS MATERIALIZED (
    SELECT row_number() OVER () AS row, md5('first'::bytea || int8send(id) || uuid_send(profile_id) || timestamptz_send($2))::uuid AS id,
           segment_id, number, profile_id, user_id, true AS entered, $2 AS at, cause::jsonb
    FROM lacking, unnest(truths) AS truth JOIN version ON id = truth WHERE cause IS NOT NULL
), {entered("entries")}
SELECT profile_id, planned FROM waiting WHERE late OR planned"""
