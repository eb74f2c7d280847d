"""Members that go over to new versions which have taken over in the catalogue: how far each lane is, and who still differs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.segments.store.catalogue import Version
from services.segments.store.changes import applied
from services.segments.store.profiles import FIRST, ids_by_lane, settle_plans
from shared.plumbing.db import Connection
from shared.plumbing.lanes import LANES

LAST = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class Settling:
    """A lane of a build of which all up to the profile `cursor` have gone over. `total`: profiles of all lanes, roughly."""

    lane: int
    build_id: UUID
    cursor: UUID
    total: int


async def insert_settlings(tx: Connection, build_id: UUID) -> None:
    """One for each lane."""
    await tx.executemany(
        "INSERT INTO settlings (lane, build_id, cursor) VALUES ($1, $2, $3)",
        [(lane, build_id, FIRST) for lane in range(LANES)],
    )


async def open_settlings(tx: Connection, lanes: Sequence[int]) -> list[Settling]:
    """Those of the oldest build that has any in these lanes, by lane."""
    rows = await tx.fetch(
        """SELECT lane, build_id, cursor, builds.total FROM settlings JOIN builds ON builds.id = build_id
           WHERE lane = ANY($1::smallint[]) ORDER BY builds.number, lane""",
        list(lanes),
    )
    return [Settling(*row) for row in rows if row["build_id"] == rows[0]["build_id"]]


async def ends_of(tx: Connection, settlings: Iterable[Settling], *, limit: int) -> dict[int, UUID]:
    """By lane, the profile up to which about so many come next; beyond all ids where there are no more."""
    rows = await tx.fetchmany(
        """SELECT $1::smallint AS lane, coalesce((SELECT profile_id FROM profiles WHERE lane = $1 AND profile_id > $2
                                                  ORDER BY profile_id OFFSET $3 LIMIT 1), $4) AS until""",
        [(one.lane, one.cursor, limit, LAST) for one in settlings],
    )
    return {row["lane"]: row["until"] for row in rows}


async def lock_differing(
    tx: Connection, settlings: Iterable[Settling], ends: Mapping[int, UUID], versions: Sequence[Version]
) -> list[tuple[int, list[UUID]]]:
    """By lane, the profiles up to these of whom a version is true and who are no members, or the other way round. Some may have
    gone over by the time that they are held. None has a plan then."""
    rows = await tx.fetchmany(
        """SELECT lane, profile_id, plan_at FROM profiles
           WHERE lane = $1 AND profile_id > $2 AND profile_id <= $3 AND merged_into IS NULL AND NOT erased
             AND EXISTS (SELECT FROM unnest($4::bigint[], $5::uuid[]) AS version (id, segment_id),
                           LATERAL (SELECT EXISTS (
                             SELECT FROM memberships AS member WHERE member.lane = $1
                               AND member.segment_id = version.segment_id AND member.profile_id = profiles.profile_id))
                           AS member (is_in)
                         WHERE is_in <> (version.id = ANY (truths))
                            OR plan_at IS NOT NULL AND is_in <> (version.id = ANY (plan_truths)))
           ORDER BY profile_id FOR UPDATE""",
        [
            (one.lane, one.cursor, ends[one.lane], [v.id for v in versions], [v.segment_id for v in versions])
            for one in settlings
        ],
    )
    if planned := [row for row in rows if row["plan_at"] is not None]:
        await settle_plans(tx, ids_by_lane(planned))
    return ids_by_lane(rows)


async def go_over(
    tx: Connection, differing: Sequence[tuple[int, Sequence[UUID]]], versions: Sequence[Version], *, now: datetime
) -> None:
    """Make the truths of these versions memberships of these profiles, which are held, and record the changes that this is. A
    change's id is made of what it is.

    At this instant; where time has passed a profile since, just before the first that it has passed: what time changed meanwhile
    is still to be recorded, each change at its own. The profile is brought there, so that whoever waited for it with an earlier instant in
    hand records nothing before that. Commit soon, for it holds the lanes' counters.
    """
    of_versions = [v.id for v in versions], [v.segment_id for v in versions], [v.number for v in versions]
    await tx.executemany(_GO_OVER, [(lane, list(ids), now, *of_versions) for lane, ids in differing])


_GO_OVER = f"""
WITH differing AS MATERIALIZED (
    SELECT row_number() OVER () AS row, md5(concat_ws(' ', 'edit', version.id, profile.profile_id))::uuid AS id,
           version.segment_id, number, profile.profile_id, user_id, member.profile_id IS NULL AS entered,
           greatest(evaluated_at, least($3, next_due_at - interval '1 microsecond')) AS at,
           jsonb_build_object('kind', 'edit', 'version', number) AS cause
    FROM profiles AS profile CROSS JOIN unnest($4::bigint[], $5::uuid[], $6::int[]) AS version (id, segment_id, number)
    LEFT JOIN memberships AS member
      ON member.lane = $1 AND member.segment_id = version.segment_id AND member.profile_id = profile.profile_id
    WHERE profile.lane = $1 AND profile.profile_id = ANY ($2::uuid[])
      AND (version.id = ANY (truths)) <> (member.profile_id IS NOT NULL)
), brought AS (
    UPDATE profiles SET evaluated_at = gone_over.at
    FROM (SELECT profile_id, max(at) AS at FROM differing GROUP BY profile_id) AS gone_over
    WHERE lane = $1 AND profiles.profile_id = gone_over.profile_id AND evaluated_at < gone_over.at
), {applied("differing")}
SELECT"""


async def note_progress(tx: Connection, settlings: Iterable[Settling], ends: Mapping[int, UUID]) -> None:
    """All up to these have gone over; of a lane of which all have, nothing is kept."""
    through = [(one.lane, one.build_id) for one in settlings if ends[one.lane] == LAST]
    further = [(one.lane, one.build_id, ends[one.lane]) for one in settlings if ends[one.lane] != LAST]
    await tx.executemany("DELETE FROM settlings WHERE lane = $1 AND build_id = $2", through)
    await tx.executemany("UPDATE settlings SET cursor = $3 WHERE lane = $1 AND build_id = $2", further)
