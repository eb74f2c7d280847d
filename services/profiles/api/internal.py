"""Routes for the other services, and those that every service has."""

from fastapi import APIRouter, Request, Response

from services.profiles.service.reading import read_recipients
from services.profiles.service.resolve import WORK, applies
from shared.plumbing.auth import Internal
from shared.plumbing.http import ExactRoute, JsonResponse
from shared.plumbing.internal import feed_route, parked_routes, read_progress
from shared.schemas.feed import FeedRequest
from shared.schemas.recipients import RecipientsRequest

router = APIRouter(route_class=ExactRoute, include_in_schema=False, dependencies=[Internal])
feed = feed_route(FeedRequest)
parked = parked_routes(lambda request: applies(request.app.state.book))


@router.get("/internal/progress")
async def progress(request: Request) -> Response:
    """How far this service is with the raw log, and its own feed's heads."""
    return JsonResponse(await read_progress(request.app.state.frame.db, "profiles", {WORK: "events"}))


@router.post("/internal/recipients")
async def recipients(request: Request, body: RecipientsRequest) -> Response:
    """Who these people are now, and what they allow."""
    frame = request.app.state.frame
    return JsonResponse(await read_recipients(frame.db, body.profile_ids, now=frame.clock.now()))
