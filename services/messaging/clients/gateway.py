"""Text messages, notifications and webhooks: handed over to an HTTP gateway of the operator's.

The gateway gets one POST for a message, signed, with an `Idempotency-Key` that stays the same when it is tried again. A 2xx
answer is taken for its word; 408, 425, 429 and 5xx may pass; 410 says that the address is gone; all others are final.
"""

import hashlib
import hmac
from typing import Any

import httpx

from services.messaging.domain.answers import Accepted, Answer, NotNow, Rejected, Unsure
from services.messaging.domain.delivery import Delivery
from shared.plumbing import json

MAY_PASS = frozenset({408, 425, 429})
CERTAIN = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.InvalidURL)
"""Failures before anything was said."""


class GatewayProvider:
    """Sends one message at a time, up to `room` at once."""

    def __init__(
        self,
        channel: str,
        url: str,
        *,
        secret: str,
        timeout: float,
        room: int,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.name = f"{channel}_gateway"
        self.timeout = timeout
        self.room = room
        self._url = url
        self._secret = secret.encode()
        # Waiting for a connection, making it, writing and reading are timed one by one.
        self._client = httpx.AsyncClient(timeout=timeout / 4, transport=transport)

    async def send(self, delivery: Delivery) -> Answer:
        """The gateway's answer to one message."""
        body = json.dumps(_message(delivery))
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": str(delivery.id),
            "X-Regulars-Signature": hmac.new(self._secret, body, hashlib.sha256).hexdigest(),
        }
        try:
            answer = await self._client.post(self._url, content=body, headers=headers)
        except CERTAIN as error:
            return NotNow(type(error).__name__)
        except httpx.HTTPError as error:
            return Unsure(type(error).__name__)
        return gateway_answer(answer.status_code)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()


def gateway_answer(status: int) -> Answer:
    """What a status says of the message."""
    said = str(status)
    if 200 <= status < 300:
        return Accepted(said)
    if status in MAY_PASS or status >= 500:
        return NotNow(said)
    return Rejected(said, bounced=status == 410)


def _message(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "channel": delivery.channel,
        "to": delivery.address,
        "subject": delivery.content["subject"],
        "text": delivery.content["text"],
        "profile_id": delivery.profile_id,
        "campaign": delivery.campaign,
        "purpose": delivery.purpose,
    }
