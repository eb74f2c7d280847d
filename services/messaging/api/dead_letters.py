"""Messages that never arrived, as far as anybody knows: looked at, and sent after all."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.messaging.api import docs
from services.messaging.api.campaigns import frame_of
from services.messaging.api.history import Asked, list_of
from services.messaging.store import dead_letters, lists
from shared.plumbing.auth import Reader, Writer
from shared.plumbing.http import JsonResponse, ListedRoute

router = APIRouter(route_class=ListedRoute, tags=["decisions"])
AT_ONCE = 1_000
SHOWN = docs.DECISION | {
    "decision": "failed",
    "reason": "provider_error",
    "facts": {"answer": "550 5.7.1", "attempts": 1},
}


@router.get(
    "/v1/dead-letters",
    summary="Messages that failed, or of which nobody knows whether they arrived, the newest first",
    dependencies=[Reader],
    responses=docs.items(SHOWN),
)
async def dead(request: Request, asked: Annotated[Asked, Depends()]) -> Response:
    """`decision`: `failed` (nobody got it) or `unknown` (somebody may have)."""
    return await list_of(request, asked, lists.list_decisions, dict, decisions=dead_letters.DEAD)


class Redrive(BaseModel):
    """Which: `ids` of dead letters, or all of a `campaign`. `unknown`: also those that may have arrived, and come a second time."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[UUID], Field(min_length=1, max_length=AT_ONCE)] | None = None
    campaign: str | None = None
    unknown: bool = False


@router.post(
    "/v1/dead-letters/redrive",
    status_code=202,
    summary="Decide and send them after all",
    dependencies=[Writer],
    responses=docs.answers({"redriven": 1, "more": False}, status=202),
)
async def redrive(
    request: Request,
    body: Annotated[Redrive, Body(openapi_examples={"of a campaign": {"value": {"campaign": "win-back"}}})],
) -> Response:
    """Each is decided anew, by the consents, caps and suppressions of now, as if it were due now; its campaign must be running.

    At most 1,000 at once, the oldest first; `more` says that there are more. Without `ids` and `campaign`: of all campaigns.
    """
    frame = frame_of(request)
    decisions = dead_letters.DEAD if body.unknown else ("failed",)
    found = await dead_letters.find_dead(
        frame.db, campaign=body.campaign, ids=body.ids, decisions=decisions, limit=AT_ONCE + 1
    )
    now = frame.clock.now()
    done = await frame.db.run(lambda tx: dead_letters.redrive(tx, found[:AT_ONCE], decisions=decisions, now=now))
    frame.wake.hint()
    return JsonResponse({"redriven": len(done), "more": len(found) > AT_ONCE}, 202)
