"""The usual batch, read fast: a strict reader takes it in one go, and one function makes each record.

Whatever is unusual about any message (an id that is a number, a time in seconds, a rare type, a value near its limits) sends the
whole batch the careful way (`envelope.py`, `message.py`), which comes to the same records; a test holds the two together.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from services.events.domain import clock
from services.events.domain.ids import MAX_ID
from services.events.domain.message import NAMES
from services.events.domain.payload import make_payload
from services.events.domain.records import Limits, Origin, Record, Unusable
from services.events.domain.values import is_plain, is_shallow
from services.events.domain.wire import Objects
from shared.plumbing.json import JsonError

AROUND = 8 * 1024
"""Bytes of a message that do not belong to its objects, at most: ids and names are limited."""


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


def usual_records(wires: Sequence[UsualWire], origin: Origin, limits: Limits) -> list[Record] | None:
    """The records to keep, or None if one of the messages needs the careful way."""
    records: list[Record] = []
    for wire in wires:
        try:
            record = _usual_record(wire, origin, limits)
        except (Unusable, OverflowError):
            return None
        if record is None:
            return None
        records.append(record)
    return records


def _usual_record(wire: UsualWire, origin: Origin, limits: Limits) -> Record | None:
    kind, user_id, anonymous_id = wire.type, wire.user_id or None, wire.anonymous_id or None
    name = wire.event if kind == "track" else NAMES.get(kind)
    payload = make_payload(wire, kind)
    if (
        (name is None and kind != "identify")
        or (user_id is None and anonymous_id is None)
        or not (_is_usual(wire.message_id) and (name is None or _is_usual(name)))
        or not (user_id is None or _is_usual(user_id))
        or not (anonymous_id is None or _is_usual(anonymous_id))
        or len(payload) + AROUND > limits.max_bytes
        or not is_shallow(payload, limits.max_depth)
    ):
        return None
    stamped, original = wire.timestamp or wire.original_timestamp, wire.original_timestamp or wire.timestamp
    sent_at = origin.sent_at or wire.sent_at
    if not (_is_utc(stamped) and _is_utc(original) and _is_utc(sent_at)):
        return None
    timestamp = clock.correct(stamped, sent_at=sent_at, received_at=origin.received_at)
    return Record(
        origin.source,
        wire.message_id,
        kind,
        name,
        user_id,
        anonymous_id,
        None,
        None,
        clock.check_plausible(timestamp),
        original,
        sent_at,
        origin.received_at,
        origin.imported,
        payload,
    )


def _is_usual(text: str) -> bool:
    return 0 < len(text) <= MAX_ID and not text.isspace()


def _is_utc(at: datetime | None) -> bool:
    return at is None or at.tzinfo is UTC
