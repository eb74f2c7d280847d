"""Routes between services and for operators that are the same everywhere: the feed, progress, what was parked."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from shared.plumbing.auth import Admin, Internal, Reader
from shared.plumbing.db import Database
from shared.plumbing.errors import NotFound
from shared.plumbing.http import ExactRoute, JsonResponse
from shared.plumbing.json import Raw
from shared.plumbing.pages import Cursor, Limit, page, read_cursor
from shared.plumbing.reader import Apply, apply_parked


class Cursors(BaseModel):
    """Sequence numbers by lane."""

    cursors: dict[int, int]


def feed_route(request_model: type[Any]) -> APIRouter:
    """`POST /internal/feed`; `request_model` has consumer, cursors, limit, wait. `POST /internal/oldest` of cursors alone."""
    router = APIRouter(route_class=ExactRoute, include_in_schema=False)

    async def pull(request: Request, body: Any) -> Response:
        items = await request.app.state.frame.feed.pull(body.consumer, body.cursors, limit=body.limit, wait=body.wait)
        answer = [{"lane": i.lane, "seq": i.seq, "message": Raw(i.message.encode())} for i in items]
        return JsonResponse({"items": answer})

    pull.__annotations__["body"] = request_model
    router.post("/internal/feed", dependencies=[Internal])(pull)

    @router.post("/internal/oldest", dependencies=[Internal])
    async def oldest(request: Request, body: Cursors) -> Response:
        return JsonResponse({"written_at": await request.app.state.frame.feed.oldest(body.cursors)})

    return router


def parked_routes(applies: Callable[[Request], Mapping[str, Apply]]) -> APIRouter:
    """`GET /v1/parked`, `POST /v1/parked/{id}/retry`. `applies` gives the use case of each feed by its name."""
    router = APIRouter(route_class=ExactRoute, tags=["parked"])

    @router.get("/v1/parked", summary="Messages that could not be taken in, with their reason", dependencies=[Reader])
    async def list_parked(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
        after = read_cursor(cursor, UUID)
        rows = await request.app.state.frame.db.fetch(
            """SELECT id, feed, seq, lane, profile_id, message, reason, tries, parked_at FROM parked
               WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2""",
            after,
            limit + 1,
        )
        return JsonResponse(page(rows, limit=limit, item=dict, cursor=lambda row: row["id"]))

    @router.post("/v1/parked/{parked_id}/retry", summary="Try a parked message again", dependencies=[Admin])
    async def retry_parked(request: Request, parked_id: UUID) -> Response:
        db: Database = request.app.state.frame.db
        feed = await db.fetchval("SELECT feed FROM parked WHERE id = $1", parked_id)
        apply = applies(request).get(feed)
        if apply is None or not await apply_parked(db, parked_id=parked_id, apply=apply):
            raise NotFound("There is no such parked message.")
        request.app.state.frame.wake.hint()
        return JsonResponse({"id": parked_id, "status": "done"})

    return router


async def read_progress(db: Database, service: str, feeds: Mapping[str, str]) -> dict[str, Any]:
    """How far a service is, in one snapshot. `feeds`: provider's name by the name of the work that reads it."""
    async with db.snapshot() as tx:
        heads = await tx.fetch("SELECT lane, seq FROM lane_heads")
        rows = await tx.fetch("SELECT work, lane, cursor FROM work_lanes WHERE work = ANY($1::text[])", list(feeds))
        told = await tx.fetch("SELECT consumer, lane, seq FROM feed_readers")
    cursors: dict[str, dict[str, int]] = {provider: {} for provider in feeds.values()}
    for row in rows:
        cursors[feeds[row["work"]]][str(row["lane"])] = row["cursor"]
    readers: dict[str, dict[str, int]] = {}
    for row in told:
        readers.setdefault(row["consumer"], {})[str(row["lane"])] = row["seq"]
    lanes = {str(row["lane"]): row["seq"] for row in heads}
    return {"service": service, "heads": lanes, "cursors": cursors, "readers": readers}
