"""A segment in numbers: set-based statements over its members."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from asyncpg import Record

from services.segments.domain.sql.orders import SPEND, orders_of
from services.segments.domain.sql.plan import Plan
from services.segments.store.counting import TIMEOUT, portions
from shared.language.exact import Number, add
from shared.plumbing.db import Connection


@dataclass(frozen=True, slots=True)
class Crowd:
    """A segment's members, and how many they are."""

    segment_id: UUID
    size: int


@dataclass(slots=True)
class Revenue:
    """Of the orders in one currency."""

    orders: int = 0
    amount: Number = 0


@dataclass(slots=True)
class Sales:
    """What members ordered in a period. `by_currency`: None for orders without one."""

    by_currency: dict[str | None, Revenue] = field(default_factory=dict)
    new: int = 0
    returning: int = 0


async def count_moves(tx: Connection, crowd: Crowd, bounds: Sequence[datetime]) -> list[tuple[int, int]]:
    """How many entered and left, in this order: up to the first bound, up to each of the others, after the last.

    Exits by erasure are left out: the entries they end are forgotten with the person.
    """
    moves = [(0, 0)] * (len(bounds) + 1)
    async for place, entered, left in _by_lanes(
        tx,
        crowd,
        """SELECT width_bucket(at - interval '1 microsecond', $3::timestamptz[]) AS place,
                  count(*) FILTER (WHERE change = 'entered') AS entered, count(*) FILTER (WHERE change = 'left') AS left
           FROM changes WHERE lane = ANY ($1::smallint[]) AND segment_id = $2 AND NOT cause ? 'erased' GROUP BY place""",
        crowd.segment_id,
        list(bounds),
    ):
        before = moves[place]
        moves[place] = before[0] + entered, before[1] + left
    return moves


async def count_shared(tx: Connection, crowd: Crowd) -> dict[UUID, int]:
    """How many of its members each other segment has; none where there are none."""
    shared: dict[UUID, int] = {}
    async for other, count in _by_lanes(
        tx,
        crowd,
        """SELECT other.segment_id, count(*) FROM memberships AS own
           JOIN memberships AS other ON other.lane = own.lane AND other.profile_id = own.profile_id
           WHERE own.lane = ANY ($1::smallint[]) AND own.segment_id = $2 AND other.segment_id <> $2
           GROUP BY other.segment_id""",
        crowd.segment_id,
    ):
        shared[other] = shared.get(other, 0) + count
    return shared


async def sum_sales(tx: Connection, crowd: Crowd, *, basis: str, since: datetime, until: datetime) -> Sales:
    """Of the orders of its members whose first completion lies in since < t ≤ until, less those that were cancelled."""
    sql, arguments = _sales(basis, until)
    sales = Sales()
    async for kind, currency, count, amount in _by_lanes(tx, crowd, sql, *arguments, crowd.segment_id, since):
        if kind == "currency":
            revenue = sales.by_currency.setdefault(currency, Revenue())
            revenue.orders, revenue.amount = revenue.orders + count, add(revenue.amount, amount)
        elif kind == "new":
            sales.new += count
        else:
            sales.returning += count
    return sales


def _sales(basis: str, until: datetime) -> tuple[str, list[object]]:
    """Rows of kind, currency, count, amount. The last parameters are the segment and the beginning of the period."""
    plan = Plan(until, "UTC")
    orders = orders_of(basis, plan, "member_history")
    segment, since = len(plan.parameters.values) + 2, len(plan.parameters.values) + 3
    return (
        f"""WITH member AS MATERIALIZED (
              SELECT lane, profile_id FROM memberships WHERE lane = ANY ($1::smallint[]) AND segment_id = ${segment}::uuid),
            member_history AS (SELECT history.* FROM member JOIN history USING (lane, profile_id)),
            an_order AS MATERIALIZED (
              SELECT lane, profile_id, completed_at, currency, {SPEND} AS spend FROM ({orders}) AS an_order
              WHERE completed_at IS NOT NULL AND amount IS NOT NULL),
            customer AS (
              SELECT min(completed_at) > ${since}::timestamptz AS is_new FROM an_order
              GROUP BY lane, profile_id HAVING max(completed_at) > ${since})
            SELECT 'currency' AS kind, CASE jsonb_typeof(currency) WHEN 'string' THEN currency #>> '{{}}' END AS currency,
                   count(*) AS count, sum(spend) AS amount
            FROM an_order WHERE completed_at > ${since} GROUP BY 2
            UNION ALL
            SELECT CASE WHEN is_new THEN 'new' ELSE 'returning' END, NULL, count(*), 0 FROM customer GROUP BY is_new""",
        plan.parameters.values,
    )


async def _by_lanes(tx: Connection, crowd: Crowd, sql: str, *arguments: object) -> AsyncIterator[Record]:
    for lanes in portions(crowd.size):
        for row in await tx.fetch(sql, lanes, *arguments, timeout=TIMEOUT):
            yield row
