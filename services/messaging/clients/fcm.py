"""Notifications by Firebase Cloud Messaging, HTTP v1."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import httpx
import jwt

from services.messaging.clients.posting import Posting
from services.messaging.domain.answers import Answer, NotNow
from services.messaging.domain.delivery import Delivery
from services.messaging.domain.provider_answers import Reply, fcm_answer
from shared.plumbing import json

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LIFE = timedelta(hours=1)
EARLY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """As in the JSON file of a service account."""

    project: str
    email: str
    token_url: str
    key: str = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> "ServiceAccount":
        """Raises ValueError, without what the file says."""
        try:
            found = json.loads(path.read_bytes())
            jwt.encode({}, found["private_key"], algorithm="RS256")
            return cls(found["project_id"], found["client_email"], found["token_uri"], found["private_key"])
        except (OSError, KeyError, TypeError, ValueError, jwt.PyJWTError, *json.JsonError) as error:
            raise ValueError(f"{path} is no JSON file of a service account ({type(error).__name__})") from None


class FcmProvider:
    """One notification at a time. The API takes no idempotency key: what got no answer is not sent again."""

    name = "fcm"
    repeatable = False

    def __init__(self, account: ServiceAccount, url: str, posting: Posting) -> None:
        timeout, self.room, self.per_second = posting.carrying
        self.timeout = 2 * timeout  # the access token may have to be asked for first
        self._account = account
        self._posting = posting
        self._url = f"{url.rstrip('/')}/v1/projects/{account.project}/messages:send"
        self._token: tuple[str, datetime] | None = None
        self._asking = asyncio.Lock()

    async def send(self, delivery: Delivery) -> Answer:
        """FCM's answer to one notification."""
        try:
            token = await self._granted()
        except httpx.HTTPError as error:
            return NotNow(f"No access token ({type(error).__name__}).")
        if token is None:
            return NotNow("No access token: it was refused.")
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        answer = await self._posting.post(self._url, json.dumps(_message(delivery)), headers, fcm_answer)
        if isinstance(answer, NotNow) and answer.text.startswith("401"):
            self._token = None
        return answer

    async def _granted(self) -> str | None:
        """An access token that is good for minutes to come, None where it is refused. Raises httpx.HTTPError."""
        async with self._asking:
            now = self._posting.now()
            if self._token is None or self._token[1] - EARLY <= now:
                form = urlencode({"grant_type": GRANT, "assertion": self._assertion(now)})
                self._token = _token_of(await self._posting.fetch(self._account.token_url, form.encode(), FORM), now)
            return None if self._token is None else self._token[0]

    async def close(self) -> None:
        """Close its connections."""
        await self._posting.close()

    def _assertion(self, now: datetime) -> str:
        account = self._account
        claims = {
            "iss": account.email,
            "scope": SCOPE,
            "aud": account.token_url,
            "iat": int(now.timestamp()),
            "exp": int((now + LIFE).timestamp()),
        }
        return jwt.encode(claims, account.key, algorithm="RS256")


def _token_of(reply: Reply, now: datetime) -> tuple[str, datetime] | None:
    token, lasts = reply.body.get("access_token"), reply.body.get("expires_in")
    if reply.status != 200 or not isinstance(token, str):
        return None
    return token, now + (timedelta(seconds=lasts) if isinstance(lasts, int) else LIFE)


def _message(delivery: Delivery) -> Mapping[str, object]:
    """The delivery's id comes along, so that the app can say what was opened."""
    notification = {"title": delivery.content["subject"], "body": delivery.content["text"]}
    return {
        "message": {
            "token": delivery.address,
            "notification": {name: text for name, text in notification.items() if text is not None},
            "data": {"delivery_id": str(delivery.id), "campaign": delivery.campaign},
        }
    }
