"""What comes back by text message, signed by the provider."""

import hashlib
from datetime import timedelta

from fastapi import APIRouter, Request, Response

from services.messaging.api.campaigns import frame_of
from services.messaging.api.visits import LARGEST_FORM, read_form
from services.messaging.domain.addresses import address_hash
from services.messaging.domain.answers import STOPPED
from services.messaging.domain.replies import asked_by, is_signed
from services.messaging.store import suppressions as store
from services.messaging.store.delivery_events import use_once
from shared.plumbing.db import Connection
from shared.plumbing.errors import Forbidden, NotFound
from shared.plumbing.http import ExactRoute
from shared.plumbing.lanes import lane_of_text

router = APIRouter(route_class=ExactRoute, tags=["hooks"])
PATH = "/hooks/twilio"
REMEMBERED = timedelta(days=3650)
"""How long a message is known to have been taken; Twilio's signatures never expire."""
NO_REPLY = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'


@router.post(
    PATH,
    summary="A text message came back: STOP and START",
    responses={
        200: {"description": "Taken; nothing is answered", "content": {"text/xml": {"example": NO_REPLY}}},
        403: {"description": "It is not signed by the account of `REGULARS_TWILIO_TOKEN`"},
        404: {"description": "There is no such account here"},
        413: {"description": "The form is too large"},
    },
)
async def twilio(request: Request) -> Response:
    """To be entered as the webhook of the number (or messaging service), under `REGULARS_MESSAGING_PUBLIC_URL`.

    STOP suppresses the number for everything, from the moment of the answer, also for messages that wait; START, or a consent
    that is granted later, lifts that. A suppression by an operator stays. A message that is told again has no effect.
    """
    form = await read_signed(request, PATH)
    asked, number = asked_by(form), form.get("From", "")
    if asked is not None and number:
        await _do(request, asked, number, form.get("MessageSid", ""))
    return Response(NO_REPLY, media_type="text/xml")


async def read_signed(request: Request, path: str, *, limit: int = LARGEST_FORM) -> dict[str, str]:
    """The form that Twilio sent to this path. Raises NotFound where it sends no messages, Forbidden where it did not sign."""
    account = request.app.state.twilio
    if account is None:
        raise NotFound("Text messages are not sent by Twilio here.")
    base, token = account
    form = {name: values[-1] for name, values in (await read_form(request, limit=limit)).items()}
    query = f"?{request.url.query}" if request.url.query else ""
    if not is_signed(f"{base}{path}{query}", form, request.headers.get("X-Twilio-Signature", ""), token):
        raise Forbidden("This is not signed by the account.")
    return form


async def _do(request: Request, asked: str, number: str, message: str) -> None:
    """Once for each message: a START that is told again, by whoever has seen it, must not undo a STOP that came after it."""
    frame = frame_of(request)
    hashed, now = address_hash(request.app.state.speech.address_secret, "sms", number), frame.clock.now()
    token = hashlib.sha256(message.encode()).hexdigest()

    async def work(tx: Connection) -> None:
        if message and not await use_once(tx, lane=lane_of_text("twilio", token), token=token, at=now + REMEMBERED):
            return
        if asked == "start":
            await store.lift_stopped(tx, channel="sms", address_hash=hashed)
            return
        await store.suppress(
            tx,
            channel="sms",
            address_hash=hashed,
            address=None,  # it may be of somebody who was erased: of those only the hash is kept
            scope="",
            reason=STOPPED,
            yields=True,
            at=now,
        )

    await frame.db.run(work)
    if asked != "start":
        await store.outlast_claims(frame.db)
