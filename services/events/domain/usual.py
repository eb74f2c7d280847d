"""The usual batch, read fast: a strict reader takes it in one go, and what its messages have in common is judged once.

Whatever is unusual about any message (an id that is a number, a time in seconds, a rare type, a value near its limits) sends the
whole batch the careful way (`envelope.py`, `message.py`), which comes to the same rows; a test holds the two together.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec

from services.events.domain.ids import MAX_ID
from services.events.domain.message import NAMES
from services.events.domain.payload import make_payload
from services.events.domain.records import Limits
from services.events.domain.values import is_plain, is_shallow
from services.events.domain.wire import Objects
from shared.plumbing.json import JsonError

AROUND = 8 * 1024
"""Bytes of a message that do not belong to its objects, at most: ids and names are limited."""


class Unusual(Exception):
    """This message needs the careful way."""


class UsualWire(Objects, rename="camel", gc=False, kw_only=True):
    """A message whose ids, names and times are written as nearly everybody writes them."""

    type: str
    message_id: str
    event: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    timestamp: datetime | None = None
    original_timestamp: datetime | None = None
    sent_at: datetime | None = None


class UsualBatch(msgspec.Struct, rename="camel", gc=False):
    """Such messages, and what surrounds them."""

    batch: list[UsualWire]
    sent_at: Any = None
    write_key: Any = None


_decode = msgspec.json.Decoder(UsualBatch).decode


def read_usual(body: bytes) -> UsualBatch | None:
    """The batch, or None if it needs the careful way."""
    try:
        return _decode(body) if is_plain(body) else None
    except JsonError:
        return None


def usual_name(kind: str, event: str | None) -> str | None:
    """The name of an event of this type, None for an identify. Raises Unusual."""
    if kind == "identify":
        return None
    return usual_id(event if kind == "track" else NAMES.get(kind))


def usual_ids(user_id: str | None, anonymous_id: str | None) -> tuple[str | None, str | None]:
    """Whose a message is; one of the two is given. Raises Unusual."""
    user_id, anonymous_id = user_id or None, anonymous_id or None
    if user_id is None and anonymous_id is None:
        raise Unusual
    return user_id and usual_id(user_id), anonymous_id and usual_id(anonymous_id)


def usual_id(text: str | None) -> str:
    """The id itself. Raises Unusual if it is none, blank, or too long."""
    if text and len(text) <= MAX_ID and not text.isspace():
        return text
    raise Unusual


def usual_payload(wire: UsualWire, limits: Limits) -> bytes:
    """What `make_payload` makes. Raises Unusual if it is large or deep, Unusable if there can be none."""
    payload = make_payload(wire, wire.type)
    if len(payload) + AROUND > limits.max_bytes or not is_shallow(payload, limits.max_depth):
        raise Unusual
    return payload


def check_utc(at: datetime | None) -> None:
    """Raises Unusual for a time that is not written in UTC."""
    if at is not None and at.tzinfo is not UTC:
        raise Unusual
