"""What was recorded: how a profile came and went, and the versions of a segment."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from services.segments.api.desk import desk_of
from services.segments.api.documents import refusals
from services.segments.api.person import Person, id_of
from services.segments.api.records import ChangeOfProfilePage, VersionPage
from services.segments.domain.lists import shown_condition
from services.segments.service.history_of import Listed, Past, Place, changes_of_profile, versions_of
from shared.plumbing.auth import Reader
from shared.plumbing.http import JsonResponse, ListedRoute
from shared.plumbing.pages import Cursor, Limit, page, read_cursor

router = APIRouter(route_class=ListedRoute, tags=["segments"])


class HistoryAsked(Person):
    """Whose, of which segment."""

    segment: str | None = Field(default=None, description="A segment's key; all, if none is given")
    limit: int = Field(default=100, ge=1, le=1000, description="How many items at most")
    cursor: str | None = Field(default=None, description="`next` of the page before; opaque")


@router.get(
    "/v1/changes",
    summary="How one profile entered and left segments, when and why",
    description="The last recorded first. Name the profile by exactly one of `profile_id`, `user_id`, `anonymous_id`, `email`, "
    "`phone`, or a namespace of yours. An id that was merged away shows the survivor's changes, then its own.",
    response_model=ChangeOfProfilePage,
    responses=refusals(404, 422),
    dependencies=[Reader],
)
async def changes_of_profile_(request: Request, asked: Annotated[HistoryAsked, Query()]) -> Response:
    after = read_cursor(asked.cursor, _read_place)
    profile_id = await id_of(request, asked)
    async with desk_of(request).db.snapshot() as tx:
        found = await changes_of_profile(tx, profile_id, key=asked.segment, after=after, limit=asked.limit + 1)
    return JsonResponse(page(found, limit=asked.limit, item=_change, cursor=lambda listed: listed.place))


@router.get(
    "/v1/segments/{key}/versions",
    summary="The conditions a segment has had, the newest first",
    description="A change's `version` is the `number` of one of these.",
    response_model=VersionPage,
    responses=refusals(404, 422),
    dependencies=[Reader],
)
async def versions(request: Request, key: str, limit: Limit = 100, cursor: Cursor = None) -> Response:
    before = read_cursor(cursor, int)
    async with desk_of(request).db.snapshot() as tx:
        found = await versions_of(tx, key)
    older = [past for past in found if before is None or past.version.number < before]
    return JsonResponse(page(older, limit=limit, item=_version, cursor=lambda past: past.version.number))


def _read_place(value: Any) -> Place:
    position, seq = value
    if type(position) is not int or type(seq) is not int or position < 0 or not 0 <= seq < 2**63:
        raise ValueError
    return position, seq


def _change(listed: Listed) -> dict[str, Any]:
    change = listed.found.change
    return {
        "segment": listed.found.segment,
        "profile_id": change.profile_id,
        "user_id": change.user_id,
        "change": change.change,
        "at": change.at,
        "version": change.version,
        "cause": change.cause,
    }


def _version(past: Past) -> dict[str, Any]:
    version = past.version
    return {
        "number": version.number,
        "condition": shown_condition(version.condition)["condition"],
        "status": version.status,
        "created_at": version.created_at,
        "live_at": version.live_at,
        "replaced_at": past.replaced_at,
        "stale_since": version.stale_since,
        "error": version.error,
    }
