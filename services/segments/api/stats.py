"""A segment in numbers."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from services.segments.api.desk import desk_of
from services.segments.api.documents import refusals
from services.segments.api.records import StatsShown
from services.segments.domain.figures import ratio
from services.segments.service.stats import Overlap, Stats, read_stats
from services.segments.store.stats import Revenue, Sales
from shared.language.exact import normal
from shared.plumbing.auth import Reader
from shared.plumbing.http import JsonResponse, ListedRoute

router = APIRouter(route_class=ListedRoute, tags=["segments"])
Days = Annotated[int, Query(ge=1, le=366, description="How many days back")]
Basis = Annotated[
    Literal["total", "revenue", "subtotal"], Query(description="Which property of an order is its amount")
]


@router.get(
    "/v1/segments/{key}/stats",
    summary="A segment in numbers",
    description="Its size over time; what its present members ordered in the last `days` times 24 hours, by the rule of `spend` and by "
    "currency; how many of them are new and returning customers; and its overlap with every other segment.",
    response_model=StatsShown,
    responses=refusals(404, 422),
    dependencies=[Reader],
)
async def stats(request: Request, key: str, days: Days = 30, basis: Basis = "total") -> Response:
    desk = desk_of(request)
    async with desk.counting():
        found = await read_stats(desk.db, key=key, days=days, basis=basis, now=desk.clock.now())
    asked = {"segment": key, "as_of": found.until, "since": found.since, "days": days, "basis": basis}
    return JsonResponse(asked | _shown(found))


def _shown(found: Stats) -> dict[str, Any]:
    orders = sum(revenue.orders for revenue in found.sales.by_currency.values())
    by_currency = sorted(found.sales.by_currency.items(), key=lambda item: (item[0] is None, item[0]))
    return {
        "size": found.size,
        "sizes": [asdict(point) for point in found.sizes],
        "orders": orders,
        "orders_per_member": ratio(orders, found.size),
        "by_currency": [_revenue(currency, revenue, found.size) for currency, revenue in by_currency],
        "customers": _customers(found.sales),
        "overlap": [_overlap(overlap, found.size) for overlap in found.overlap],
    }


def _revenue(currency: str | None, revenue: Revenue, members: int) -> dict[str, Any]:
    return {
        "currency": currency,
        "orders": revenue.orders,
        "revenue": normal(revenue.amount),
        "average_revenue": ratio(revenue.amount, members),
        "average_order_value": ratio(revenue.amount, revenue.orders),
    }


def _customers(sales: Sales) -> dict[str, Any]:
    count = sales.new + sales.returning
    return {
        "count": count,
        "new": {"count": sales.new, "share": ratio(sales.new, count)},
        "returning": {"count": sales.returning, "share": ratio(sales.returning, count)},
    }


def _overlap(overlap: Overlap, members: int) -> dict[str, Any]:
    return {
        "key": overlap.key,
        "count": overlap.count,
        "share": ratio(overlap.count, members),
        "share_of_other": ratio(overlap.count, overlap.size),
    }
