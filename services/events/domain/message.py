"""Reads one message of the tracking spec: what it is, whose it is, when it was, and whether it can be used at all."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from services.events.domain import clock, values
from services.events.domain.records import Limits, Origin, Record, Refusal, Unusable
from shared.plumbing import json

PUBLIC = frozenset({"track", "page", "screen", "identify", "group", "alias"})
TYPES = {
    "segment": PUBLIC,
    "customerio": PUBLIC | {"device", "device_removed", "erase", "merge", "suppress", "unsuppress"},
}
NAMES = {"page": "Page Viewed", "screen": "Screen Viewed"}
MAX_ID = 512
MAX_TOKEN = 4096
EMPTY = msgspec.Raw(b"")


class Wire(msgspec.Struct, rename="camel", gc=False):
    """A message as it is sent. Objects stay as they stand, unless something in them is needed."""

    type: Any = None
    event: Any = None
    name: Any = None
    category: Any = None
    message_id: Any = None
    user_id: Any = None
    anonymous_id: Any = None
    previous_id: Any = None
    group_id: Any = None
    timestamp: Any = None
    original_timestamp: Any = None
    sent_at: Any = None
    properties: msgspec.Raw = EMPTY
    traits: msgspec.Raw = EMPTY
    context: msgspec.Raw = EMPTY


class _Ids(msgspec.Struct, rename="camel", gc=False):
    message_id: Any = None
    user_id: Any = None
    anonymous_id: Any = None


_wire = msgspec.json.Decoder(Wire, float_hook=Decimal)
_ids = msgspec.json.Decoder(_Ids)


def read_message(
    raw: bytes, origin: Origin, *, new_id: str, limits: Limits, is_plain: bool = False, path_type: str | None = None
) -> Record | Refusal:
    """The record to keep, or why there can be none. `new_id` serves a message that has no messageId.

    `path_type` is the type that the path gives; `is_plain` says that the values need no closer look.
    """
    try:
        wire = _decode(raw, limits, is_plain=is_plain)
        return _record(wire, origin, path_type or wire.type, new_id=new_id)
    except Unusable as unusable:
        return Refusal(unusable.reason, unusable.detail, *_readable_ids(raw))


def _decode(raw: bytes, limits: Limits, *, is_plain: bool) -> Wire:
    if len(raw) > limits.max_bytes:
        raise Unusable("too_large", f"The message has {len(raw)} bytes; {limits.max_bytes} are allowed.")
    if not (is_plain or values.is_plain(raw)) or not values.is_shallow(raw, limits.max_depth):
        values.look_closely(raw, limits.max_depth)
    try:
        return _wire.decode(raw)
    except msgspec.ValidationError as error:
        raise Unusable("wrong_type", "The message is not a JSON object.") from error
    except msgspec.DecodeError as error:
        raise values.invalid_json(error) from error


def _readable_ids(raw: bytes) -> tuple[str | None, str | None, str | None]:
    """The ids of a message that can't be used, to find it by."""
    try:
        ids = _ids.decode(raw)
    except json.JsonError:
        return None, None, None
    return _shown(ids.message_id), _shown(ids.user_id), _shown(ids.anonymous_id)


def _shown(value: Any) -> str | None:
    text = str(value) if isinstance(value, str | int) else ""
    return text[:MAX_ID].replace("\x00", "") or None


def _record(wire: Wire, origin: Origin, kind: Any, *, new_id: str) -> Record:
    if not isinstance(kind, str) or kind not in TYPES[origin.form]:
        raise Unusable("unknown_type", "`type` must be one of track, page, screen, identify, group, alias.")
    user_id = read_id(wire.user_id, field="userId")
    anonymous_id = read_id(wire.anonymous_id, field="anonymousId")
    previous_id = read_id(wire.previous_id, field="previousId") if kind in ("alias", "merge") else None
    if kind == "alias" and previous_id is None:
        previous_id, anonymous_id = anonymous_id, None
    _check_ids(kind, user_id, anonymous_id, previous_id)
    stamped, original = _stamps(wire)
    sent_at = origin.sent_at or clock.read_sent_at(wire.sent_at)
    return Record(
        origin.source,
        read_id(wire.message_id, field="messageId") or new_id,
        kind,
        _event_name(wire, kind),
        user_id,
        anonymous_id,
        previous_id,
        None,
        clock.check_plausible(_corrected(stamped, sent_at, origin.received_at)),
        original,
        sent_at,
        origin.received_at,
        origin.imported,
        _payload(wire, kind),
    )


def read_id(value: Any, *, field: str, longest: int = MAX_ID) -> str | None:
    """Text, or a whole number as its decimal text. null, "" and absent are the same."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise Unusable("wrong_type", f"`{field}` must be text.")
    if len(value) > longest:
        raise Unusable("too_long", f"`{field}` has more than {longest} characters.")
    return value if value.strip() else None


def _check_ids(kind: str, user_id: str | None, anonymous_id: str | None, previous_id: str | None) -> None:
    if kind in ("alias", "merge") and not (user_id and previous_id):
        raise Unusable("no_id", f"{kind} needs both `userId` and `previousId`.")
    if not (user_id or anonymous_id):
        raise Unusable("no_id", "There is neither a `userId` nor an `anonymousId`.")


def _event_name(wire: Wire, kind: str) -> str | None:
    if kind != "track":
        return NAMES.get(kind)
    if wire.event is None or wire.event == "":
        raise Unusable("no_event_name", "A track message needs the event's name in `event`.")
    if not isinstance(wire.event, str):
        raise Unusable("wrong_type", "`event` must be text.")
    if not wire.event.strip():
        raise Unusable("no_event_name", "A track message needs the event's name in `event`.")
    if len(wire.event) > MAX_ID:
        raise Unusable("too_long", f"`event` has more than {MAX_ID} characters.")
    return wire.event


def _stamps(wire: Wire) -> tuple[datetime | None, datetime | None]:
    """The stamp that counts, and the one to keep as the client's own."""
    timestamp = clock.read_stamp(wire.timestamp, field="timestamp")
    original = clock.read_stamp(wire.original_timestamp, field="originalTimestamp")
    return timestamp or original, original or timestamp


def _corrected(stamped: datetime | None, sent_at: datetime | None, received_at: datetime) -> datetime:
    try:
        return clock.correct(stamped, sent_at=sent_at, received_at=received_at)
    except OverflowError as error:
        raise Unusable("bad_timestamp", "The event's time lies outside the years 1900 to 2199.") from error


# --- the payload: the objects as they stand, or with what belongs into them


def _payload(wire: Wire, kind: str) -> bytes:
    context = _object(wire.context, field="context")
    parts = {
        "properties": _properties(wire, kind),
        "traits": _traits(wire, kind, context),
        "context": context,
        "identifiers": _identifiers(context),
    }
    return b"{%s}" % b",".join(b'"%s":%s' % (name.encode(), text) for name, text in parts.items() if text)


def _object(raw: msgspec.Raw, *, field: str) -> bytes:
    """The object's text, or nothing where there is none."""
    text = bytes(raw)
    if text in (b"", b"null", b"{}"):
        return b""
    if not text.startswith(b"{"):
        raise Unusable("wrong_type", f"`{field}` must be an object.")
    return text


def _properties(wire: Wire, kind: str) -> bytes:
    own = _object(wire.properties, field="properties")
    extra = _extra_properties(wire, kind)
    return json.dumps((json.loads(own) if own else {}) | extra) if extra else own


def _extra_properties(wire: Wire, kind: str) -> dict[str, Any]:
    """What stands beside the properties and belongs among them: a page's name and category, a group's id."""
    if kind in ("page", "screen"):
        return {name: value for name in ("name", "category") if (value := getattr(wire, name)) not in (None, "")}
    if kind in ("device", "device_removed"):
        _check_token(wire)
    if kind == "group":
        group_id = read_id(wire.group_id, field="groupId")
        if group_id is None:
            raise Unusable("no_id", "A group message needs `groupId`.")
        return {"groupId": group_id}
    return {}


def _check_token(wire: Wire) -> None:
    properties = json.loads(wire.properties) if bytes(wire.properties).startswith(b"{") else {}
    if read_id(properties.get("token"), field="device.id", longest=MAX_TOKEN) is None:
        raise Unusable("no_id", "A device message needs the device's id.")


def _traits(wire: Wire, kind: str, context: bytes) -> bytes:
    own = _object(wire.traits, field="traits")
    if kind != "identify" or b'"traits"' not in context:
        return own
    in_context = json.loads(context).get("traits")
    if not isinstance(in_context, dict) or not in_context:
        return own
    return json.dumps(in_context | (json.loads(own) if own else {}))


def _identifiers(context: bytes) -> bytes:
    """`context.externalIds`, as a map from namespace to the first id of it."""
    if b'"externalIds"' not in context:
        return b""
    given = json.loads(context).get("externalIds")
    found: dict[str, str] = {}
    for item in given if isinstance(given, list) else ():
        namespace, value = (item.get("type"), item.get("id")) if isinstance(item, dict) else (None, None)
        if isinstance(namespace, str) and namespace.strip() and len(namespace) <= MAX_ID:
            identifier = read_id(value, field="context.externalIds")
            if identifier is not None:
                found.setdefault(namespace, identifier)
    return json.dumps(found) if found else b""
