"""What goes on behind live traffic when asked for: is what is kept what the history says, and making it anew from there."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, StrictInt

from services.segments.api.desk import desk_of
from services.segments.api.documents import example, refusals
from services.segments.service.rebuilding import ask_for_rebuild
from services.segments.service.reconciling import ask_for_one
from services.segments.store.rebuilds import Rebuild, list_rebuilds
from services.segments.store.reconciliations import Reconciliation, list_reconciliations
from shared.plumbing.auth import Reader, Writer
from shared.plumbing.http import JsonResponse, ListedRoute
from shared.plumbing.lanes import LANES
from shared.plumbing.pages import Cursor, Limit, page, read_cursor

router = APIRouter(route_class=ListedRoute, tags=["reconciliations"])
LAST = UUID(int=2**128 - 1)


class NewReconciliation(BaseModel):
    model_config = example(sample=20)

    sample: StrictInt = Field(default=20, ge=1, le=10_000, description="Profiles of each of the 64 lanes, at most")


class NewRebuild(BaseModel):
    model_config = example()

    profile_ids: list[UUID] | None = Field(
        default=None, min_length=1, max_length=10_000, description="Of these alone; of all if left out"
    )


class DriftShown(BaseModel):
    """`leaf`: the path of the part of the condition that differs (after `key:`, in that segment's); `truth`: no part does,
    but what was made of them; `membership`: only the list of members. `profiles`: of how many of those looked at."""

    segment: str
    version: int
    leaf: str
    profiles: int


class WorkShown(BaseModel):
    """`progress`: from 0 to 1. `profiles`: how many were looked at."""

    id: UUID
    status: str
    progress: float
    profiles: int
    requested_at: datetime
    finished_at: datetime | None


class ReconciliationShown(WorkShown):
    """`day`: of a nightly one. `progress`: from 0 to 1. `profiles`: how many were looked at."""

    model_config = example(
        id="0199fb7c-0000-7000-8000-000000000001",
        day="2026-05-01",
        status="finished",
        progress=1,
        sample=20,
        profiles=1280,
        drift=[],
        requested_at="2026-05-01T03:00:07Z",
        finished_at="2026-05-01T03:01:09Z",
    )

    day: date | None
    sample: int
    drift: list[DriftShown]


class RebuildShown(WorkShown):
    """`progress`: from 0 to 1. `repaired`: of how many of the `profiles` something was not as their history says."""

    model_config = example(
        id="0199fb7c-0000-7000-8000-000000000001",
        status="finished",
        progress=1,
        profiles=100000,
        repaired=0,
        requested_at="2026-05-01T03:00:07Z",
        finished_at="2026-05-01T03:09:09Z",
    )

    repaired: int


class ReconciliationPage(BaseModel):
    items: list[ReconciliationShown]
    next: str | None


class RebuildPage(BaseModel):
    items: list[RebuildShown]
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
async def reconcile(request: Request, body: NewReconciliation) -> Response:
    desk = desk_of(request)
    made = await desk.db.run(lambda tx: ask_for_one(tx, now=desk.clock.now(), sample=body.sample))
    request.app.state.reconciliation_due.set()
    return JsonResponse(_shown(made), 202)


@router.post(
    "/v1/rebuilds",
    status_code=202,
    summary="Make states and memberships anew from the profiles' histories",
    description="Behind live traffic. Where nothing was wrong nothing changes; what was is put right with the cause `backfill`.",
    response_model=RebuildShown,
    responses=refusals(422),
    dependencies=[Writer],
)
async def rebuild(request: Request, body: NewRebuild) -> Response:
    desk = desk_of(request)
    made = await desk.db.run(lambda tx: ask_for_rebuild(tx, body.profile_ids, now=desk.clock.now()))
    request.app.state.rebuild_due.set()
    return JsonResponse(_shown(made), 202)


@router.get(
    "/v1/reconciliations",
    summary="The last comparisons, the newest first",
    response_model=ReconciliationPage,
    responses=refusals(422),
    dependencies=[Reader],
)
async def list_comparisons(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
    before = read_cursor(cursor, UUID) or LAST
    found = await list_reconciliations(desk_of(request).db, before, limit=limit + 1)
    return _page(found, limit)


@router.get(
    "/v1/rebuilds",
    summary="The last rebuilds, the newest first",
    response_model=RebuildPage,
    responses=refusals(422),
    dependencies=[Reader],
)
async def list_rebuilds_(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
    before = read_cursor(cursor, UUID) or LAST
    return _page(await list_rebuilds(desk_of(request).db, before, limit=limit + 1), limit)


def _page(found: Sequence[Reconciliation | Rebuild], limit: int) -> Response:
    return JsonResponse(page(found, limit=limit, item=_shown, cursor=lambda one: str(one.id)))


def _shown(one: Reconciliation | Rebuild) -> dict[str, Any]:
    shown = {
        "id": one.id,
        "status": "running" if one.finished_at is None else "finished",
        "progress": one.lane / LANES,
        "profiles": one.profiles,
        "requested_at": one.requested_at,
        "finished_at": one.finished_at,
    }
    if isinstance(one, Rebuild):
        return shown | {"repaired": one.repaired}
    return shown | {"day": one.day, "sample": one.sample, "drift": [drift.to_json() for drift in one.drift]}
