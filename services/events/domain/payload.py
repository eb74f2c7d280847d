"""A message's objects, joined to what is kept of them: as they stand, or with what belongs into them."""

from typing import Any

import msgspec

from services.events.domain.ids import MAX_ID, MAX_TOKEN, read_id
from services.events.domain.records import Unusable
from services.events.domain.wire import ABSENT, Objects
from shared.plumbing import json

BRACE = ord("{")


def make_payload(wire: Objects, kind: str) -> bytes:
    """A JSON object of properties, traits, context and identifiers, those that are not empty."""
    properties = _object(wire.properties, "properties")
    context = _object(wire.context, "context")
    traits = _object(wire.traits, "traits")
    if kind == "track" and properties and context and not traits and b'"externalIds"' not in context:
        return b"".join((b'{"properties":', properties, b',"context":', context, b"}"))  # what comes most, at a third
    return _join(wire, kind, properties, context, traits)


def _join(wire: Objects, kind: str, properties: bytes, context: bytes, traits: bytes) -> bytes:
    parts = []
    if kind != "track":
        properties = _with_what_stands_beside(wire, kind, properties)
    if properties:
        parts.append(b'"properties":' + properties)
    if kind == "identify":
        traits = _with_traits_of_context(traits, context)
    if traits:
        parts.append(b'"traits":' + traits)
    if context:
        parts.append(b'"context":' + context)
        if b'"externalIds"' in context and (identifiers := _identifiers(context)):
            parts.append(b'"identifiers":' + identifiers)
    return b"{%b}" % b",".join(parts)


def _object(raw: msgspec.Raw, field: str) -> bytes:
    """The object's text, or nothing where there is none."""
    if raw is ABSENT:
        return b""
    text = bytes(raw)
    if text in (b"null", b"{}"):
        return b""
    if text[0] != BRACE:
        raise Unusable("wrong_type", f"`{field}` must be an object.")
    return text


def _with_what_stands_beside(wire: Objects, kind: str, own: bytes) -> bytes:
    """With what stands beside the properties and belongs among them: a page's name and category, a group's id."""
    extra: dict[str, Any] = {}
    if kind in ("page", "screen"):
        beside = {"name": wire.name, "category": wire.category}
        extra = {name: value for name, value in beside.items() if value not in (None, "")}
    elif kind == "group":
        group_id = read_id(wire.group_id, "groupId")
        if group_id is None:
            raise Unusable("no_id", "A group message needs `groupId`.")
        extra = {"groupId": group_id}
    elif kind in ("device", "device_removed"):
        _check_token(own)
    return json.dumps((json.loads(own) if own else {}) | extra) if extra else own


def _check_token(properties: bytes) -> None:
    token = json.loads(properties).get("token") if properties else None
    if read_id(token, "device.id", MAX_TOKEN) is None:
        raise Unusable("no_id", "A device message needs the device's id.")


def _with_traits_of_context(own: bytes, context: bytes) -> bytes:
    """Some SDKs put an identify's traits into the context; its own win."""
    if b'"traits"' not in context:
        return own
    in_context = json.loads(context).get("traits")
    if not isinstance(in_context, dict) or not in_context:
        return own
    return json.dumps(in_context | (json.loads(own) if own else {}))


def _identifiers(context: bytes) -> bytes:
    """`context.externalIds`, as a map from namespace to the first id of it."""
    given = json.loads(context).get("externalIds")
    found: dict[str, str] = {}
    for item in given if isinstance(given, list) else ():
        namespace, value = (item.get("type"), item.get("id")) if isinstance(item, dict) else (None, None)
        if isinstance(namespace, str) and namespace.strip() and len(namespace) <= MAX_ID:
            identifier = read_id(value, "context.externalIds")
            if identifier is not None:
                found.setdefault(namespace, identifier)
    return json.dumps(found) if found else b""
