"""Who would be a member: a condition as one set-based query."""

from dataclasses import dataclass
from uuid import UUID

from services.segments.domain.sql.query import Query
from services.segments.store.counting import TIMEOUT, plan_for_each, portions
from services.segments.store.profiles import count_profiles
from services.segments.store.undecided import arguments_of
from shared.plumbing.db import Connection


@dataclass(frozen=True, slots=True)
class Preview:
    """How many would be members, and the (profile, user id) of some."""

    count: int
    sample: list[tuple[UUID, str | None]]


async def find_members(tx: Connection, query: Query, *, sample: int) -> Preview:
    """All lanes, counted; up to `sample` of the members."""
    count = 0
    found: list[tuple[UUID, str | None]] = []
    await plan_for_each(tx)
    for lanes in portions(await count_profiles(tx)):
        rows = await tx.fetch(
            f"""WITH member AS MATERIALIZED ({query.sql})
                SELECT (SELECT count(*) FROM member) AS count, profile_id, user_id FROM member LIMIT {sample:d}""",
            lanes,
            *await arguments_of(tx, query, lanes, timeout=TIMEOUT),
            timeout=TIMEOUT,
        )
        count += rows[0]["count"] if rows else 0
        found += [(row["profile_id"], row["user_id"]) for row in rows]
    return Preview(count, found[:sample])


@dataclass(frozen=True, slots=True)
class Comparison:
    """The members there would be, beside those there are."""

    enter: Preview
    leave: Preview
    stay: int


async def compare_members(tx: Connection, query: Query, segment_id: UUID, *, sample: int) -> Comparison:
    """Who would enter and leave if the query named a segment's members; up to `sample` of either."""
    counts = {"enter": 0, "leave": 0, "stay": 0}
    found: dict[str, list[tuple[UUID, str | None]]] = {"enter": [], "leave": []}
    await plan_for_each(tx)
    for lanes in portions(await count_profiles(tx)):
        rows = await tx.fetch(
            _compared(query, sample),
            lanes,
            *await arguments_of(tx, query, lanes, timeout=TIMEOUT),
            segment_id,
            timeout=TIMEOUT,
        )
        for move, count, people in rows:
            counts[move] += count
            if move in found:
                found[move] += [(UUID(person["profile_id"]), person["user_id"]) for person in people or []]
    enter, leave = (Preview(counts[move], found[move][:sample]) for move in ("enter", "leave"))
    return Comparison(enter, leave, counts["stay"])


def _compared(query: Query, sample: int) -> str:
    """Rows of move, count, some people. The last parameter is the segment."""
    return f"""WITH would AS MATERIALIZED ({query.sql}),
        compared AS MATERIALIZED (
          SELECT lane, profile_id, CASE WHEN would.profile_id IS NULL THEN 'leave' WHEN member.profile_id IS NULL THEN 'enter'
                                        ELSE 'stay' END AS move
          FROM would FULL JOIN (SELECT lane, profile_id FROM memberships
                                WHERE lane = ANY ($1::smallint[]) AND segment_id = ${query.parameters + 1}::uuid) AS member
               USING (lane, profile_id))
        SELECT move, count(*) AS count,
               (SELECT jsonb_agg(jsonb_build_object('profile_id', person.profile_id, 'user_id', profiles.user_id))
                FROM (SELECT lane, profile_id FROM compared AS one
                      WHERE one.move = compared.move AND one.move <> 'stay' LIMIT {sample:d}) AS person
                JOIN profiles USING (lane, profile_id)) AS people
        FROM compared GROUP BY move"""
