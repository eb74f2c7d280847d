"""What our pages share: the link they are behind, the language they speak, the form they take."""

import time
from urllib.parse import parse_qs

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from services.messaging.api.campaigns import frame_of
from services.messaging.domain import pages
from services.messaging.domain.choices import Form
from services.messaging.domain.links import LinkContent
from services.messaging.domain.preference_page import what
from services.messaging.domain.words import Words, accepted, words_for
from services.messaging.service.own_words import purpose_of
from services.messaging.service.preferring import Desk, Holder
from shared.plumbing.errors import Malformed
from shared.plumbing.http import read_bytes

LARGEST_FORM = 64 * 1024  # bytes
MOST_FIELDS = 1000
RESPONSES: dict[int | str, dict[str, object]] = {
    200: {"description": "A page", "content": {"text/html": {}}},
    404: {"description": "The link is not one of ours, or was cut off", "content": {"text/html": {}}},
}
LIMITED: dict[int | str, dict[str, object]] = RESPONSES | {
    413: {"description": "The form is too large"},
    429: {"description": "The link was used too often within a minute", "content": {"text/html": {}}},
}


def answer(page: str, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A page, which nobody keeps, frames, or learns an address from."""
    return HTMLResponse(page, status, headers=pages.HEADERS | (headers or {}))


def desk_of(request: Request) -> Desk:
    state = request.app.state
    return Desk(frame_of(request).db, state.profiles, state.speech)


def read_link(request: Request, token: str) -> LinkContent | None:
    found: LinkContent | None = request.app.state.speech.linker.read(token)
    return found


def words_of(request: Request, holder: Holder | None = None) -> Words:
    """In the person's language; else in that of the message, or the browser's."""
    locales: list[object] = []
    if holder is not None and holder.recipient is not None:
        locales.append(holder.recipient.traits.get("locale"))
    if holder is not None and holder.delivery is not None:
        locales.append(holder.delivery["locale"])
    return words_for(*locales, *accepted(request.headers.get("Accept-Language")))


def broken(request: Request) -> Response:
    """What a link that is none leads to."""
    words = words_of(request)
    return answer(
        pages.document(words, words("broken_title"), pages.paragraph(words("broken_text"))),
        status=404,
    )


def too_often(request: Request, link: LinkContent) -> Response | None:
    """A refusal where this link was used too often just now."""
    if request.app.state.turnstile.allows(link.address_hash, time.monotonic()):
        return None
    words = words_of(request)
    page = pages.document(words, words("busy_title"), pages.paragraph(words("busy_text")))
    return answer(page, status=429, headers={"Retry-After": "60"})


def about(words: Words, link: LinkContent) -> dict[str, str]:
    """Of what kind and by which channel, in words."""
    return {"what": what(words, purpose_of(link)), "by": words(f"by_{link.channel}")}


async def read_form(request: Request, *, limit: int = LARGEST_FORM) -> Form:
    """The fields of a form, each with its values. Raises TooLarge, or Malformed for more fields than a page of ours has."""
    body = await read_bytes(request, limit=limit)
    try:
        return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise Malformed("The form has too many fields.") from error
