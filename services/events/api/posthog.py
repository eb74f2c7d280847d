"""PostHog's capture API, batches only."""

from typing import Any

from fastapi import APIRouter, Request, Response

from services.events.api.examples import INGEST, takes
from services.events.api.intake import answer, intake_of, read
from services.events.domain.envelope import read_batch
from services.events.domain.forms.posthog import messages_of
from shared.plumbing import json

EXAMPLE: dict[str, Any] = {
    "api_key": "cwritekey",
    "batch": [{"event": "purchase", "distinct_id": "ann", "properties": {"price": 23.45}, "uuid": "m-1"}],
}


def posthog_routes() -> APIRouter:
    """`POST /batch/`, with and without the slash."""
    router = APIRouter(tags=["ingest (PostHog)"])
    for path in ("/batch/", "/batch"):
        router.add_api_route(
            path,
            _take,
            methods=["POST"],
            summary="Many events (PostHog)",
            openapi_extra=takes(EXAMPLE),
            responses=INGEST,
        )
    return router


async def _take(request: Request) -> Response:
    intake = intake_of(request)
    envelope = read(read_batch, await intake.body(request))
    origin = await intake.origin(request, envelope)
    messages = [message for raw in envelope.messages for message in _translated(raw)]
    return answer(await intake.ingest.take(messages, origin, is_plain=False))


def _translated(raw: bytes) -> list[bytes]:
    try:
        return [json.dumps(message) for message in messages_of(json.loads(raw))]
    except json.JsonError:
        return [raw]
