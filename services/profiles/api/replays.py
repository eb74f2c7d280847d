"""Parts of the raw log taken in again: asked for, and how far it is."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.profiles.api.desk import LimitedRoute, check_values, desk_of
from services.profiles.api.documents import NewReplay, ReplayPage, ReplayShown, refusals
from services.profiles.service.replaying import ask_for_replay, get_replay
from services.profiles.store.replays import Replay, list_replays
from shared.plumbing.auth import Admin, Reader
from shared.plumbing.errors import Invalid
from shared.plumbing.http import JsonResponse
from shared.plumbing.lanes import LANES
from shared.plumbing.pages import Cursor, Limit, page, read_cursor

router = APIRouter(route_class=LimitedRoute, tags=["replays"])


@router.post(
    "/v1/replays",
    summary="Take what was received in a range of time in again, and put back what is missing of its effect",
    description="From `from` on and before `to`, by `received_at`. Behind live traffic, after those that were asked for before. What "
    "came later stands, and where nothing is missing nothing changes. No campaign speaks of it.",
    status_code=202,
    response_model=ReplayShown,
    responses=refusals(403, 422),
    dependencies=[Admin],
)
async def begin(request: Request, body: NewReplay) -> Response:
    desk = desk_of(request)
    check_values(body.reason, "body", "reason")
    if body.to <= body.since:
        raise _invalid("to", "must be after `from`")
    if body.to > desk.book.clock.now():
        raise _invalid("to", "must not be in the future")
    made = await ask_for_replay(desk.book, since=body.since, before=body.to, reason=body.reason)
    desk.replay_due.set()
    return JsonResponse(_shown(made), 202, headers={"Location": f"/v1/replays/{made.id}"})


def _invalid(field: str, msg: str) -> Invalid:
    return Invalid.of([{"loc": ["body", field], "msg": msg}])


@router.get(
    "/v1/replays",
    summary="Replays, the newest first",
    response_model=ReplayPage,
    responses=refusals(422),
    dependencies=[Reader],
)
async def list_them(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
    before = read_cursor(cursor, UUID)
    found = await list_replays(desk_of(request).book.db, before=before, limit=limit + 1)
    return JsonResponse(page(found, limit=limit, item=_shown, cursor=lambda replay: replay.id))


@router.get(
    "/v1/replays/{replay_id}",
    summary="How far a replay is",
    response_model=ReplayShown,
    responses=refusals(404, 422),
    dependencies=[Reader],
)
async def get_one(request: Request, replay_id: UUID) -> Response:
    return JsonResponse(_shown(await get_replay(desk_of(request).book, replay_id)))


def _shown(replay: Replay) -> dict[str, Any]:
    return {
        "id": replay.id,
        "from": replay.since,
        "to": replay.before,
        "reason": replay.reason,
        "status": "running" if replay.finished_at is None else "finished",
        "progress": replay.lane / LANES,
        "messages": replay.messages,
        "repaired": replay.repaired,
        "requested_at": replay.requested_at,
        "finished_at": replay.finished_at,
    }
