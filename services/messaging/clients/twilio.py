"""Text messages by the Twilio messages API, or by a gateway that speaks it."""

import base64
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from services.messaging.clients.posting import Posting
from services.messaging.domain.answers import Answer
from services.messaging.domain.delivery import Delivery
from services.messaging.domain.provider_answers import twilio_answer
from services.messaging.domain.provider_events.event import DELIVERY

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """`sender`: a number, a short code, or the id of a messaging service (`MG…`). `status_url`: where what becomes
    of messages is to be told."""

    url: str
    account: str
    token: str = field(repr=False)
    sender: str
    status_url: str | None = None


class TwilioProvider:
    """One message at a time. The API takes no idempotency key: what got no answer is not sent again."""

    name = "twilio"
    repeatable = False

    def __init__(self, account: TwilioAccount, posting: Posting) -> None:
        self.timeout, self.room, self.per_second = posting.carrying
        self._account = account
        self._posting = posting
        self._url = f"{account.url.rstrip('/')}/2010-04-01/Accounts/{quote(account.account, safe='')}/Messages.json"
        known = base64.b64encode(f"{account.account}:{account.token}".encode()).decode()
        self._headers = FORM | {"Authorization": f"Basic {known}"}

    async def send(self, delivery: Delivery) -> Answer:
        """Twilio's answer to one message."""
        account = self._account
        sender = "MessagingServiceSid" if account.sender.startswith("MG") else "From"
        form = {"To": delivery.address, sender: account.sender, "Body": delivery.content["text"]}
        if account.status_url is not None:
            form["StatusCallback"] = f"{account.status_url}?{urlencode({DELIVERY: str(delivery.id)})}"
        return await self._posting.post(self._url, urlencode(form).encode(), self._headers, twilio_answer)

    async def close(self) -> None:
        """Close its connections."""
        await self._posting.close()
