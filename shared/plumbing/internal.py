"""Routes between services and for operators that are the same everywhere: the feed, progress, what was parked."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request, Response
from starlette.routing import Route

from shared.plumbing.auth import Admin, Reader, check_internal
from shared.plumbing.db import Connection, Database
from shared.plumbing.errors import NotFound
from shared.plumbing.feed import FeedServer
from shared.plumbing.http import JsonResponse, ListedRoute, read_body
from shared.plumbing.json import Raw
from shared.plumbing.pages import Cursor, Limit, page, read_cursor
from shared.plumbing.reader import Apply, apply_parked


class Cursors(msgspec.Struct):
    """Sequence numbers by lane."""

    cursors: dict[int, int]


class Asked(Protocol):
    """What a consumer asks for: what comes after these cursors."""

    @property
    def consumer(self) -> str: ...
    @property
    def cursors(self) -> Mapping[int, int]: ...
    @property
    def limit(self) -> int: ...
    @property
    def wait(self) -> float: ...
    @property
    def linger(self) -> float: ...


def feed_routes(read: Callable[[bytes], Asked]) -> Sequence[Route]:
    """`POST /internal/feed`; `read` reads its body. `POST /internal/oldest` of cursors alone.

    Plain routes: they are asked many times a second, and what the framework does around a route takes as long again.
    """

    async def pull(request: Request) -> Response:
        check_internal(request)
        asked = await read_body(request, read)
        feed: FeedServer = request.app.state.frame.feed
        items = await feed.pull(asked.consumer, asked.cursors, limit=asked.limit, wait=asked.wait, linger=asked.linger)
        answer = [{"lane": i.lane, "seq": i.seq, "message": Raw(i.message.encode())} for i in items]
        return JsonResponse({"items": answer})

    async def oldest(request: Request) -> Response:
        check_internal(request)
        asked = await read_body(request, _read_cursors)
        return JsonResponse({"written_at": await request.app.state.frame.feed.oldest(asked.cursors)})

    return [
        Route("/internal/feed", pull, methods=["POST"], include_in_schema=False),
        Route("/internal/oldest", oldest, methods=["POST"], include_in_schema=False),
    ]


_read_cursors = msgspec.json.Decoder(Cursors).decode


def parked_routes(applies: Callable[[Request], Mapping[str, Apply]]) -> APIRouter:
    """`GET /v1/parked`, `POST /v1/parked/{id}/retry`. `applies` gives the use case of each feed by its name."""
    router = APIRouter(route_class=ListedRoute, tags=["parked"])

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
        return await see_progress(tx, service, feeds)


async def see_progress(tx: Connection, service: str, feeds: Mapping[str, str]) -> dict[str, Any]:
    """Likewise, as this snapshot sees it."""
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
