"""Pages behind the signed links in messages: for people, without a key, a login or a script."""

from html import escape

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from services.messaging.api.campaigns import frame_of
from services.messaging.domain.campaign import TRANSACTIONAL
from services.messaging.domain.links import LinkContent
from services.messaging.service.unsubscribing import unsubscribe

router = APIRouter(tags=["links"])
NAMES = {"email": "e-mail", "sms": "text message", "push": "notification", "webhook": "webhook"}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}
STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:4rem auto;padding:0 1rem;color:#222}"
    "button{font:inherit;padding:.6rem 1.2rem;border:0;border-radius:.4rem;background:#0b5;color:#fff;cursor:pointer}"
    "form{margin:1.2rem 0}"
)
RESPONSES: dict[int | str, dict[str, object]] = {
    200: {"description": "A page", "content": {"text/html": {}}},
    404: {"description": "The link is not one of ours, or was cut off"},
}


def _page(title: str, content: str, *, status: int = 200) -> Response:
    document = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main><h1>{escape(title)}</h1>{content}</main></body></html>"
    )
    return HTMLResponse(document, status, headers=HEADERS)


def _form(action: str, button: str, **fields: str) -> str:
    hidden = "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in fields.items())
    return (
        f'<form method="post" action="{escape(action)}">{hidden}<button type="submit">{escape(button)}</button></form>'
    )


def _read(request: Request, token: str) -> LinkContent | None:
    found: LinkContent | None = request.app.state.speech.linker.read(token)
    return found


def _unknown() -> Response:
    return _page(
        "This link does not work", "<p>It is incomplete. Please open it from the message again.</p>", status=404
    )


def _what(link: LinkContent) -> str:
    return "marketing" if link.purpose == TRANSACTIONAL else link.purpose


def _done(link: LinkContent, *, everywhere: bool) -> Response:
    where = "" if everywhere else f" by {NAMES[link.channel]}"
    return _page("You are unsubscribed", f"<p>You will get no more {escape(_what(link))} messages{where}.</p>")


@router.get("/unsubscribe/{token}", summary="Asks whether to unsubscribe; changes nothing", responses=RESPONSES)
async def ask(request: Request, token: str) -> Response:
    link = _read(request, token)
    if link is None:
        return _unknown()
    sentence = f"<p>No more {escape(_what(link))} messages by {NAMES[link.channel]}?</p>"
    return _page("Unsubscribe", sentence + _form(f"/unsubscribe/{token}", "Unsubscribe"))


@router.post("/unsubscribe/{token}", summary="Unsubscribes at once (RFC 8058)", responses=RESPONSES)
async def confirm(request: Request, token: str) -> Response:
    """Whatever the body says: mail programs send `List-Unsubscribe=One-Click`, the page sends its form."""
    link = _read(request, token)
    if link is None:
        return _unknown()
    frame = frame_of(request)
    await unsubscribe(frame.db, link, everywhere=False, at=frame.clock.now())
    frame.wake.hint()
    return _done(link, everywhere=False)


@router.get("/preferences/{token}", summary="Shows what can be unsubscribed from; changes nothing", responses=RESPONSES)
async def show_choices(request: Request, token: str) -> Response:
    link = _read(request, token)
    if link is None:
        return _unknown()
    what, action = _what(link), f"/preferences/{token}"
    forms = _form(action, f"No more {what} messages by {NAMES[link.channel]}", choice="channel")
    forms += _form(action, f"No more {what} messages at all", choice="all")
    return _page("Your preferences", "<p>What may we no longer send you?</p>" + forms)


@router.post("/preferences/{token}", summary="Unsubscribes from what was chosen", responses=RESPONSES)
async def choose(request: Request, token: str) -> Response:
    link = _read(request, token)
    if link is None:
        return _unknown()
    everywhere = (await request.form()).get("choice") == "all"
    frame = frame_of(request)
    await unsubscribe(frame.db, link, everywhere=everywhere, at=frame.clock.now())
    frame.wake.hint()
    return _done(link, everywhere=everywhere)
