"""Journeys: several campaigns, one after the other, as people go along."""

from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Query, Request, Response

from services.messaging.api import docs
from services.messaging.api.campaigns import AWAY, JsonBody, frame_of
from services.messaging.api.campaigns import shown as shown_campaign
from services.messaging.api.journey_docs import JOURNEY, JOURNEY_SHOWN, REPORT, RUN, VERSION
from services.messaging.service import journeys
from services.messaging.store import journeys as store
from services.messaging.store.lists import find_current
from services.messaging.store.runs import list_runs
from shared.language.exact import as_given
from shared.plumbing.auth import Reader, Writer
from shared.plumbing.http import JsonResponse, ListedRoute
from shared.plumbing.pages import Cursor, Limit, page, read_cursor

router = APIRouter(route_class=ListedRoute, tags=["journeys"])
REFUSALS = {404: "There is no such journey", 422: "`errors` names each fault with its path"}
FIELDS = ("key", "entry", "steps")


def shown(row: asyncpg.Record) -> dict[str, Any]:
    """A journey as the API shows it: as campaigns are, with its version."""
    return shown_campaign(row) | {"version": row["version"]}


def _shown_version(row: asyncpg.Record) -> dict[str, Any]:
    return dict(row) | {"definition": as_given(row["definition"])}


@router.post(
    "/v1/journeys",
    status_code=201,
    summary="Make a journey (a draft until it is started)",
    dependencies=[Writer],
    openapi_extra=docs.body(JOURNEY, FIELDS),
    responses=docs.answers(JOURNEY_SHOWN, status=201, also={409: "The key is taken", 422: REFUSALS[422]} | AWAY),
)
async def create(request: Request, body: JsonBody) -> Response:
    """`entry`: `{"segment", "on": "entered" | "left", "causes"?}` or `{"event", "where"?}`. `steps`: a list of

    `{"send": campaign}`, `{"wait": D}`, `{"wait_until": "09:00", "days"?}`, `{"wait_for": {"event", "where"?} | {"segment", "on"},
    "at_most": D, "then"?: steps, "else"?: steps}`, `{"branch": [{"if": {"segment"} | {"trait", "op", "value"}, "steps"}],
    "else"?: steps}`, `{"exit": true}`.

    `instance`: the path of a property of the entering event: a run for each of its values, of which only events with the same
    value are heard. `reentry`: `once` (default), `always` or a duration. `exit_on` and `goal`, `{"event", "where"?}`, and
    `leave_with_segment` end a run; what it has not sent by then is skipped (`journey_exited`).
    """
    frame, segments = frame_of(request), request.app.state.segments
    return JsonResponse(shown(await journeys.create_journey(frame.db, segments, body, at=frame.clock.now())), 201)


@router.get("/v1/journeys", summary="All journeys, by key", dependencies=[Reader], responses=docs.items(JOURNEY_SHOWN))
async def list_all(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
    rows = await store.list_journeys(frame_of(request).db, after=read_cursor(cursor, str), limit=limit + 1)
    return JsonResponse(page(rows, limit=limit, item=shown, cursor=lambda row: row["key"]))


@router.get(
    "/v1/journeys/{key}",
    summary="One journey",
    dependencies=[Reader],
    responses=docs.answers(JOURNEY_SHOWN, also={404: REFUSALS[404]}),
)
async def get_one(request: Request, key: str) -> Response:
    return JsonResponse(shown(await journeys.get_journey(frame_of(request).db, key)))


@router.put(
    "/v1/journeys/{key}",
    summary="Make a new version, for those who enter from now on",
    dependencies=[Writer],
    openapi_extra=docs.body(JOURNEY, FIELDS),
    responses=docs.answers(JOURNEY_SHOWN, also=REFUSALS | AWAY),
)
async def replace(request: Request, key: str, body: JsonBody) -> Response:
    """Whoever is inside walks on by the version with which they entered."""
    frame, segments = frame_of(request), request.app.state.segments
    return JsonResponse(shown(await journeys.replace_journey(frame.db, segments, key, body, at=frame.clock.now())))


@router.delete(
    "/v1/journeys/{key}",
    status_code=204,
    summary="Delete a journey; whoever is inside leaves it",
    dependencies=[Writer],
    responses={404: {"description": REFUSALS[404]}, 409: {"description": "It sends a campaign, which goes first"}},
)
async def delete(request: Request, key: str) -> Response:
    frame = frame_of(request)
    await journeys.delete_journey(frame.db, key, at=frame.clock.now())
    frame.wake.hint()
    return Response(status_code=204)


@router.post(
    "/v1/journeys/{key}/start",
    summary="Bring people in from now on, and let those inside go on",
    dependencies=[Writer],
    responses=docs.answers(JOURNEY_SHOWN, also=REFUSALS),
)
async def start(request: Request, key: str) -> Response:
    """Every campaign that it sends must run. Waits that were over during a pause are over."""
    frame = frame_of(request)
    row = await journeys.start_journey(frame.db, key, at=frame.clock.now())
    frame.wake.hint()
    return JsonResponse(shown(row))


@router.post(
    "/v1/journeys/{key}/pause",
    summary="Nobody enters, moves or is sent anything until it is started again",
    dependencies=[Writer],
    responses=docs.answers(JOURNEY_SHOWN | {"status": "paused"}, also={404: REFUSALS[404]}),
)
async def pause(request: Request, key: str) -> Response:
    """Who is inside stays where they are. Messages on their way are `deferred` with `journey_paused`. What ends a run still does."""
    frame = frame_of(request)
    return JsonResponse(shown(await journeys.pause_journey(frame.db, key, at=frame.clock.now())))


@router.get(
    "/v1/journeys/{key}/report",
    summary="How many are where, and why the others left",
    dependencies=[Reader],
    responses=docs.answers(REPORT, also={404: REFUSALS[404]}),
)
async def report(request: Request, key: str) -> Response:
    """Of each step, how many came to it (`reached`) and how many are there now (`here`). What became of the messages, and whether they
    helped, say the reports of the campaigns."""
    db = frame_of(request).db
    return JsonResponse(await journeys.report_on_journey(db, await journeys.get_journey(db, key)))


@router.get(
    "/v1/journeys/{key}/versions",
    summary="All that it ever was, the newest first",
    dependencies=[Reader],
    responses=docs.items(VERSION),
)
async def versions(request: Request, key: str, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """People walk by the version with which they entered."""
    db = frame_of(request).db
    row = await journeys.get_journey(db, key)
    found = await store.list_versions(db, row["id"], before=read_cursor(cursor, int), limit=limit + 1)
    return JsonResponse(page(found, limit=limit, item=_shown_version, cursor=lambda one: one["version"]))


@router.get(
    "/v1/journeys/{key}/runs",
    summary="Where people are, who entered last first",
    dependencies=[Reader],
    responses=docs.items(RUN),
)
async def runs(
    request: Request,
    key: str,
    profile_id: Annotated[
        UUID | None, Query(description="Only of this profile; a merged one leads to its survivor")
    ] = None,
    walking: Annotated[bool | None, Query(description="Only those who are inside, or who are not any more")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """`step`: the path of the step where they are, in the steps of their `version`; `since` when; `next_at`: when they go on at
    the latest. `path`: the steps that they have reached.

    `reason` of those who left: `finished`, `exit`, `goal`, `exit_event`, `not_qualified`, `merged`, `deleted`, `internal_error`.
    """
    db = frame_of(request).db
    row = await journeys.get_journey(db, key)
    found = await list_runs(
        db,
        row["id"],
        profile_id=None if profile_id is None else await find_current(db, profile_id),
        walking=walking,
        after=read_cursor(cursor, lambda value: UUID(str(value))),
        limit=limit + 1,
    )
    return JsonResponse(page(found, limit=limit, item=_run, cursor=lambda one: one["id"]))


def _run(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "id": row["id"],
        "profile_id": row["profile_id"],
        "user_id": row["user_id"],
        "version": row["version"],
        "instance": row["instance"] or None,
        "entered_at": row["entered_at"],
        "step": row["place"] if row["ended_at"] is None else None,
        "since": row["since"],
        "next_at": row["next_at"],
        "ended_at": row["ended_at"],
        "reason": row["reason"],
        "path": [{"step": step, "at": at} for step, at in row["path"]],
    }
