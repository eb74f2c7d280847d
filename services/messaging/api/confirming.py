"""Confirming an address by the link that was sent to it."""

from fastapi import APIRouter, Request, Response

from services.messaging.api.campaigns import frame_of
from services.messaging.api.visits import LIMITED, answer, broken, desk_of, too_often, words_of
from services.messaging.domain import pages
from services.messaging.domain.addresses import masked
from services.messaging.domain.links import LinkContent
from services.messaging.domain.preference_page import what
from services.messaging.service.confirming import confirm as confirm_link
from services.messaging.service.preferring import Holder

router = APIRouter(tags=["links"])


async def _enter(request: Request, token: str) -> tuple[LinkContent, Holder] | Response:
    """Nothing is shown of who is gone, or has another address by now."""
    link: LinkContent | None = request.app.state.speech.linker.read_confirmation(token)
    if link is None:
        return broken(request)
    refusal = too_often(request, link)
    if refusal is not None:
        return refusal
    holder = await desk_of(request).find_holder(link, now=frame_of(request).clock.now())
    if holder.delivery is None or not (holder.away or holder.is_theirs):
        return broken(request)
    return link, holder


@router.get("/confirm/{token}", summary="Asks whether the address is one's own; changes nothing", responses=LIMITED)
async def ask(request: Request, token: str) -> Response:
    """Mail programs look at links, too: only the button confirms."""
    entered = await _enter(request, token)
    if isinstance(entered, Response):
        return entered
    link, holder = entered
    words = words_of(request, holder)
    address = masked(link.channel, holder.delivery["address"]) if holder.delivery else ""
    sentence = pages.paragraph(words("confirm_text", address=address, what=what(words, link.purpose)))
    form = pages.form(f"/confirm/{token}", pages.button(words("confirm_button")))
    return answer(pages.document(words, words("confirm_title"), sentence, form))


@router.post("/confirm/{token}", summary="Confirms the address that the link was sent to", responses=LIMITED)
async def confirm(request: Request, token: str) -> Response:
    entered = await _enter(request, token)
    if isinstance(entered, Response):
        return entered
    link, holder = entered
    frame = frame_of(request)
    if not await confirm_link(frame.db, link, at=frame.clock.now()):
        return broken(request)
    frame.wake.hint()
    words = words_of(request, holder)
    address = masked(link.channel, holder.delivery["address"]) if holder.delivery else ""
    sentence = pages.paragraph(words("confirmed_text", address=address))
    return answer(pages.document(words, words("confirmed_title"), sentence))
