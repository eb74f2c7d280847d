"""Who would be a member: a condition as one set-based query, a few lanes at a time."""

from dataclasses import dataclass
from uuid import UUID

from services.segments.domain.sql.query import Query
from services.segments.store.memberships import LANES_AT_ONCE
from shared.plumbing.db import Connection
from shared.plumbing.lanes import LANES

TIMEOUT = 120.0  # seconds for a few lanes


@dataclass(frozen=True, slots=True)
class Preview:
    """How many would be members, and the (profile, user id) of some."""

    count: int
    sample: list[tuple[UUID, str | None]]


async def find_members(tx: Connection, query: Query, *, sample: int) -> Preview:
    """All lanes, counted; up to `sample` of the members."""
    count = 0
    found: list[tuple[UUID, str | None]] = []
    for first in range(0, LANES, LANES_AT_ONCE):
        rows = await tx.fetch(
            f"""WITH member AS MATERIALIZED ({query.sql})
                SELECT (SELECT count(*) FROM member) AS count, profile_id, user_id FROM member LIMIT {sample:d}""",
            list(range(first, first + LANES_AT_ONCE)),
            *query.arguments,
            timeout=TIMEOUT,
        )
        count += rows[0]["count"] if rows else 0
        found += [(row["profile_id"], row["user_id"]) for row in rows]
    return Preview(count, found[:sample])
