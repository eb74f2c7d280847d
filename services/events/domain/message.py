"""Reads one message of the tracking spec: what it is, whose it is, when it was, and whether it can be used at all."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from services.events.domain import clock, values
from services.events.domain.ids import MAX_ID, read_event_name, read_id
from services.events.domain.payload import make_payload
from services.events.domain.records import Limits, Origin, Record, Refusal, Unusable
from services.events.domain.wire import Wire, decode_ids, decode_wire
from shared.plumbing import json

PUBLIC = frozenset({"track", "page", "screen", "identify", "group", "alias"})
TYPES = {
    "segment": PUBLIC,
    "customerio": PUBLIC | {"device", "device_removed", "erase", "merge", "suppress", "unsuppress"},
}
LINKING = frozenset({"alias", "merge"})
NAMES = {"page": "Page Viewed", "screen": "Screen Viewed"}
MakeId = Callable[[], object]


def read_message(
    raw: bytes,
    origin: Origin,
    *,
    make_id: MakeId,
    limits: Limits,
    is_plain: bool = False,
    path_type: str | None = None,
) -> Record | Refusal:
    """The record to keep, or why there can be none. `make_id` serves a message that has no messageId.

    `path_type` is the type that the path gives; `is_plain` says that the values need no closer look.
    """
    try:
        wire = _decode(raw, limits, is_plain=is_plain)
        return _record(wire, origin, path_type or wire.type, make_id)
    except Unusable as unusable:
        return Refusal(unusable.reason, unusable.detail, *_readable_ids(raw))


def _decode(raw: bytes, limits: Limits, *, is_plain: bool) -> Wire:
    if len(raw) > limits.max_bytes:
        raise Unusable("too_large", f"The message has {len(raw)} bytes; {limits.max_bytes} are allowed.")
    if not (is_plain or values.is_plain(raw)) or not values.is_shallow(raw, limits.max_depth):
        values.look_closely(raw, limits.max_depth)
    try:
        return decode_wire(raw)
    except msgspec.ValidationError as error:
        raise Unusable("wrong_type", "The message is not a JSON object.") from error
    except msgspec.DecodeError as error:
        raise values.invalid_json(error) from error


def _readable_ids(raw: bytes) -> tuple[str | None, str | None, str | None]:
    """The ids of a message that can't be used, to find it by."""
    try:
        ids = decode_ids(raw)
    except json.JsonError:
        return None, None, None
    return _shown(ids.message_id), _shown(ids.user_id), _shown(ids.anonymous_id)


def _shown(value: Any) -> str | None:
    text = str(value) if isinstance(value, str | int) else ""
    return text[:MAX_ID].replace("\x00", "") or None


def _record(wire: Wire, origin: Origin, kind: Any, make_id: MakeId) -> Record:
    if not isinstance(kind, str) or kind not in TYPES[origin.form]:
        raise Unusable("unknown_type", "`type` must be one of track, page, screen, identify, group, alias.")
    user_id = read_id(wire.user_id, "userId")
    anonymous_id = read_id(wire.anonymous_id, "anonymousId")
    previous_id = read_id(wire.previous_id, "previousId") if kind in LINKING else None
    if kind == "alias" and previous_id is None:
        previous_id, anonymous_id = anonymous_id, None
    _check_ids(kind, user_id, anonymous_id, previous_id)
    timestamp, original, sent_at = _times(wire, origin)
    return Record(
        origin.source,
        read_id(wire.message_id, "messageId") or str(make_id()),
        kind,
        read_event_name(wire.event) if kind == "track" else NAMES.get(kind),
        user_id,
        anonymous_id,
        previous_id,
        None,
        timestamp,
        original,
        sent_at,
        origin.received_at,
        origin.imported,
        make_payload(wire, kind),
    )


def _check_ids(kind: str, user_id: str | None, anonymous_id: str | None, previous_id: str | None) -> None:
    if kind in LINKING and not (user_id and previous_id):
        raise Unusable("no_id", f"{kind} needs both `userId` and `previousId`.")
    if not (user_id or anonymous_id):
        raise Unusable("no_id", "There is neither a `userId` nor an `anonymousId`.")


def _times(wire: Wire, origin: Origin) -> tuple[datetime, datetime | None, datetime | None]:
    """The time that counts, the client's own stamp, and when it was sent."""
    timestamp = clock.read_stamp(wire.timestamp, "timestamp")
    original = clock.read_stamp(wire.original_timestamp, "originalTimestamp")
    sent_at = origin.sent_at or clock.read_sent_at(wire.sent_at)
    try:
        counts = clock.correct(timestamp or original, sent_at=sent_at, received_at=origin.received_at)
    except OverflowError as error:
        raise Unusable("bad_timestamp", "The event's time lies outside the years 1900 to 2199.") from error
    return clock.check_plausible(counts), original or timestamp, sent_at
