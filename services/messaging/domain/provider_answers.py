"""What providers' answers over HTTP say of a message, by their own documentation.

Twilio: https://www.twilio.com/docs/api/errors. FCM: https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode.
Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from services.messaging.domain.answers import Accepted, Answer, NotNow, Rejected, Unsure

LONGEST_WAIT = timedelta(days=1)
MAY_PASS = frozenset({408, 409, 425, 429})
OURS = frozenset({401, 402, 403})
"""What is wrong is our account, not the message: it can be put right, and the message waits for it."""

PASSED_ON = frozenset({502, 504})
"""Said by something in between, or of what went on behind: the message may have been taken."""

NO_NUMBER = frozenset({21211, 21214, 21217, 21219, 21401, 21407, 21421, 21614})
SAID_STOP = 21610
TWILIO_MAY_PASS = frozenset({20003, 20005, 20429, 21606, 21611, 30001})


@dataclass(frozen=True, slots=True)
class Reply:
    """A provider's answer over HTTP. `body`: of a JSON object, else empty."""

    status: int
    body: Mapping[str, Any]
    retry_after: str | None = None


def wait_of(retry_after: str | None, now: datetime) -> timedelta | None:
    """How long a `Retry-After` (seconds, or a date) asks to wait; None where it says nothing that can be read."""
    if retry_after is None:
        return None
    try:
        wait = timedelta(seconds=int(retry_after))
    except (ValueError, OverflowError):
        try:
            wait = parsedate_to_datetime(retry_after) - now
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(wait, timedelta()), LONGEST_WAIT)


def by_status(reply: Reply, said: str, now: datetime) -> Answer:
    """What the status alone says: 2xx is a yes; what may pass or is the account's fault is tried again; all else is final."""
    if 200 <= reply.status < 300:
        return Accepted(said)
    if reply.status in MAY_PASS or reply.status in OURS or reply.status >= 500:
        return NotNow(said, wait_of(reply.retry_after, now))
    return Rejected(said, bounced=reply.status == 410)


def webhook_answer(reply: Reply, now: datetime) -> Answer:
    """A webhook's receiver: 410 says that it wants no more."""
    return by_status(reply, str(reply.status), now)


def twilio_answer(reply: Reply, now: datetime) -> Answer:
    """The messages API: 201 with the message's `sid`, or an error with its `code`."""
    found = reply.body.get("code")
    code = found if isinstance(found, int) else None
    if 200 <= reply.status < 300:
        return Accepted(str(reply.body.get("sid") or reply.status))
    said = str(reply.status) if code is None else f"{reply.status} {code}"
    if code in TWILIO_MAY_PASS:
        return NotNow(said, wait_of(reply.retry_after, now))
    if code == SAID_STOP:
        return Rejected(said, stopped=True)
    if code in NO_NUMBER:
        return Rejected(said, bounced=True)
    return _by_status_once(reply, said, now)


def fcm_answer(reply: Reply, now: datetime) -> Answer:
    """FCM HTTP v1: the message's name, or an error whose details hold the messaging error code."""
    if 200 <= reply.status < 300:
        return Accepted(str(reply.body.get("name") or reply.status))
    code = _fcm_code(reply.body.get("error"))
    said = f"{reply.status} {code}" if code else str(reply.status)
    if code == "UNREGISTERED":
        return Rejected(said, bounced=True)
    if code in ("INVALID_ARGUMENT", "SENDER_ID_MISMATCH"):
        return Rejected(said)
    return _by_status_once(reply, said, now)


def _by_status_once(reply: Reply, said: str, now: datetime) -> Answer:
    """Of a provider that would take the same message twice."""
    return Unsure(said) if reply.status in PASSED_ON else by_status(reply, said, now)


def _fcm_code(error: object) -> str | None:
    if not isinstance(error, Mapping):
        return None
    details = error.get("details")
    codes = [d.get("errorCode") for d in details if isinstance(d, Mapping)] if isinstance(details, list) else []
    code = next((one for one in codes if isinstance(one, str)), error.get("status"))
    return code if isinstance(code, str) else None
