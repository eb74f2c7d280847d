"""Between the deployment's own services: how far this one is, a profile's segments, a segment's members."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.segments.api.desk import desk_of
from services.segments.api.membership import members_now_or_then
from services.segments.service.catalogue import get_segment
from services.segments.store.catalogue import is_built
from services.segments.store.changes import changes_between
from services.segments.store.memberships import segment_keys_of, segments_of, sizes
from services.segments.store.profiles import find_current, find_profile
from shared.plumbing.auth import Internal
from shared.plumbing.http import JsonResponse, read_body
from shared.plumbing.internal import read_progress
from shared.plumbing.pages import Cursor, Limit
from shared.schemas.history import ChangesRequest
from shared.schemas.membership_question import Belonging, MembershipsAnswer, MembershipsRequest


def internal_routes() -> APIRouter:
    """`GET /internal/progress`, `/internal/profiles/{id}/segments`, `/internal/memberships`, `/internal/segments/{key}` and its
    `/members` and `/changes`."""
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

    @router.post("/internal/memberships", dependencies=[Internal])
    async def of_profiles(request: Request) -> Response:
        asked = await read_body(request, MembershipsRequest.read)
        async with desk_of(request).db.snapshot() as tx:
            current = await find_current(tx, asked.profile_ids)
            keys = await segment_keys_of(tx, current.values())
        items = [Belonging(profile_id=first, segments=keys.get(now, ())) for first, now in current.items()]
        return JsonResponse(MembershipsAnswer(items=tuple(items)))

    @router.get("/internal/segments/{key}", dependencies=[Internal])
    async def size(request: Request, key: str) -> Response:
        db = desk_of(request).db
        segment = await get_segment(db, key)
        return JsonResponse({"key": key, "size": (await sizes(db, [segment.id])).get(segment.id, 0)})

    @router.get("/internal/segments/{key}/members", dependencies=[Internal])
    async def members(
        request: Request, key: str, at: datetime | None = None, limit: Limit = 100, cursor: Cursor = None
    ) -> Response:
        db = desk_of(request).db
        found = await members_now_or_then(db, key, at, limit=limit, cursor=cursor)
        return JsonResponse(found | {"complete": await is_built(db, key)})

    @router.post("/internal/segments/{key}/changes", dependencies=[Internal])
    async def changes(request: Request, key: str) -> Response:
        part, db = await read_body(request, ChangesRequest.read), desk_of(request).db
        segment = await get_segment(db, key)
        return JsonResponse(await changes_between(db, segment.id, key, part))

    return router
