"""Webhooks, signed as Standard Webhooks says: whoever gets one can check that it is ours, new and met once."""

import base64
import hashlib
import hmac
from datetime import datetime

from services.messaging.clients.posting import Posting
from services.messaging.domain.answers import Answer
from services.messaging.domain.delivery import Delivery
from services.messaging.domain.provider_answers import webhook_answer
from shared.plumbing import json

PREFIX = "whsec_"


def key_of(secret: str) -> bytes:
    """The key of a secret `whsec_<base64>`. Raises ValueError."""
    if not secret.startswith(PREFIX):
        raise ValueError(f"a webhook secret begins with {PREFIX}")
    key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    if len(key) < 24:
        raise ValueError("a webhook secret has at least 24 bytes")
    return key


def signed(key: bytes, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of a webhook."""
    timestamp = str(int(at.timestamp()))
    told = b".".join((message_id.encode(), timestamp.encode(), body))
    signature = base64.b64encode(hmac.new(key, told, hashlib.sha256).digest()).decode()
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }


class WebhookProvider:
    """One webhook at a time. Its id stays the same when it is tried again, so that the receiver can tell."""

    name = "webhook"
    repeatable = True

    def __init__(self, url: str, key: bytes, posting: Posting) -> None:
        self.timeout, self.room, self.per_second = posting.carrying
        self._url = url
        self._key = key
        self._posting = posting

    async def send(self, delivery: Delivery) -> Answer:
        """The receiver's answer to one webhook."""
        told = {
            "type": "message",
            "timestamp": delivery.at,
            "data": {
                "id": delivery.id,
                "profile_id": delivery.profile_id,
                "campaign": delivery.campaign,
                "purpose": delivery.purpose,
                "subject": delivery.content["subject"],
                "text": delivery.content["text"],
            },
        }
        body = json.dumps(told)
        headers = signed(self._key, str(delivery.id), self._posting.now(), body)
        return await self._posting.post(self._url, body, headers, webhook_answer)

    async def close(self) -> None:
        """Close its connections."""
        await self._posting.close()
