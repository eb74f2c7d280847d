"""The usual batch made into rows in one pass; what its messages have in common with others is made once for all of them."""

import struct
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from services.events.domain import clock
from services.events.domain.dedup import begun_key
from services.events.domain.ids import MAX_ID
from services.events.domain.records import Limits, Origin
from services.events.domain.usual import Unusual, UsualWire, check_utc, usual_id, usual_ids, usual_name, usual_payload
from services.events.store.copying import NULL, Rows, micros, of_kind, of_person, of_request
from shared.plumbing.lanes import lane_of_text

PEOPLE = 16_384
"""Devices whose ids are kept ready: a customer who is here now sends some dozen messages."""

MICROSECOND = timedelta(microseconds=1)
_TIME = struct.Struct(">iq").pack
_TIMES = struct.Struct(">iqiq").pack
_LENGTH = struct.Struct(">i").pack
_LENGTHS = tuple(map(_LENGTH, range(4 * MAX_ID + 1)))
_EARLIEST, _LATEST = micros(clock.EARLIEST), micros(clock.LATEST)


def add_usual(rows: Rows, wires: Sequence[UsualWire], origin: Origin, limits: Limits) -> None:
    """Add the same rows as the careful way makes of them. Raises Unusual or Unusable if one of the messages needs that."""
    begun, received = begun_key(origin.source), micros(origin.received_at)
    together = _of_request(origin, origin.sent_at)
    for wire in wires:
        apart = origin.sent_at is None and wire.sent_at is not None
        request, shift = _of_request(origin, wire.sent_at) if apart else together
        lane, person = _of_person(wire.user_id, wire.anonymous_id)
        message_id = usual_id(wire.message_id).encode()
        payload = usual_payload(wire, limits)
        columns = (
            request,
            _of_kind(wire.type, wire.event),
            person,
            _LENGTHS[len(message_id)],
            message_id,
            _times(wire, shift, received),
            _LENGTH(len(payload)),
            payload,
        )
        key = begun.copy()
        key.update(message_id)
        rows.lanes.append(lane)
        rows.keys.append(key.digest())
        rows.columns.append(b"".join(columns))


def _of_request(origin: Origin, sent_at: datetime | None) -> tuple[bytes, int]:
    """Its columns, and the microseconds by which the client's clock is corrected."""
    check_utc(sent_at)
    shift = clock.correction(sent_at=sent_at, received_at=origin.received_at)
    return of_request(origin.received_at, sent_at, origin.source, origin.imported), shift // MICROSECOND


@lru_cache(maxsize=4096)
def _of_kind(kind: str, event: str | None) -> bytes:
    return of_kind(kind, usual_name(kind, event))


@lru_cache(maxsize=PEOPLE)
def _of_person(user_id: str | None, anonymous_id: str | None) -> tuple[int, bytes]:
    """The lane, and the columns up to the message's id."""
    user_id, anonymous_id = usual_ids(user_id, anonymous_id)
    return lane_of_text(anonymous_id or user_id or ""), of_person(user_id, anonymous_id) + NULL + NULL


def _times(wire: UsualWire, shift: int, received: int) -> bytes:
    """The time that counts, and the client's own stamp."""
    stamped = wire.timestamp or wire.original_timestamp
    if stamped is None:
        return _TIME(8, received) + NULL
    check_utc(stamped)
    at = original = micros(stamped)
    if wire.original_timestamp is not None and wire.original_timestamp is not stamped:
        check_utc(wire.original_timestamp)
        original = micros(wire.original_timestamp)
    if not _EARLIEST <= at + shift < _LATEST:
        raise Unusual
    return _TIMES(8, at + shift, 8, original)
