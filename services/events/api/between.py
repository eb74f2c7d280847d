"""Between the deployment's own services: which keys are good, how far this one is, what somebody did."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.events.service.lag import own_progress
from services.events.service.listing import read_again, read_named
from shared.plumbing.auth import Internal
from shared.plumbing.http import JsonResponse, read_body
from shared.plumbing.pages import Limit
from shared.schemas.history import EventsRequest
from shared.schemas.keys import ApiKeys
from shared.schemas.replay import LogRequest


def internal_routes() -> APIRouter:
    """`GET /internal/keys`, `/internal/progress`, `/internal/profiles/{id}/events`, `POST /internal/log`, `/internal/events`."""
    router = APIRouter(include_in_schema=False)

    @router.get("/internal/keys", dependencies=[Internal])
    async def keys(request: Request) -> Response:
        return JsonResponse(ApiKeys(keys=tuple(await request.app.state.key_list.good_api_keys())))

    @router.get("/internal/progress", dependencies=[Internal])
    async def progress(request: Request) -> Response:
        return JsonResponse(await own_progress(request.app.state.frame.db))

    @router.get("/internal/profiles/{profile_id}/events", dependencies=[Internal])
    async def of_profile(request: Request, profile_id: UUID, limit: Limit = 100) -> Response:
        listing = request.app.state.listing
        return JsonResponse(await listing.page(profile_id=profile_id, equal={}, before=None, limit=limit))

    @router.post("/internal/log", dependencies=[Internal])
    async def part_of_log(request: Request) -> Response:
        part = await read_body(request, LogRequest.read)
        return JsonResponse({"items": await read_again(request.app.state.frame.db, part)})

    @router.post("/internal/events", dependencies=[Internal])
    async def named(request: Request) -> Response:
        part = await read_body(request, EventsRequest.read)
        return JsonResponse(await read_named(request.app.state.frame.db, part))

    return router
