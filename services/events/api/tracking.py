"""The tracking spec: one message a request, batches, history."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.routing import BaseRoute, Route

from services.events.api import examples
from services.events.api.examples import INGEST, takes
from services.events.api.intake import answer, intake_of, read
from services.events.domain.envelope import read_batch, read_single
from services.events.domain.usual import read_usual

Handler = Callable[..., Awaitable[Response]]

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

    def add(path: str, handler: Handler, summary: str, example: Any) -> None:
        router.add_api_route(
            path, handler, methods=["POST"], summary=summary, openapi_extra=takes(example), responses=INGEST
        )

    for path in BATCHES:
        add(path, _batch(imported=False), "Many messages", examples.BATCH)
    for kind, paths in SINGLE.items():
        for path in (*paths, f"/api/public/apps/{kind}"):
            add(path, _single(kind), f"One {kind} message", examples.SINGLE[kind])
    add(
        "/v1/import",
        _batch(imported=True),
        "History: changes profiles and segments, triggers no campaign",
        examples.BATCH,
    )
    for path in ("/api/s/{kind}", "/api/s/s2s/{kind}"):
        add(path, _take_jitsu, "One message (Jitsu)", examples.SINGLE["track"])
    return router


def straight_routes() -> list[BaseRoute]:
    """What comes most, to be looked for first: the same handlers, without what FastAPI does around each, which costs as
    much as reading ten messages. The routes above describe them."""
    batches = [Route(path, _batch(imported=False), methods=["POST"]) for path in BATCHES]
    singles = [Route(path, _single(kind), methods=["POST"]) for kind, paths in SINGLE.items() for path in paths]
    return [*batches, *singles]


def _single(kind: str) -> Handler:
    async def take_single(request: Request) -> Response:
        intake = intake_of(request)
        envelope = read(read_single, await intake.body(request))
        origin = await intake.origin(request, envelope)
        return answer(await intake.ingest.take(envelope.messages, origin, is_plain=envelope.is_plain, path_type=kind))

    return take_single


def _batch(*, imported: bool) -> Handler:
    async def take_batch(request: Request) -> Response:
        intake = intake_of(request)
        body = await intake.body(request)
        usual = read_usual(body)
        if usual is not None:
            origin = await intake.origin(request, usual, imported=imported)
            outcomes = await intake.ingest.take_usual(usual.batch, origin)
            if outcomes is not None:
                return answer(outcomes)
        envelope = read(read_batch, body)
        origin = await intake.origin(request, envelope, imported=imported)
        return answer(await intake.ingest.take(envelope.messages, origin, is_plain=envelope.is_plain))

    return take_batch


async def _take_jitsu(request: Request, kind: str) -> Response:
    """The path names the type, or the body where the path is a general one."""
    intake = intake_of(request)
    envelope = read(read_single, await intake.body(request))
    origin = await intake.origin(request, envelope)
    path_type = kind if kind in SINGLE else None
    return answer(await intake.ingest.take(envelope.messages, origin, is_plain=envelope.is_plain, path_type=path_type))
