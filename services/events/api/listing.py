"""`GET /v1/events`: what is stored. `GET /v1/lag`: how much of it has not had its full effect yet."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.events.api.examples import answers
from services.events.store.listing import Place
from shared.plumbing.auth import Reader
from shared.plumbing.http import JsonResponse, ListedRoute
from shared.plumbing.instants import in_utc
from shared.plumbing.pages import Cursor, Limit, read_cursor

EVENT = {
    "message_id": "order-1001", "source": "web", "type": "track", "name": "Order Completed", "user_id": "ann",
    "anonymous_id": "device-7", "previous_id": None, "profile_id": "01940000-0000-7000-8000-000000000001",
    "timestamp": "2026-11-20T10:15:00Z", "original_timestamp": "2026-11-20T10:15:01Z", "sent_at": "2026-11-20T10:15:02Z",
    "received_at": "2026-11-20T10:15:01Z", "imported": False, "properties": {"order_id": "1001", "total": 20.50},
    "traits": {}, "context": {}, "identifiers": {},
}  # fmt: skip
Text = Annotated[str | None, Query(min_length=1, max_length=512)]


def listing_routes() -> APIRouter:
    """Both."""
    router = APIRouter(route_class=ListedRoute, tags=["events"])

    @router.get(
        "/v1/events",
        summary="What is stored, newest first by `timestamp`",
        dependencies=[Reader],
        responses=answers({"items": [EVENT], "next": None}),
    )
    async def events(
        request: Request,
        profile_id: Annotated[UUID | None, Query(description="And all profiles that became one with it")] = None,
        user_id: Text = None,
        anonymous_id: Text = None,
        name: Text = None,
        message_id: Text = None,
        source: Text = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        given = {
            "user_id": user_id,
            "anonymous_id": anonymous_id,
            "name": name,
            "message_id": message_id,
            "source": source,
        }
        return JsonResponse(
            await request.app.state.listing.page(
                profile_id=profile_id,
                equal={column: value for column, value in given.items() if value is not None},
                before=read_cursor(cursor, lambda c: Place(in_utc(datetime.fromisoformat(c[0])), int(c[1]), int(c[2]))),
                limit=limit,
            )
        )

    @router.get(
        "/v1/lag",
        summary="How much has not had its full effect yet, and for how many seconds",
        description="503 while a service is out of reach (`out_of_reach` names it): `events` and `seconds` of that answer count "
        "what waits for it at least.",
        dependencies=[Reader],
        responses=answers({"events": 0, "seconds": 0}) | {503: {"description": "A service is out of reach"}},
    )
    async def lag(request: Request) -> Response:
        return JsonResponse(await request.app.state.lag.measure())

    return router
