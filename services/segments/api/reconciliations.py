"""Is what is kept what the history says: asked for, and what was found."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from services.segments.api.desk import desk_of
from services.segments.api.documents import refusals
from services.segments.service.reconciling import ask_for_one
from services.segments.store.reconciliations import Reconciliation, list_reconciliations
from shared.plumbing.auth import Reader, Writer
from shared.plumbing.http import ExactRoute, JsonResponse
from shared.plumbing.lanes import LANES
from shared.plumbing.pages import Cursor, Limit, page, read_cursor

router = APIRouter(route_class=ExactRoute, tags=["reconciliations"])
LAST = UUID(int=2**128 - 1)
_EXAMPLE: dict[str, Any] = {
    "id": "0199fb7c-0000-7000-8000-000000000001", "day": "2026-05-01", "status": "finished", "progress": 1,
    "sample": 20, "profiles": 1280, "drift": [], "requested_at": "2026-05-01T03:00:07Z", "finished_at": "2026-05-01T03:01:09Z",
}  # fmt: skip


class NewReconciliation(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"sample": 20}]})

    sample: StrictInt = Field(default=20, ge=1, le=10_000, description="Profiles of each of the 64 lanes, at most")


class DriftShown(BaseModel):
    """`leaf`: the path of the part of the condition that differs (after `key:`, in that segment's); `truth`: no part does,
    but what was made of them; `membership`: only the list of members. `profiles`: of how many of those looked at."""

    segment: str
    version: int
    leaf: str
    profiles: int


class ReconciliationShown(BaseModel):
    """`day`: of a nightly one. `progress`: from 0 to 1. `profiles`: how many were looked at."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: UUID
    day: date | None
    status: str
    progress: float
    sample: int
    profiles: int
    drift: list[DriftShown]
    requested_at: datetime
    finished_at: datetime | None


class ReconciliationPage(BaseModel):
    items: list[ReconciliationShown]
    next: str | None


@router.post(
    "/v1/reconciliations",
    status_code=202,
    summary="Compare what is kept of the profiles with what their history says, now",
    description="On a sample, behind live traffic, changing nothing. Where one is not finished yet, it is that one.",
    response_model=ReconciliationShown,
    responses=refusals(422),
    dependencies=[Writer],
)
async def begin(request: Request, body: NewReconciliation) -> Response:
    desk = desk_of(request)
    made = await desk.db.run(lambda tx: ask_for_one(tx, now=desk.clock.now(), sample=body.sample))
    request.app.state.reconciliation_due.set()
    return JsonResponse(_shown(made), 202)


@router.get(
    "/v1/reconciliations",
    summary="The last comparisons, the newest first",
    response_model=ReconciliationPage,
    responses=refusals(422),
    dependencies=[Reader],
)
async def list_them(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
    before = read_cursor(cursor, UUID) or LAST
    found = await list_reconciliations(desk_of(request).db, before, limit=limit + 1)
    return JsonResponse(page(found, limit=limit, item=_shown, cursor=lambda one: str(one.id)))


def _shown(one: Reconciliation) -> dict[str, Any]:
    return {
        "id": one.id,
        "day": one.day,
        "status": "running" if one.finished_at is None else "finished",
        "progress": one.lane / LANES,
        "sample": one.sample,
        "profiles": one.profiles,
        "drift": [drift.to_json() for drift in one.drift],
        "requested_at": one.requested_at,
        "finished_at": one.finished_at,
    }
