"""Before anybody is written to: who would be, and who would have been."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.messaging.api import docs
from services.messaging.api.campaigns import REFUSALS, frame_of
from services.messaging.service import catalogue
from services.messaging.service.backtesting import Backtest
from services.messaging.service.rehearsing import DryRun
from services.messaging.service.replayable import read_since, to_replay
from services.messaging.store.catalogue import to_campaign
from shared.plumbing.auth import Reader
from shared.plumbing.errors import TooBusy
from shared.plumbing.http import JsonResponse, ListedRoute
from shared.plumbing.instants import Instant
from shared.plumbing.pages import encode_cursor, read_cursor

router = APIRouter(route_class=ListedRoute, tags=["campaigns"])
MOST_AT_ONCE = 2
"""In a process: each may go through a hundred thousand people, and sending goes on beside it."""
BUSY = {429: "Two are under way in this process already; try again after `Retry-After`"}
AWAY = {503: "Segments or profiles can't be asked now; try again after `Retry-After`"}


@asynccontextmanager
async def _turn(request: Request) -> AsyncIterator[None]:
    """Raises TooBusy where so many are under way already."""
    turns: asyncio.Semaphore = request.app.state.rehearsals
    if turns.locked():
        raise TooBusy(
            "Dry runs or backtests are under way; one of them ends within half a minute or so.", retry_after=10
        )
    async with turns:
        yield


class Rehearsed(BaseModel):
    """`limit`: how many members to look at, at most. `cursor`: `next` of the answer before."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=1000, ge=1, le=10_000)
    cursor: str | None = None


@router.post(
    "/v1/campaigns/{key}/dry-run",
    summary="Who of the segment would get it and who not, each with the reason",
    dependencies=[Reader],
    responses=docs.answers(
        docs.DRY_RUN_SHOWN,
        also={404: REFUSALS[404], 422: "An event triggers it: see the backtest"} | BUSY | AWAY,
    ),
)
async def dry_run(
    request: Request,
    key: str,
    body: Annotated[Rehearsed | None, Body(openapi_examples={"some": {"value": docs.DRY_RUN}})] = None,
) -> Response:
    """Decided for the members of now as if the campaign ran and each of them were its trigger: by the consents, suppressions, caps
    and templates of now, at the time of day of `as_of` (now, or the broadcast's time, plus `delay`), with a local time at that of the person. Nothing is written or sent.

    `decisions` and `reasons` count those that were looked at: `looked_at` of `of`. `next` is where to go on, null at the end. It
    looks for half a minute at most.
    """
    asked, state, frame = body or Rehearsed(), request.app.state, frame_of(request)
    cursor = read_cursor(asked.cursor, str)
    campaign = to_campaign(await catalogue.get_campaign(frame.db, key))
    run = DryRun(frame.db, state.segments, state.profiles, state.speech)
    async with _turn(request):
        found = await run.run(campaign, now=frame.clock.now(), limit=asked.limit, cursor=cursor)
    return JsonResponse(found | {"next": encode_cursor(found["next"]) if found["next"] else None})


class Backtested(BaseModel):
    """`campaign`: a definition as `POST /v1/campaigns` takes it, or the key of a campaign. `since`: an instant, or how long before
    `until`; `until`: now, if it is left out."""

    model_config = ConfigDict(extra="forbid")

    campaign: str | dict[str, Any]
    since: str
    until: Instant | None = None


@router.post(
    "/v1/campaigns/backtest",
    summary="What a campaign would have done in a time that is over",
    dependencies=[Reader],
    responses=docs.answers(
        docs.BACKTEST_SHOWN,
        also={404: REFUSALS[404], 422: "It is no campaign, or the time is not over, or longer than 400 days"}
        | BUSY
        | AWAY,
    ),
)
async def backtest(
    request: Request, body: Annotated[Backtested, Body(openapi_examples={"the last 30 days": {"value": docs.BACKTEST}})]
) -> Response:
    """Replays what happened through the same trigger and the same decision as if the campaign had run all that time, with the caps
    that it would itself have filled. Nothing is written or sent.

    `days` (in UTC): how many would have been messaged on each; `per_person`: how often one person; `sample`: up to 20 for each reason;
    `waited`: how many were deferred before, by reason; `deferred` is who still waited at the end. `assumptions` says what is not as
    it was then. It ends after half a minute or 100,000 triggers: then `complete` is false, and `until` how far it came. An event
    trigger, an entry or exit, or a broadcast at a time that is over can be replayed.
    """
    state, frame = request.app.state, frame_of(request)
    until = body.until or frame.clock.now()
    since = read_since(body.since, until, now=frame.clock.now())
    campaign = await to_replay(frame.db, state.segments, body.campaign, since=since, until=until)
    run = Backtest(frame.db, state.events, state.segments, state.profiles, state.speech)
    async with _turn(request):
        found = await run.run(campaign, since=since, until=until)
    return JsonResponse(found)
