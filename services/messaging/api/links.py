"""Unsubscribing by the signed links in messages: for people, without a key, a login or a script."""

from fastapi import APIRouter, Request, Response

from services.messaging.api.campaigns import frame_of
from services.messaging.api.visits import RESPONSES, about, answer, broken, desk_of, read_link, words_of
from services.messaging.domain import pages
from services.messaging.service.unsubscribing import unsubscribe

router = APIRouter(tags=["links"])


@router.get("/unsubscribe/{token}", summary="Asks whether to unsubscribe; changes nothing", responses=RESPONSES)
async def ask(request: Request, token: str) -> Response:
    link = read_link(request, token)
    if link is None:
        return broken(request)
    words = words_of(request, await desk_of(request).find_holder(link, now=frame_of(request).clock.now()))
    sentence = pages.paragraph(words("unsubscribe_text", **about(words, link)))
    form = pages.form(f"/unsubscribe/{token}", pages.button(words("unsubscribe_button")))
    return answer(pages.document(words, words("unsubscribe_title"), sentence, form))


@router.post("/unsubscribe/{token}", summary="Unsubscribes at once (RFC 8058)", responses=RESPONSES)
async def confirm(request: Request, token: str) -> Response:
    """Whatever the body says: mail programs send `List-Unsubscribe=One-Click`, the page sends its form."""
    link = read_link(request, token)
    if link is None:
        return broken(request)
    frame = frame_of(request)
    await unsubscribe(frame.db, link, at=frame.clock.now())
    frame.wake.hint()
    words = words_of(request, await desk_of(request).find_holder(link, now=frame.clock.now()))
    sentence = pages.paragraph(words("unsubscribed_channel", **about(words, link)))
    more = pages.link(words("back"), f"/preferences/{token}")
    return answer(pages.document(words, words("unsubscribed_title"), sentence, more))
