"""The open pixel and the links of messages, where the deployment tracks them."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.messaging.api.campaigns import frame_of
from services.messaging.domain.provider_events.event import LONGEST_TEXT, Kind, ProviderEvent
from services.messaging.domain.tracking import Tracker
from services.messaging.service.provider_events import Taker
from shared.plumbing.db import is_unavailable
from shared.plumbing.errors import NotFound
from shared.plumbing.ids import new_id
from shared.plumbing.log import get_logger

log = get_logger()
router = APIRouter(tags=["links"])
GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
"""One transparent point."""

HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
NOT_OURS: dict[int | str, dict[str, Any]] = {404: {"description": "The link is not one of ours, or was cut off"}}


def _tracker(request: Request) -> Tracker:
    found: Tracker = request.app.state.tracker
    return found


@router.head("/go/{token}", include_in_schema=False)
@router.get(
    "/go/{token}",
    status_code=302,
    summary="Leads on to where the link of a message led",
    responses={302: {"description": "There it is"}, **NOT_OURS},
)
async def follow(request: Request, token: str) -> Response:
    """Also where tracking was turned off since, the message is forgotten or nothing can be kept now: then nothing is."""
    click = _tracker(request).read_link(token)
    if click is None:
        raise NotFound("This link is incomplete. Please open it from the message again.")
    await _take(request, "clicked", click.delivery_id, url=click.url)
    return RedirectResponse(click.url, 302, headers=HEADERS)


@router.head("/seen/{token}.gif", include_in_schema=False)
@router.get(
    "/seen/{token}.gif",
    summary="The image by which the opening of a message is noticed",
    responses={200: {"description": "An image of one point", "content": {"image/gif": {}}}, **NOT_OURS},
)
async def seen(request: Request, token: str) -> Response:
    delivery_id = _tracker(request).read_pixel(token)
    if delivery_id is None:
        raise NotFound("This is no image of ours.")
    await _take(request, "opened", delivery_id)
    return Response(GIF, media_type="image/gif", headers=HEADERS)


async def _take(request: Request, kind: Kind, delivery_id: UUID, *, url: str | None = None) -> None:
    """Whoever follows a link is never kept waiting by what is wrong here."""
    if request.app.state.speech.tracker is None:
        return
    frame = frame_of(request)
    event = ProviderEvent(
        kind,
        delivery_id,
        frame.clock.now(),
        key=str(new_id()),
        url=url,
        user_agent=request.headers.get("User-Agent", "")[:LONGEST_TEXT] or None,
        machine="head" if request.method == "HEAD" else None,
    )
    try:
        await Taker(frame.db, frame.clock, request.app.state.speech.address_secret).take("link", [event])
    except Exception as error:
        if not is_unavailable(error):
            raise
        log.warning("visit_not_kept", kind=type(error).__name__)
    frame.wake.hint()
