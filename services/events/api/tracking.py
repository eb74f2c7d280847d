"""The tracking spec: one message a request, batches, history."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request, Response

from services.events.api.intake import answer, intake_of
from services.events.domain.envelope import Envelope, Unreadable, read_batch, read_single
from shared.plumbing.errors import Malformed

Handler = Callable[[Request], Awaitable[Response]]

SINGLE = {
    "track": ("/v1/track", "/v1/t"),
    "identify": ("/v1/identify", "/v1/i"),
    "page": ("/v1/page", "/v1/p"),
    "screen": ("/v1/screen", "/v1/s"),
    "group": ("/v1/group", "/v1/g"),
    "alias": ("/v1/alias", "/v1/a"),
}
BATCHES = ("/v1/batch", "/v1/b", "/beacon/v1/batch", "/api/public/apps/batch")


def tracking_routes() -> APIRouter:
    """All of them."""
    router = APIRouter(tags=["ingest"])
    for kind, paths in SINGLE.items():
        for path in paths:
            router.add_api_route(path, _single(kind), methods=["POST"], summary=f"One {kind} message")
    for path in BATCHES:
        router.add_api_route(path, _batch(imported=False), methods=["POST"], summary="Many messages")
    router.add_api_route("/v1/import", _batch(imported=True), methods=["POST"], summary="History: triggers no campaign")
    return router


def _single(kind: str) -> Handler:
    async def take_single(request: Request) -> Response:
        intake = intake_of(request)
        envelope = _read(read_single, await intake.body(request))
        origin = await intake.origin(request, envelope)
        return answer(await intake.ingest.take(envelope.messages, origin, is_plain=envelope.is_plain, path_type=kind))

    return take_single


def _batch(*, imported: bool) -> Handler:
    async def take_batch(request: Request) -> Response:
        intake = intake_of(request)
        envelope = _read(read_batch, await intake.body(request))
        origin = await intake.origin(request, envelope, imported=imported)
        return answer(await intake.ingest.take(envelope.messages, origin, is_plain=envelope.is_plain))

    return take_batch


def _read(read: Callable[[bytes], Envelope], body: bytes) -> Any:
    try:
        return read(body)
    except Unreadable as error:
        raise Malformed(str(error)) from error
