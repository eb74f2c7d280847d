"""Between the deployment's own services: which keys are good, how far this one is."""

from fastapi import APIRouter, Request, Response

from services.events.service.lag import own_progress
from shared.plumbing.auth import Internal
from shared.plumbing.http import JsonResponse
from shared.schemas.keys import ApiKeys


def internal_routes() -> APIRouter:
    """`GET /internal/keys`, `GET /internal/progress`."""
    router = APIRouter(include_in_schema=False)

    @router.get("/internal/keys", dependencies=[Internal])
    async def keys(request: Request) -> Response:
        return JsonResponse(ApiKeys(keys=tuple(await request.app.state.key_list.good_api_keys())))

    @router.get("/internal/progress", dependencies=[Internal])
    async def progress(request: Request) -> Response:
        return JsonResponse(await own_progress(request.app.state.frame.db))

    return router
