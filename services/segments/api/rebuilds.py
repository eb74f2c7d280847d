"""What is kept of the profiles, made anew from their history: asked for, and how far it is."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.segments.api.desk import desk_of
from services.segments.api.documents import refusals
from services.segments.service.rebuilding import ask_for_rebuild
from services.segments.store.rebuilds import Rebuild, list_rebuilds
from shared.plumbing.auth import Reader, Writer
from shared.plumbing.http import ExactRoute, JsonResponse
from shared.plumbing.lanes import LANES
from shared.plumbing.pages import Cursor, Limit, page, read_cursor

router = APIRouter(route_class=ExactRoute, tags=["reconciliations"])
LAST = UUID(int=2**128 - 1)
_EXAMPLE: dict[str, Any] = {
    "id": "0199fb7c-0000-7000-8000-000000000001", "status": "finished", "progress": 1, "profiles": 100000,
    "repaired": 0, "requested_at": "2026-05-01T03:00:07Z", "finished_at": "2026-05-01T03:09:09Z",
}  # fmt: skip


class NewRebuild(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{}]})

    profile_ids: list[UUID] | None = Field(
        default=None, min_length=1, max_length=10_000, description="Of these alone; of all if left out"
    )


class RebuildShown(BaseModel):
    """`progress`: from 0 to 1. `repaired`: of how many of the `profiles` something was not as their history says."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: UUID
    status: str
    progress: float
    profiles: int
    repaired: int
    requested_at: datetime
    finished_at: datetime | None


class RebuildPage(BaseModel):
    items: list[RebuildShown]
    next: str | None


@router.post(
    "/v1/rebuilds",
    status_code=202,
    summary="Make states and memberships anew from the profiles' histories",
    description="Behind live traffic. Where nothing was wrong nothing changes; what was is put right with the cause `backfill`.",
    response_model=RebuildShown,
    responses=refusals(422),
    dependencies=[Writer],
)
async def begin(request: Request, body: NewRebuild) -> Response:
    desk = desk_of(request)
    made = await desk.db.run(lambda tx: ask_for_rebuild(tx, body.profile_ids, now=desk.clock.now()))
    request.app.state.rebuild_due.set()
    return JsonResponse(_shown(made), 202)


@router.get(
    "/v1/rebuilds",
    summary="The last rebuilds, the newest first",
    response_model=RebuildPage,
    responses=refusals(422),
    dependencies=[Reader],
)
async def list_them(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
    before = read_cursor(cursor, UUID) or LAST
    found = await list_rebuilds(desk_of(request).db, before, limit=limit + 1)
    return JsonResponse(page(found, limit=limit, item=_shown, cursor=lambda one: str(one.id)))


def _shown(one: Rebuild) -> dict[str, Any]:
    return {
        "id": one.id,
        "status": "running" if one.finished_at is None else "finished",
        "progress": one.lane / LANES,
        "profiles": one.profiles,
        "repaired": one.repaired,
        "requested_at": one.requested_at,
        "finished_at": one.finished_at,
    }
