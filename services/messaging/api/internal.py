"""Routes for the other services: the feed of outcomes, progress, which campaigns use a segment."""

from fastapi import APIRouter, Request, Response

from services.messaging.api.campaigns import frame_of
from services.messaging.service.journeys import journeys_on
from services.messaging.store import catalogue, lists
from shared.plumbing.auth import Internal
from shared.plumbing.http import ExactRoute, JsonResponse
from shared.plumbing.internal import parked_routes, see_progress

router = APIRouter(route_class=ExactRoute, include_in_schema=False, dependencies=[Internal])


@router.get("/internal/progress")
async def progress(request: Request) -> Response:
    """How far messaging is, in one snapshot: whatever the cursors have passed is pending, or done."""
    frame = frame_of(request)
    async with frame.db.snapshot() as tx:
        answer = await see_progress(tx, "messaging", {"changes": "segments", "resolved": "profiles"})
        # The time is of after the snapshot: what was due at once when it was written down would else not be due yet.
        pending, since = await lists.read_pending(tx, frame.clock.now())
    return JsonResponse(answer | {"pending": pending, "oldest_pending_at": since})


@router.get("/internal/segments/{key}/uses")
async def uses(request: Request, key: str) -> Response:
    """The campaigns that a segment triggers, and the journeys that name it."""
    db = frame_of(request).db
    journeys = [f"{one} (journey)" for one in await journeys_on(db, key)]
    return JsonResponse({"campaigns": [*await catalogue.campaigns_on(db, key), *journeys]})


ROUTERS = (router, parked_routes(lambda request: frame_of(request).parked))
