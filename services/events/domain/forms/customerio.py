"""Customer.io's Track API (v1 and v2) as messages of the tracking spec and the few types beyond it.

An id of a customer is taken as the user id, whether it is an id or an e-mail address: it is what the caller calls them by.
"""

from typing import Any

Message = dict[str, Any]
ID_TYPES = ("id", "email")
"""How a person may be named where an object does it. `cio_id` is known to Customer.io only."""


def identify(customer_id: str, body: Message) -> Message:
    """`PUT /customers/{id}`: the body is the attributes."""
    traits = {name: value for name, value in body.items() if name not in ("_update", "anonymous_id")}
    return {"type": "identify", "userId": customer_id, "anonymousId": body.get("anonymous_id"), "traits": traits}


def erase(customer_id: str) -> Message:
    """`DELETE /customers/{id}`."""
    return {"type": "erase", "userId": customer_id}


def event(customer_id: str | None, body: Message) -> Message:
    """`POST /customers/{id}/events` and, with an `anonymous_id` or none, `POST /events`."""
    kind = body.get("type") if body.get("type") in ("page", "screen") else "track"
    message = {
        "type": kind,
        "messageId": body.get("id"),
        "userId": customer_id,
        "anonymousId": body.get("anonymous_id"),
        "timestamp": body.get("timestamp"),
        "properties": body.get("data"),
    }
    return message | ({"event": body.get("name")} if kind == "track" else {"name": body.get("name")})


def suppress(customer_id: str) -> Message:
    """`POST /customers/{id}/suppress`."""
    return {"type": "suppress", "userId": customer_id}


def unsuppress(customer_id: str) -> Message:
    """`POST /customers/{id}/unsuppress`."""
    return {"type": "unsuppress", "userId": customer_id}


def add_device(customer_id: str | None, device: Any) -> Message:
    """`PUT /customers/{id}/devices`: the properties are `token`, `platform`, `app_version` and what else is known."""
    properties = device
    if isinstance(device, dict):
        attributes = _object(device.get("attributes"))
        properties = {name: value for name, value in device.items() if name not in ("id", "token", "attributes")}
        properties = {"token": device.get("token") or device.get("id")} | attributes | properties
    return {"type": "device", "userId": customer_id, "properties": properties}


def remove_device(customer_id: str | None, token: Any) -> Message:
    """`DELETE /customers/{id}/devices/{device}`."""
    return {"type": "device_removed", "userId": customer_id, "properties": {"token": token}}


def merge(body: Message) -> Message:
    """`POST /merge_customers`: the secondary becomes part of the primary."""
    return {"type": "merge", "userId": _named(body.get("primary")), "previousId": _named(body.get("secondary"))}


def _named(identifiers: Any) -> Any:
    """The id in an object like `{"id": "5"}`; None if it holds none that means anything here."""
    if not isinstance(identifiers, dict):
        return None
    return next((identifiers[name] for name in ID_TYPES if identifiers.get(name)), None)


def operation(item: Any) -> Any:
    """One operation of `POST /api/v2/batch`; what is not for people comes out as of an unknown type."""
    if not isinstance(item, dict) or item.get("type", "person") != "person":
        return _unknown(item) if isinstance(item, dict) else item
    action = item.get("action")
    who = _object(item.get("identifiers"))
    user_id = _named(who)
    if action == "identify":
        message = identify(user_id, _object(item.get("attributes")))
    elif action in ("event", "page", "screen"):
        body = {"type": action, "name": item.get("name"), "data": item.get("attributes"), "id": item.get("id")}
        message = event(user_id, body | {"timestamp": item.get("timestamp")})
    else:
        message = _rare(action, item, user_id)
    anonymous_id = who.get("anonymous_id") or message.get("anonymousId")
    return message | {"anonymousId": anonymous_id, "timestamp": item.get("timestamp")}


def _rare(action: Any, item: Message, user_id: Any) -> Message:
    match action:
        case "delete":
            return erase(user_id)
        case "suppress":
            return suppress(user_id)
        case "unsuppress":
            return unsuppress(user_id)
        case "merge":
            return merge(item)
        case "add_device":
            return add_device(user_id, item.get("device"))
        case "delete_device":
            device = _object(item.get("device"))
            return remove_device(user_id, device.get("token") or device.get("id"))
        case _:
            return _unknown(item)


def _unknown(item: Message) -> Message:
    """The item itself, with a type that no message has."""
    return item | {"type": f"{item.get('type')} {item.get('action')}"}


def _object(value: Any) -> Message:
    return value if isinstance(value, dict) else {}
