"""Messages that could not be used."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.events.api.examples import TRACK, answers, takes
from services.events.service.rejected import shown
from services.events.store.rejected import list_rejected
from shared.plumbing.auth import Reader, Writer
from shared.plumbing.errors import TooLarge
from shared.plumbing.http import JsonResponse, ListedRoute
from shared.plumbing.pages import Cursor, Limit, page, read_cursor

REJECTED = {
    "id": "01940000-0000-7000-8000-000000000001", "source": "web", "received_at": "2026-11-20T10:15:01Z", "type": None,
    "reason": "no_event_name", "detail": "A track message needs the event's name in `event`.", "message_id": "m-3",
    "user_id": "ann", "anonymous_id": None, "imported": False, "status": "rejected",
    "message": {"type": "track", "userId": "ann", "messageId": "m-3"},
}  # fmt: skip
RETRIED = {"id": REJECTED["id"], "status": "accepted", "message_id": "m-3"}
Text = Annotated[str | None, Query(min_length=1, max_length=512)]
Status = Literal["rejected", "accepted", "duplicate"]


def rejected_routes(*, max_body: int) -> APIRouter:
    """List, and try again."""
    router = APIRouter(route_class=ListedRoute, tags=["rejected"])

    @router.get(
        "/v1/rejected",
        summary="Messages that could not be used, with their reasons, newest first",
        dependencies=[Reader],
        responses=answers({"items": [REJECTED], "next": None}),
    )
    async def rejected(
        request: Request,
        status: Annotated[Status, Query(description="`accepted`, `duplicate`: taken in when tried again")] = "rejected",
        source: Text = None,
        reason: Text = None,
        user_id: Text = None,
        anonymous_id: Text = None,
        message_id: Text = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        rows = await list_rejected(
            request.app.state.frame.db,
            status=status,
            source=source,
            reason=reason,
            user_id=user_id,
            anonymous_id=anonymous_id,
            message_id=message_id,
            before=read_cursor(cursor, UUID),
            limit=limit + 1,
        )
        return JsonResponse(page(rows, limit=limit, item=shown, cursor=lambda row: row["id"]))

    @router.post(
        "/v1/rejected/{rejected_id}/retry",
        summary="Try a rejected message again, as it is or edited (the body)",
        dependencies=[Writer],
        openapi_extra=takes(TRACK, required=False),
        responses=answers(RETRIED, "What became of it: accepted, duplicate, or still rejected with a reason"),
    )
    async def retry(request: Request, rejected_id: UUID) -> Response:
        edited = await request.body()
        if len(edited) > max_body:
            raise TooLarge(f"A message may have {max_body} bytes here.")
        return JsonResponse(await request.app.state.rejected.retry(rejected_id, edited if edited.strip() else None))

    return router
