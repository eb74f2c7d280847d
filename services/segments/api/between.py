"""Between the deployment's own services: how far this one is, a profile's segments, one segment."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.segments.api.desk import desk_of
from services.segments.service.catalogue import get_segment
from services.segments.store.memberships import segments_of
from services.segments.store.profiles import find_profile
from shared.plumbing.auth import Internal
from shared.plumbing.http import JsonResponse
from shared.plumbing.internal import read_progress


def internal_routes() -> APIRouter:
    """`GET /internal/progress`, `/internal/profiles/{id}/segments`, `/internal/segments/{key}`."""
    router = APIRouter(include_in_schema=False)

    @router.get("/internal/progress", dependencies=[Internal])
    async def progress(request: Request) -> Response:
        return JsonResponse(await read_progress(desk_of(request).db, "segments", {"resolved": "profiles"}))

    @router.get("/internal/profiles/{profile_id}/segments", dependencies=[Internal])
    async def of_profile(request: Request, profile_id: UUID) -> Response:
        db = desk_of(request).db
        async with db.snapshot() as tx:
            profile = await find_profile(tx, profile_id)
        found = [] if profile is None else await segments_of(db, profile.id)
        items = [{"key": segment.key, "name": segment.name, "entered_at": segment.entered_at} for segment in found]
        return JsonResponse({"items": items})

    @router.get("/internal/segments/{key}", dependencies=[Internal])
    async def segment(request: Request, key: str) -> Response:
        async with desk_of(request).db.snapshot() as tx:
            found = await get_segment(tx, key)
        return JsonResponse({"id": found.id, "key": found.key, "name": found.name})

    return router
