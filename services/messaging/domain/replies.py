"""Text messages that come back: whether they are from whom they say, and what they ask for.

Signatures: https://www.twilio.com/docs/usage/security#validating-requests (HMAC-SHA1 over the URL and the sorted fields).
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Literal

STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT", "STOPP", "ARRET"})
START = frozenset({"START", "UNSTOP", "YES"})


def is_signed(url: str, form: Mapping[str, str], signature: str, token: str) -> bool:
    """Whether who knows the account's token sent this form to this URL."""
    told = url + "".join(name + form[name] for name in sorted(form))
    expected = hmac.new(token.encode(), told.encode(), hashlib.sha1).digest()
    return hmac.compare_digest(base64.b64encode(expected).decode().encode(), signature.encode())


def asked_by(form: Mapping[str, str]) -> Literal["stop", "start"] | None:
    """By the carrier's own reading of it, else by its words."""
    word = form.get("OptOutType") or form.get("Body", "")
    word = word.strip().strip(".!\"'").upper()
    if word in STOP:
        return "stop"
    return "start" if word in START else None
