"""Segments: defined, edited, listed, deleted."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.security import HTTPAuthorizationCredentials

from services.segments.api.desk import Desk, desk_of
from services.segments.api.documents import DryRunShown, NewSegment, SegmentEdit, SegmentPage, SegmentShown, refusals
from services.segments.api.templates import filled, told
from services.segments.clients import campaigns_using
from services.segments.domain.lists import shown_condition
from services.segments.service.catalogue import (
    SegmentState,
    create_segment,
    delete_segment,
    edit_segment,
    get_segment,
    states_of,
)
from services.segments.service.dry_run import dry_run as try_edit
from services.segments.service.met import read_warnings
from services.segments.store import catalogue, memberships
from services.segments.store.preview import Comparison, Preview
from shared.plumbing.auth import Reader, Writer, bearer, needs_role
from shared.plumbing.db import Connection, Database
from shared.plumbing.errors import Conflict, Invalid
from shared.plumbing.http import JsonResponse, ListedRoute
from shared.plumbing.pages import Cursor, Limit, page, read_cursor

router = APIRouter(route_class=ListedRoute, tags=["segments"])
DryRunAsked = Annotated[bool, Query(description="Write nothing; say who would enter and who would leave")]
Given = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


async def _may_edit(request: Request, given: Given, dry_run: DryRunAsked = False) -> None:
    """What only looks is for readers, too."""
    await needs_role("read" if dry_run else "write")(request, given)


@router.post(
    "/v1/segments",
    summary="Define a segment",
    description="It is backfilled over all history, and from then on kept exact by every event, profile change and merge, "
    "and by the mere passing of time.",
    status_code=201,
    response_model=SegmentShown,
    responses=refusals(409, 422),
    dependencies=[Writer],
)
async def create(request: Request, body: NewSegment) -> Response:
    desk = desk_of(request)
    name, condition = told(body)
    await desk.change(lambda tx, now: create_segment(tx, key=body.key, name=name, condition=condition, now=now))
    return JsonResponse(await _show(desk.db, body.key), 201)


@router.get(
    "/v1/segments",
    summary="The segments, by key",
    response_model=SegmentPage,
    responses=refusals(422),
    dependencies=[Reader],
)
async def list_all(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
    db = desk_of(request).db
    after = read_cursor(cursor, _text)
    async with db.snapshot() as tx:
        segments = await catalogue.segments_from(tx, after or "", limit=limit + 1)
        states = await states_of(tx, segments)
        warnings = await _warnings_of(tx, states)
    sizes = await memberships.sizes(db, [segment.id for segment in segments])
    return JsonResponse(
        page(
            states,
            limit=limit,
            item=lambda state: _shown(state, sizes.get(state.segment.id, 0), warnings),
            cursor=lambda state: state.segment.key,
        )
    )


@router.get(
    "/v1/segments/{key}",
    summary="One segment, its state and size",
    response_model=SegmentShown,
    responses=refusals(404),
    dependencies=[Reader],
)
async def show(request: Request, key: str) -> Response:
    return JsonResponse(await _show(desk_of(request).db, key))


@router.put(
    "/v1/segments/{key}",
    summary="Replace a segment's condition, or its name",
    description="A new version is built over all history while the old one serves; then everybody goes over to it in "
    "one step, some at a time, together with the segments that refer to it. Who thereby enters or leaves has the cause `edit`. The same condition again changes "
    "nothing, but builds a failing segment anew; so does `{}`, also a list. With `dry_run=true` nothing is written: the answer says who would enter and "
    "who would leave, of it and of the segments that would be rebuilt with it; a key with the role `read` is enough.",
    response_model=SegmentShown | DryRunShown,
    responses=refusals(404, 409, 422),
    dependencies=[Depends(_may_edit)],
)
async def edit(request: Request, key: str, body: SegmentEdit, dry_run: DryRunAsked = False) -> Response:
    desk = desk_of(request)
    if body.key not in (None, key):
        raise Invalid("A key is for good.", errors=[{"loc": ["body", "key"], "msg": "must be that of the path"}])
    condition = filled(body.condition, body.template)
    if dry_run:
        return await _try_edit(desk, key, condition, desk.clock.now())
    await desk.change(lambda tx, now: edit_segment(tx, key=key, name=body.name, condition=condition, now=now))
    return JsonResponse(await _show(desk.db, key))


async def _try_edit(desk: Desk, key: str, condition: dict[str, Any] | None, as_of: datetime) -> Response:
    async with desk.counting():
        found = await try_edit(desk.db, key=key, condition=condition, as_of=as_of, default_zone=desk.default_zone)
    also = [{"key": other, **_compared(comparison)} for other, comparison in sorted(found.also.items())]
    return JsonResponse({"dry_run": True, "as_of": as_of, **_compared(found.itself), "also": also})


def _compared(comparison: Comparison) -> dict[str, Any]:
    def people(some: Preview) -> dict[str, Any]:
        sample = [{"profile_id": profile_id, "user_id": user_id} for profile_id, user_id in some.sample]
        return {"count": some.count, "sample": sample}

    return {"enter": people(comparison.enter), "leave": people(comparison.leave), "stay": comparison.stay}


@router.delete(
    "/v1/segments/{key}",
    summary="Delete a segment with its memberships and changes",
    status_code=204,
    responses=refusals(404, 409),
    dependencies=[Writer],
)
async def delete(request: Request, key: str) -> Response:
    desk = desk_of(request)
    async with desk.db.snapshot() as tx:
        await get_segment(tx, key)
    campaigns = await campaigns_using(desk.messaging, key)
    if campaigns:
        raise Conflict(f"Campaigns refer to it: {', '.join(sorted(campaigns))}.", code="in_use")
    await desk.change(lambda tx, now: delete_segment(tx, key=key, now=now))
    return Response(status_code=204)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


async def _show(db: Database, key: str) -> dict[str, Any]:
    async with db.snapshot() as tx:
        segment = await get_segment(tx, key)
        [state] = await states_of(tx, [segment])
        warnings = await _warnings_of(tx, [state])
    sizes = await memberships.sizes(db, [segment.id])
    return _shown(state, sizes.get(segment.id, 0), warnings)


async def _warnings_of(tx: Connection, states: Iterable[SegmentState]) -> dict[str, list[dict[str, Any]]]:
    return await read_warnings(tx, {state.segment.key: state.newest.condition for state in states})


def _shown(state: SegmentState, size: int, warnings: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    newest, serving, failing = state.newest, state.serving, state.failing
    return {
        "id": state.segment.id,
        "key": state.segment.key,
        "name": state.segment.name,
        **shown_condition(newest.condition),
        "status": newest.status,
        "progress": state.progress.fraction if newest.status == "building" else None,
        "stale_since": failing.stale_since if failing else None,
        "error": failing.error if failing else None,
        "version": serving.number,
        "newest_version": newest.number,
        "size": size,
        "warnings": warnings.get(state.segment.key, []),
        "created_at": state.segment.created_at,
        "updated_at": state.segment.updated_at,
    }
