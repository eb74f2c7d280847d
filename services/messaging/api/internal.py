"""Routes for the other services: the feed of outcomes, progress, which campaigns use a segment."""

from fastapi import APIRouter, Request, Response

from services.messaging.api.campaigns import frame_of
from services.messaging.service.journeys import journeys_on
from services.messaging.store import catalogue, lists
from shared.plumbing.auth import Internal
from shared.plumbing.http import ExactRoute, JsonResponse
from shared.plumbing.internal import parked_routes, read_progress

router = APIRouter(route_class=ExactRoute, include_in_schema=False, dependencies=[Internal])


@router.get("/internal/progress")
async def progress(request: Request) -> Response:
    """How far messaging is. What is pending is read after the cursors: whatever they have passed is in it, or done."""
    frame = frame_of(request)
    answer = await read_progress(frame.db, "messaging", {"changes": "segments", "resolved": "profiles"})
    pending, since = await lists.read_pending(frame.db, frame.clock.now())
    return JsonResponse(answer | {"pending": pending, "oldest_pending_at": since})


@router.get("/internal/segments/{key}/uses")
async def uses(request: Request, key: str) -> Response:
    """The campaigns that a segment triggers, and the journeys that name it."""
    db = frame_of(request).db
    journeys = [f"{one} (journey)" for one in await journeys_on(db, key)]
    return JsonResponse({"campaigns": [*await catalogue.campaigns_on(db, key), *journeys]})


ROUTERS = (router, parked_routes(lambda request: frame_of(request).parked))
