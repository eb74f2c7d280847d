"""PostHog's capture API as messages of the tracking spec."""

from typing import Any

Message = dict[str, Any]
EVENTS = {"$pageview": "page", "$screen": "screen"}


def messages_of(item: Any) -> list[Any]:
    """What one captured event says: the event, and, where it sets properties of the person, an identify beside it."""
    if not isinstance(item, dict):
        return [item]
    properties = object_of(item.get("properties"))
    person = {
        "messageId": item.get("uuid") or item.get("message_id"),
        "userId": item.get("distinct_id") or properties.get("distinct_id"),
        "timestamp": item.get("timestamp"),
    }
    name = item.get("event")
    traits = _traits(item, properties)
    match name:
        case "$identify":
            return [{"type": "identify", "anonymousId": properties.get("$anon_distinct_id"), "traits": traits} | person]
        case "$set" | "$set_once":
            return [{"type": "identify", "traits": traits} | person]
        case "$create_alias" | "$merge_dangerously":
            return [{"type": "alias", "previousId": person["userId"]} | person | {"userId": properties.get("alias")}]
        case "$groupidentify":
            group = {"groupId": properties.get("$group_key"), "traits": properties.get("$group_set")}
            return [{"type": "group"} | group | person]
        case _:
            pass
    event = _event(name, properties) | person
    return [event, _beside(event, traits)] if traits else [event]


def object_of(value: Any) -> Message:
    """The object, or an empty one where there is something else."""
    return value if isinstance(value, dict) else {}


def _event(name: Any, properties: Message) -> Message:
    own = {key: value for key, value in properties.items() if key not in ("$set", "$set_once")}
    kind = EVENTS.get(name) if isinstance(name, str) else None
    if kind == "page":
        return {"type": kind, "name": properties.get("title") or properties.get("$pathname"), "properties": own}
    if kind == "screen":
        return {"type": kind, "name": properties.get("$screen_name"), "properties": own}
    return {"type": "track", "event": name, "properties": own}


def _traits(item: Message, properties: Message) -> Message:
    found: Message = {}
    for place in (item, properties):
        for name in ("$set_once", "$set"):
            found |= object_of(place.get(name))
    return found


def _beside(event: Message, traits: Message) -> Message:
    message_id = event.get("messageId")
    beside = {name: event[name] for name in ("userId", "timestamp")}
    return {"type": "identify", "messageId": f"{message_id}:set" if message_id else None, "traits": traits} | beside
