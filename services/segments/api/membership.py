"""Who is in, who came and went, why, and who would be."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.segments.api.desk import desk_of
from services.segments.api.documents import (
    ChangePage,
    Explanation,
    MemberPage,
    PreviewRequest,
    PreviewShown,
    refusals,
)
from services.segments.api.person import Person, id_of
from services.segments.api.templates import one_filled
from services.segments.service.catalogue import get_segment
from services.segments.service.questions import START, ListedChange, explain_membership, preview
from services.segments.store.memberships import Member, members_after
from services.segments.store.past import LAST, members_at
from services.segments.store.profiles import FIRST
from shared.plumbing.auth import Reader
from shared.plumbing.db import Database
from shared.plumbing.http import JsonResponse, ListedRoute
from shared.plumbing.instants import Instant, in_utc
from shared.plumbing.lanes import LANES
from shared.plumbing.pages import Cursor, Limit, encode_cursor, page, read_cursor

router = APIRouter(route_class=ListedRoute, tags=["segments"])
Wait = Annotated[
    float, Query(ge=0, le=30, description="Seconds to wait for a change while there is none behind the cursor")
]
At = Annotated[
    Instant | None,
    Query(description="Who was in at this instant, by the changes recorded until now; now, if none is given"),
]


@router.post(
    "/v1/segments/preview",
    summary="Who would be a member",
    description="The members at `as_of` among the profiles that exist now, by event timestamps (not receipt), with traits and "
    "life events as they are recorded now.",
    response_model=PreviewShown,
    responses=refusals(422),
    dependencies=[Reader],
)
async def preview_(request: Request, body: PreviewRequest) -> Response:
    desk, condition = desk_of(request), one_filled(body.condition, body.template)
    as_of = body.as_of or desk.clock.now()
    async with desk.counting():
        found = await preview(desk.db, condition=condition, as_of=as_of, default_zone=desk.default_zone)
    sample = [{"profile_id": profile_id, "user_id": user_id} for profile_id, user_id in found.sample]
    return JsonResponse({"count": found.count, "sample": sample, "as_of": as_of})


@router.get(
    "/v1/segments/{key}/members",
    summary="Who is in, or was",
    description="With `at`, who was in at that instant as it was recorded: by the condition that served then and what was known "
    "then, less those who were erased since. Empty for a time before the segment was. (`preview` with `as_of` says who would "
    "have been in by what is known now.) The cursor keeps the instant.",
    response_model=MemberPage,
    responses=refusals(404, 422),
    dependencies=[Reader],
)
async def members(request: Request, key: str, at: At = None, limit: Limit = 100, cursor: Cursor = None) -> Response:
    return JsonResponse(await members_now_or_then(desk_of(request).db, key, at, limit=limit, cursor=cursor))


@router.get(
    "/v1/segments/{key}/changes",
    summary="Who entered and left, when and why",
    description="Oldest first for each profile, each exactly once; replaying them gives the members. A change's own `cursor` "
    "continues right after it, also when new ones have come. With `wait`, the answer comes as soon as there is a change.",
    response_model=ChangePage,
    responses=refusals(404, 422),
    dependencies=[Reader],
)
async def changes(request: Request, key: str, limit: Limit = 100, cursor: Cursor = None, wait: Wait = 0) -> Response:
    after = read_cursor(cursor, _read_vector) or START
    found, more = await desk_of(request).following.next_changes(key, after, limit=limit, wait=wait)
    items = [_change(listed) for listed in found]
    return JsonResponse({"items": items, "next": items[-1]["cursor"] if more else None})


@router.get(
    "/v1/segments/{key}/explain",
    summary="Why a profile is in, or not",
    description="Every node's value for the profile, now, the numbers and events behind it, and when it may next change by itself. "
    "Name the profile by exactly one of `profile_id`, `user_id`, `anonymous_id`, `email`, `phone`, or a namespace of yours.",
    response_model=Explanation,
    responses=refusals(404, 409, 422),
    dependencies=[Reader],
)
async def explain(request: Request, key: str, person: Annotated[Person, Query()]) -> Response:
    desk = desk_of(request)
    profile_id = await id_of(request, person)
    async with desk.db.snapshot() as tx:
        tree = await explain_membership(
            tx, key=key, profile_id=profile_id, now=desk.clock.now(), default_zone=desk.default_zone
        )
    return JsonResponse(tree)


async def members_now_or_then(
    db: Database, key: str, at: datetime | None, *, limit: int, cursor: str | None
) -> dict[str, Any]:
    """A page of the members of now, or of an instant. Raises NotFound."""
    place = read_cursor(cursor, _read_past_place) or (0, LAST, at)
    if place[2] is None:
        return await members_page(db, key, limit=limit, cursor=cursor)
    return await _past_members_page(db, key, place[2], place[:2], limit=limit)


async def members_page(db: Database, key: str, *, limit: int, cursor: str | None) -> dict[str, Any]:
    """A page of a segment's members. Raises NotFound."""
    segment = await get_segment(db, key)
    after = read_cursor(cursor, _read_place) or (0, FIRST)
    found = await members_after(db, segment.id, after, limit=limit + 1)
    return page(found, limit=limit, item=_member, cursor=lambda member: [member.lane, member.profile_id])


async def _past_members_page(
    db: Database, key: str, at: datetime, after: tuple[int, UUID], *, limit: int
) -> dict[str, Any]:
    segment = await get_segment(db, key)
    found = await members_at(db, segment.id, at, after, limit=limit + 1)
    return page(found, limit=limit, item=_member, cursor=lambda member: [member.lane, member.profile_id, at])


def _read_past_place(value: Any) -> tuple[int, UUID, datetime | None]:
    lane, profile_id = _read_place(value[:2])
    if len(value) == 2:
        return lane, profile_id, None
    [at] = value[2:]
    return lane, profile_id, in_utc(datetime.fromisoformat(at))


def _read_place(value: Any) -> tuple[int, UUID]:
    lane, profile_id = value
    if not isinstance(lane, int) or not 0 <= lane < LANES:
        raise ValueError
    return lane, UUID(profile_id)


def _read_vector(value: Any) -> list[int]:
    if not isinstance(value, list) or len(value) != LANES:
        raise ValueError
    if not all(type(seq) is int and 0 <= seq < 2**63 for seq in value):
        raise ValueError
    return value


def _member(member: Member) -> dict[str, Any]:
    return {"profile_id": member.profile_id, "user_id": member.user_id, "entered_at": member.entered_at}


def _change(listed: ListedChange) -> dict[str, Any]:
    change = listed.change
    return {
        "profile_id": change.profile_id,
        "user_id": change.user_id,
        "change": change.change,
        "at": change.at,
        "version": change.version,
        "cause": change.cause,
        "cursor": encode_cursor(listed.cursor),
    }
