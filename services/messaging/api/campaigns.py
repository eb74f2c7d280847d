"""Campaigns: who is told what, and when."""

from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Body, Request, Response

from services.messaging.api import docs
from services.messaging.service import catalogue
from services.messaging.service.progress import progress_of
from services.messaging.service.reports import report_on
from services.messaging.store import catalogue as store
from shared.language.exact import as_given
from shared.plumbing.app import Frame
from shared.plumbing.auth import Reader, Writer
from shared.plumbing.http import JsonResponse, ListedRoute
from shared.plumbing.pages import Cursor, Limit, page, read_cursor

router = APIRouter(route_class=ListedRoute, tags=["campaigns"])
JsonBody = Annotated[Any, Body()]
REFUSALS_OF_STATE = {404: "There is no such campaign", 409: "It was cancelled"}
REFUSALS = {404: "There is no such campaign", 422: "`errors` names each fault with its path"}
AWAY = {503: "Segments can't say now whether there is such a segment; try again after `Retry-After`"}
FIELDS = ("key", "trigger", "purpose")


def shown(row: asyncpg.Record) -> dict[str, Any]:
    """A campaign as the API shows it: as it was given, with its state. `started_at`: the last start."""
    state = {
        "id": row["id"],
        "status": row["status"],
        "started_at": row["runs"][-1][0] if row["runs"] else None,
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }
    return dict(as_given(row["definition"])) | state


def frame_of(request: Request) -> Frame:
    found: Frame = request.app.state.frame
    return found


@router.post(
    "/v1/campaigns",
    status_code=201,
    summary="Make a campaign (a draft until it is started)",
    dependencies=[Writer],
    openapi_extra=docs.body(docs.CAMPAIGN, FIELDS),
    responses=docs.answers(docs.CAMPAIGN_SHOWN, status=201, also={409: "The key is taken", 422: REFUSALS[422]} | AWAY),
)
async def create(request: Request, body: JsonBody) -> Response:
    """`trigger`: `{"segment", "on": "entered" | "left", "causes"?, "existing"?}`, `{"event", "where"?}`, a broadcast to everybody in a
    segment, `{"segment", "at"}`, or `{"segment", "local"}` by each person's own clock, or `{"journey"}`: whoever reaches a step of it
    that sends this campaign.

    The segment and the templates must exist.

    `template`, or `variants` with weights; `channel`: one of the template's, or `preferred` (the person's order, first that is
    consented to, not suppressed and has an address). `purpose`: `transactional` needs no consent and yields to no cap,
    holdout, quiet hours or contact window. `topic`: a person who set it to false is skipped (`topic_opt_out`).
    `when_capped`: `{"wait": "P3D"}` defers whom a frequency cap holds back to the first instant at which all caps allow it, if that is
    within this time of when it was first due; else, and without it, they are skipped.
    `reentry`: a person who was sent the message or held out from it is not again (`once`), is (`always`), or is after a time.
    """
    frame, segments = frame_of(request), request.app.state.segments
    return JsonResponse(shown(await catalogue.create_campaign(frame.db, segments, body, at=frame.clock.now())), 201)


@router.get(
    "/v1/campaigns", summary="All campaigns, by key", dependencies=[Reader], responses=docs.items(docs.CAMPAIGN_SHOWN)
)
async def list_all(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
    after = read_cursor(cursor, str)
    rows = await store.list_campaigns(frame_of(request).db, after=after, limit=limit + 1)
    return JsonResponse(page(rows, limit=limit, item=shown, cursor=lambda row: row["key"]))


@router.get(
    "/v1/campaigns/{key}",
    summary="One campaign",
    dependencies=[Reader],
    responses=docs.answers(docs.CAMPAIGN_SHOWN, also={404: REFUSALS[404]}),
)
async def get_one(request: Request, key: str) -> Response:
    return JsonResponse(shown(await catalogue.get_campaign(frame_of(request).db, key)))


@router.put(
    "/v1/campaigns/{key}",
    summary="Replace a campaign's definition; also what is due already is decided by it",
    dependencies=[Writer],
    openapi_extra=docs.body(docs.CAMPAIGN, FIELDS),
    responses=docs.answers(docs.CAMPAIGN_SHOWN, also=REFUSALS | REFUSALS_OF_STATE | AWAY),
)
async def replace(request: Request, key: str, body: JsonBody) -> Response:
    frame, segments = frame_of(request), request.app.state.segments
    return JsonResponse(shown(await catalogue.replace_campaign(frame.db, segments, key, body, at=frame.clock.now())))


@router.delete(
    "/v1/campaigns/{key}",
    status_code=204,
    summary="Delete a campaign; its decisions and deliveries stay",
    dependencies=[Writer],
    responses={404: {"description": REFUSALS[404]}},
)
async def delete(request: Request, key: str) -> Response:
    frame = frame_of(request)
    await catalogue.stop_campaign(frame.db, key, at=frame.clock.now(), status="deleted")
    frame.wake.hint()
    return Response(status_code=204)


@router.post(
    "/v1/campaigns/{key}/start",
    summary="Act on what happens from now on",
    dependencies=[Writer],
    responses=docs.answers(docs.CAMPAIGN_SHOWN, also=REFUSALS_OF_STATE),
)
async def start(request: Request, key: str) -> Response:
    frame = frame_of(request)
    row = await catalogue.start_campaign(frame.db, key, at=frame.clock.now())
    frame.wake.hint()
    return JsonResponse(shown(row))


@router.post(
    "/v1/campaigns/{key}/pause",
    summary="Say nothing more until it is started again",
    dependencies=[Writer],
    responses=docs.answers(docs.CAMPAIGN_SHOWN | {"status": "paused"}, also=REFUSALS_OF_STATE),
)
async def pause(request: Request, key: str) -> Response:
    """What comes due while a campaign is paused is skipped with `campaign_not_running`, and so is what happens then. A broadcast
    only waits: who has not been told is when it is started again."""
    frame = frame_of(request)
    row = await catalogue.stop_campaign(frame.db, key, at=frame.clock.now())
    frame.wake.hint()
    return JsonResponse(shown(row))


@router.post(
    "/v1/campaigns/{key}/cancel",
    summary="Say nothing more, for good",
    dependencies=[Writer],
    responses=docs.answers(
        docs.CAMPAIGN_SHOWN | {"status": "cancelled"}, also={404: REFUSALS[404], 409: "It was never started"}
    ),
)
async def cancel(request: Request, key: str) -> Response:
    """What is not sent by then is skipped with `cancelled`; the answer comes when all of it is. What a provider was given is
    awaited. It cannot be started again."""
    frame = frame_of(request)
    row = await catalogue.cancel_campaign(frame.db, key, at=frame.clock.now())
    frame.wake.hint()
    return JsonResponse(shown(row))


@router.get(
    "/v1/campaigns/{key}/progress",
    summary="How far it is: of everybody it is for, who has an outcome, and who has none yet",
    dependencies=[Reader],
    responses=docs.answers(docs.PROGRESS, also={404: REFUSALS[404]}),
)
async def progress(request: Request, key: str) -> Response:
    """Exact: `outcomes` (final decisions) and `remaining` add up to `taken`, which is the `audience` once all members of the
    segment are taken; until then that is null, and `expected` says how many members there are now. `waiting`: what those
    wait for who remain: `due` (their turn), `sending` (a provider's answer), or the reason of a deferred decision."""
    db, segments = frame_of(request).db, request.app.state.segments
    return JsonResponse(await progress_of(db, segments, await catalogue.get_campaign(db, key)))


@router.get(
    "/v1/campaigns/{key}/report",
    summary="What became of its triggers, and whether it helped",
    dependencies=[Reader],
    responses=docs.answers(docs.REPORT, also={404: REFUSALS[404]}),
)
async def report(request: Request, key: str) -> Response:
    """`effect` compares people, those told with those held out: shares who did what the goal hopes for, `lift` (by which part
    the told are above the held out), revenue per person, each with a 95 % interval; `people_needed`: how many more it takes to
    show an effect of the size seen (0: it is shown; null: nothing can be said). Without a goal it is null.

    Conversions are counted once for each message: the first goal event within the goal's time after it was first due.
    `attributed`: what came after its messages by the model that is named, here the last touch. `messages`: to how many messages what
    happened; what only machines opened or clicked is counted apart.
    """
    db = frame_of(request).db
    return JsonResponse(await report_on(db, await catalogue.get_campaign(db, key)))
