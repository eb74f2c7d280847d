"""Profiles: look up, read, list."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.profiles.api.shown import shown
from services.profiles.domain.names import names_of
from services.profiles.service import reading
from shared.plumbing.auth import Reader
from shared.plumbing.errors import Invalid, NotFound
from shared.plumbing.http import ExactRoute, JsonResponse

router = APIRouter(route_class=ExactRoute, tags=["profiles"])


@router.get("/v1/profiles/lookup", summary="Find a profile by any of its names", dependencies=[Reader])
async def look_up(request: Request) -> Response:
    """Exactly one of `user_id`, `anonymous_id`, `email`, `phone`, or any namespace of yours."""
    asked = [(key, value) for key, value in request.query_params.multi_items() if key != "include"]
    if len(asked) != 1:
        raise Invalid("Give exactly one of user_id, anonymous_id, email, phone, or a namespace of yours.")
    given = names_of(dict(asked), request.app.state.book.rules)
    if given.best is None:
        raise NotFound("There is no such profile.")
    return JsonResponse(shown(await reading.look_up(request.app.state.frame.db, given)))


@router.get(
    "/v1/profiles/{profile_id}",
    summary="A profile; an id that was merged away shows the survivor",
    dependencies=[Reader],
)
async def get_profile(request: Request, profile_id: UUID) -> Response:
    return JsonResponse(shown(await reading.get_profile(request.app.state.frame.db, profile_id)))
