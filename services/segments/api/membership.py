"""Who is in, who came and went, why, and who would be."""

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
from services.segments.service.catalogue import get_segment
from services.segments.service.questions import START, ListedChange, explain_membership, list_changes, preview
from services.segments.store.memberships import Member, members_after
from services.segments.store.profiles import FIRST
from shared.plumbing.auth import Reader
from shared.plumbing.db import Database
from shared.plumbing.http import ExactRoute, JsonResponse
from shared.plumbing.lanes import LANES
from shared.plumbing.pages import Cursor, Limit, encode_cursor, page, read_cursor

router = APIRouter(route_class=ExactRoute, tags=["segments"])
ProfileId = Annotated[
    UUID,
    Query(description="The profile's `id`, as `GET /v1/profiles/lookup?user_id=` of the profiles service gives it"),
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
    desk = desk_of(request)
    as_of = body.as_of or desk.clock.now()
    found = await preview(desk.db, condition=body.condition, as_of=as_of, default_zone=desk.default_zone)
    sample = [{"profile_id": profile_id, "user_id": user_id} for profile_id, user_id in found.sample]
    return JsonResponse({"count": found.count, "sample": sample, "as_of": as_of})


@router.get(
    "/v1/segments/{key}/members",
    summary="Who is in",
    response_model=MemberPage,
    responses=refusals(404, 422),
    dependencies=[Reader],
)
async def members(request: Request, key: str, limit: Limit = 100, cursor: Cursor = None) -> Response:
    return JsonResponse(await members_page(desk_of(request).db, key, limit=limit, cursor=cursor))


@router.get(
    "/v1/segments/{key}/changes",
    summary="Who entered and left, when and why",
    description="Oldest first for each profile, each exactly once; replaying them gives the members. A change's own `cursor` "
    "continues right after it, also when new ones have come.",
    response_model=ChangePage,
    responses=refusals(404, 422),
    dependencies=[Reader],
)
async def changes(request: Request, key: str, limit: Limit = 100, cursor: Cursor = None) -> Response:
    db = desk_of(request).db
    segment = await get_segment(db, key)
    found, more = await list_changes(db, segment.id, read_cursor(cursor, _read_vector) or START, limit=limit)
    items = [_change(listed) for listed in found]
    return JsonResponse({"items": items, "next": items[-1]["cursor"] if more else None})


@router.get(
    "/v1/segments/{key}/explain",
    summary="Why a profile is in, or not",
    description="Every node's value for the profile, now, and the numbers behind it. Whose id is not known: "
    "`GET /v1/profiles/lookup?user_id=` of the profiles service gives it.",
    response_model=Explanation,
    responses=refusals(404, 422),
    dependencies=[Reader],
)
async def explain(request: Request, key: str, profile_id: ProfileId) -> Response:
    desk = desk_of(request)
    async with desk.db.snapshot() as tx:
        tree = await explain_membership(
            tx, key=key, profile_id=profile_id, now=desk.clock.now(), default_zone=desk.default_zone
        )
    return JsonResponse(tree)


async def members_page(db: Database, key: str, *, limit: int, cursor: str | None) -> dict[str, Any]:
    """A page of a segment's members. Raises NotFound."""
    segment = await get_segment(db, key)
    after = read_cursor(cursor, _read_place) or (0, FIRST)
    found = await members_after(db, segment.id, after, limit=limit + 1)
    return page(found, limit=limit, item=_member, cursor=lambda member: [member.lane, member.profile_id])


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
