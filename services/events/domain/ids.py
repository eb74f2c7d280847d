"""Ids and names as callers write them."""

from typing import Any

from services.events.domain.records import Unusable

MAX_ID = 512
"""Characters; more would not fit into an index."""
MAX_TOKEN = 4096


def read_id(value: Any, field: str, longest: int = MAX_ID) -> str | None:
    """Text, or a whole number as its decimal text. null, "", blanks and absent are the same: there is none."""
    if value is None or value == "":
        return None
    if type(value) is int:  # not bool
        value = str(value)
    if not isinstance(value, str):
        raise Unusable("wrong_type", f"`{field}` must be text.")
    if len(value) > longest:
        raise Unusable("too_long", f"`{field}` has more than {longest} characters.")
    return None if value.isspace() else value


def read_event_name(value: Any) -> str:
    """The name of a track message's event."""
    if value is None or value == "":
        raise Unusable("no_event_name", "A track message needs the event's name in `event`.")
    if not isinstance(value, str):
        raise Unusable("wrong_type", "`event` must be text.")
    if value.isspace():
        raise Unusable("no_event_name", "A track message needs the event's name in `event`.")
    if len(value) > MAX_ID:
        raise Unusable("too_long", f"`event` has more than {MAX_ID} characters.")
    return value
