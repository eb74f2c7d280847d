"""What became of messages, as providers tell it: each signed by its provider, but for Postmark, which signs nothing."""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any

import httpx
from fastapi import APIRouter, Query, Request, Response

from services.messaging.api.campaigns import frame_of
from services.messaging.api.hooks import read_signed
from services.messaging.clients.sources import Sources
from services.messaging.domain.provider_events import mailgun, postmark, sendgrid, ses, sns, twilio
from services.messaging.domain.provider_events.event import ProviderEvent, part
from services.messaging.domain.provider_events.twilio import STATUS_PATH
from services.messaging.service.provider_events import Taker
from services.messaging.store.delivery_events import use_token
from shared.plumbing import json
from shared.plumbing.errors import Forbidden, Malformed, NotFound, Unavailable
from shared.plumbing.http import ExactRoute, read_bytes
from shared.plumbing.lanes import lane_of_text

router = APIRouter(route_class=ExactRoute, tags=["hooks"])
LARGEST = 1_000_000
"""Bytes of a body."""


def _answers(source: str, setting: str) -> dict[int | str, dict[str, Any]]:
    return {
        200: {"description": "Taken, or of no concern"},
        400: {"description": "It can't be read"},
        403: {"description": f"It is not from {source}: nothing is kept"},
        404: {"description": f"`{setting}` is not set"},
        413: {"description": f"It has more than {LARGEST:,} bytes"},
    }


AWAY: dict[int | str, dict[str, Any]] = {503: {"description": "SNS is out of reach; it will tell again"}}


async def _read(request: Request) -> Any:
    return _parsed(await read_bytes(request, limit=LARGEST))


def _parsed(body: bytes | str) -> Any:
    try:
        return json.loads(body)
    except json.JsonError as error:
        raise Malformed("The body is not JSON.") from error


def _sources(request: Request) -> Sources:
    found: Sources = request.app.state.sources
    return found


async def _take(request: Request, source: str, events: Sequence[ProviderEvent]) -> Response:
    frame = frame_of(request)
    taker = Taker(frame.db, frame.clock, request.app.state.speech.address_secret)
    await taker.take(source, events)
    if events:
        frame.wake.hint()
    return Response(status_code=200)


@router.post(
    "/hooks/ses", summary="Amazon SES, by SNS", responses=_answers("a topic of ours", "REGULARS_SES_TOPICS") | AWAY
)
async def from_ses(request: Request) -> Response:
    """To be entered as an HTTPS subscription of the topic, without raw message delivery. The subscription confirms itself."""
    sources = _sources(request)
    if not sources.ses_topics:
        raise NotFound("No topic of SNS is named here.")
    message = part(await _read(request))
    if message.get("TopicArn") not in sources.ses_topics:
        raise Forbidden("This is from another topic.")
    try:
        certificate = await sources.sns.certificate(message.get("SigningCertURL"))
        if certificate is None or not sns.is_signed(message, certificate, frame_of(request).clock.now()):
            raise Forbidden("This is not signed by SNS.")
        if message.get("Type") == "SubscriptionConfirmation":
            if not await sources.sns.confirm(message.get("SubscribeURL")):
                raise Forbidden("The subscription can't be confirmed.")
            return Response(status_code=200)
    except httpx.HTTPError as error:
        raise Unavailable("SNS is out of reach.") from error
    if message.get("Type") != "Notification":
        return Response(status_code=200)
    return await _take(request, "ses", ses.read(_parsed(str(message.get("Message")))))


@router.post(
    "/hooks/sendgrid",
    summary="SendGrid's signed event webhook",
    responses=_answers("the owner of the key", "REGULARS_SENDGRID_VERIFICATION_KEY"),
)
async def from_sendgrid(request: Request) -> Response:
    """To be entered as an event webhook, with its signature turned on."""
    key = _sources(request).sendgrid
    if key is None:
        raise NotFound("No key of SendGrid's is named here.")
    body = await read_bytes(request, limit=LARGEST)
    timestamp = request.headers.get("X-Twilio-Email-Event-Webhook-Timestamp", "")
    signature = request.headers.get("X-Twilio-Email-Event-Webhook-Signature", "")
    if not sendgrid.is_signed(body, timestamp, signature, key):
        raise Forbidden("This is not signed by the owner of the key.")
    return await _take(request, "sendgrid", sendgrid.read(_parsed(body)))


@router.post(
    "/hooks/mailgun",
    summary="Mailgun's webhooks",
    responses=_answers("the owner of the key", "REGULARS_MAILGUN_SIGNING_KEY"),
)
async def from_mailgun(request: Request) -> Response:
    """To be entered for each kind of event. The signature covers no content, so each token is taken for one content only."""
    key = _sources(request).mailgun
    if key is None:
        raise NotFound("No signing key of Mailgun's is named here.")
    frame, body = frame_of(request), await _read(request)
    signature, now = mailgun.Signature.of(body), frame.clock.now()
    if not signature.holds(key, now):
        raise Forbidden("This is not signed by the owner of the key, or was too long ago.")
    lane = lane_of_text("mailgun", signature.token)
    digest = hashlib.sha256(json.dumps(part(body, "event-data"))).hexdigest()
    before = now - 2 * mailgun.REPEATED_FOR
    if not await use_token(frame.db, lane=lane, token=signature.token, digest=digest, now=now, before=before):
        raise Forbidden("This token was used for something else.")
    return await _take(request, "mailgun", mailgun.read(body))


@router.post(
    "/hooks/postmark",
    summary="Postmark's webhooks, which are not signed",
    responses=_answers("somebody who knows the secret", "REGULARS_POSTMARK_SECRET"),
)
async def from_postmark(
    request: Request, token: Annotated[str, Query(description="The secret, where it is not the password")] = ""
) -> Response:
    """To be entered with the secret as the password of basic authentication (any user name), or as `?token=`, which is more easily
    found in a proxy's log."""
    secret = _sources(request).postmark
    if secret is None:
        raise NotFound("No secret for Postmark is named here.")
    if not postmark.is_known(request.headers.get("Authorization", ""), token, secret):
        raise Forbidden("This is not the secret.")
    return await _take(request, "postmark", postmark.read(await _read(request)))


@router.post(
    STATUS_PATH,
    summary="What became of a text message, by Twilio's status callback",
    responses=_answers("the account of `REGULARS_TWILIO_TOKEN`", "REGULARS_TWILIO_ACCOUNT"),
)
async def from_twilio(
    request: Request, delivery_id: Annotated[str, Query(description="As it was asked for with the message")] = ""
) -> Response:
    """Asked for with each message where `REGULARS_MESSAGING_PUBLIC_URL` is set; nothing needs to be entered."""
    form = await read_signed(request, STATUS_PATH, limit=LARGEST)
    return await _take(request, "twilio", twilio.read(form, delivery_id))
