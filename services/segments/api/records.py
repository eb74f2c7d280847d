"""The shapes of what was recorded and counted, with examples, as OpenAPI shows them."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.segments.api.documents import CHANGE_CAUSE, CONDITION, PROFILE_ID, example


class ChangeOfProfileShown(BaseModel):
    """Why a profile entered or left `segment`. `version`: of the condition that decided; the segment's `versions` have it."""

    model_config = example(
        segment="vip",
        profile_id=PROFILE_ID,
        user_id="ann",
        change="entered",
        at="2026-05-01T10:15:30Z",
        version=1,
        cause=CHANGE_CAUSE,
    )

    segment: str
    profile_id: UUID = Field(description="The one asked for, or one that was merged with it")
    user_id: str | None
    change: Literal["entered", "left"]
    at: datetime
    version: int
    cause: dict[str, Any]


class ChangeOfProfilePage(BaseModel):
    items: list[ChangeOfProfileShown]
    next: str | None


class VersionShown(BaseModel):
    """`condition`: null of a list. `live_at`: when it began to serve, null if it never did. `replaced_at`: when a later one took over."""

    model_config = example(
        number=1,
        condition=CONDITION,
        status="replaced",
        created_at="2026-05-01T09:00:00Z",
        live_at="2026-05-01T09:00:12Z",
        replaced_at="2026-05-03T09:00:15Z",
        stale_since=None,
        error=None,
    )

    number: int
    condition: dict[str, Any] | None
    status: Literal["building", "live", "replaced", "failing"]
    created_at: datetime
    live_at: datetime | None
    replaced_at: datetime | None
    stale_since: datetime | None
    error: str | None


class VersionPage(BaseModel):
    items: list[VersionShown]
    next: str | None


class SizeShown(BaseModel):
    """How many were in at `at`; how many entries and exits there were since the point before."""

    at: datetime
    size: int
    entered: int
    left: int


class SalesShown(BaseModel):
    """Orders in one currency (null: without any). `average_revenue` is per member, null where there is none."""

    currency: str | None
    orders: int
    revenue: Decimal
    average_revenue: Decimal | None
    average_order_value: Decimal | None


class ShareShown(BaseModel):
    count: int
    share: Decimal | None


class CustomersShown(BaseModel):
    """Members who ordered in the period. `new`: their first order lies in it; `returning`: they had ordered before."""

    count: int
    new: ShareShown
    returning: ShareShown


class OverlapShown(BaseModel):
    """Members that are in the segment `key`, too; as a share of this segment, and of that one."""

    key: str
    count: int
    share: Decimal | None
    share_of_other: Decimal | None


class StatsShown(BaseModel):
    """The members of now, and what they ordered in since < t ≤ as_of. Averages and shares have up to six decimals."""

    model_config = example(
        segment="vip",
        as_of="2026-05-01T10:15:30Z",
        since="2026-04-30T10:15:30Z",
        days=1,
        basis="total",
        size=4,
        sizes=[
            {"at": "2026-05-01T00:00:00Z", "size": 5, "entered": 1, "left": 0},
            {"at": "2026-05-01T10:15:30Z", "size": 4, "entered": 0, "left": 1},
        ],
        orders=3,
        orders_per_member=0.75,
        by_currency=[
            {"currency": "EUR", "orders": 3, "revenue": 90.3, "average_revenue": 22.575, "average_order_value": 30.1}
        ],
        customers={"count": 2, "new": {"count": 1, "share": 0.5}, "returning": {"count": 1, "share": 0.5}},
        overlap=[{"key": "pro", "count": 2, "share": 0.5, "share_of_other": 0.04}],
    )

    segment: str
    as_of: datetime
    since: datetime
    days: int
    basis: Literal["total", "revenue", "subtotal"]
    size: int
    sizes: list[SizeShown] = Field(description="At every midnight (UTC) and at `as_of`, by the recorded changes")
    orders: int
    orders_per_member: Decimal | None
    by_currency: list[SalesShown]
    customers: CustomersShown
    overlap: list[OverlapShown] = Field(description="With every other segment, the most shared first")
