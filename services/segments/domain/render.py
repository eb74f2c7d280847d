"""A condition back to JSON in one canonical form, and the key by which equal leaves are one."""

import json
from base64 import urlsafe_b64encode
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from typing import assert_never

from services.segments.domain.condition import (
    All,
    Any,
    Bucket,
    Condition,
    EventAggregate,
    For,
    Leaf,
    LifeEvent,
    Not,
    SegmentRef,
    Selection,
    Sequence,
    Spend,
    Trait,
    TraitDate,
    Window,
    change_meant,
)
from shared.language.durations import format_day_offset, format_duration
from shared.language.exact import is_number, normal
from shared.language.predicates import comparison_to_json, predicate_to_json
from shared.language.reading import Object


def to_json(condition: Condition) -> Object:
    match condition:
        case All(of):
            return {"all": [to_json(child) for child in of]}
        case Any(of):
            return {"any": [to_json(child) for child in of]}
        case Not(child):
            return {"not": to_json(child)}
        case For(length, child):
            return {"for": format_duration(length), "of": to_json(child)}
        case SegmentRef(key):
            return {"segment": key}
        case Trait() | EventAggregate() | Spend() | LifeEvent() | TraitDate() | Sequence() | Bucket():
            return _leaf_to_json(condition)
        case _:
            assert_never(condition)


def _leaf_to_json(leaf: Leaf) -> Object:
    match leaf:
        case Trait(path, op, value):
            return {"trait": path, **comparison_to_json(op, value)}
        case EventAggregate():
            return _event_to_json(leaf)
        case Spend(basis, op, value, currency, within):
            return _present({"spend": basis, "currency": currency, **_window(within), "op": op, "value": value})
        case LifeEvent(kind, first, last, subject):
            days = {"from": format_day_offset(first), "until": format_day_offset(last)}
            return _present({"life_event": kind, "subject": subject, **days})
        case TraitDate(path, first, last, recurs):
            days = {"from": format_day_offset(first), "until": format_day_offset(last)}
            return _present({"trait_date": path, **days, "recurs": recurs})
        case Sequence(first_step, second_step, gap, absent, within):
            second = {**_selection_to_json(second_step), **({"absent": True} if absent else {})}
            return {
                "sequence": [_selection_to_json(first_step), second],
                "gap": format_duration(gap),
                **_window(within),
            }
        case Bucket(start, end, salt):
            return {"bucket": [start, end], "salt": salt}
        case _:
            assert_never(leaf)


def leaf_key(leaf: Leaf) -> str:
    """Equal for leaves that mean the same as they are written; the key of their common state."""
    return short_hash(_canonical(to_json(leaf)))


def short_hash(text: str) -> str:
    """96 bits in 16 characters: among a million leaves, two alike are less likely than one in 10¹⁶."""
    return urlsafe_b64encode(sha256(text.encode()).digest()[:12]).decode()


def _event_to_json(leaf: EventAggregate) -> Object:
    changed = change_meant(leaf)
    if changed is not None:
        ends = {"from": changed.old, "to": changed.new}
        return _present({"trait_changed": changed.path, **ends, **_window(leaf.within)})
    minus = leaf.minus and {**_selection_to_json(leaf.minus.selection), "property": leaf.minus.path}
    aggregate = None if leaf.aggregate == "count" else leaf.aggregate
    what = {"aggregate": aggregate, "property": leaf.path, "minus": minus, **_window(leaf.within)}
    return _present({**_selection_to_json(leaf.selection), **what, "op": leaf.op, "value": leaf.value})


def _selection_to_json(selection: Selection) -> Object:
    names = selection.names[0] if len(selection.names) == 1 else list(selection.names)
    where = [predicate_to_json(predicate) for predicate in selection.where]
    return _present({"event": names, "where": where or None})


def _window(within: Window | None) -> Object:
    if within is None:
        return {}
    return {"within": format_duration(within)} if isinstance(within, timedelta) else {"this": within}


def _present(fields: Object) -> Object:
    """Without what is None."""
    return {key: value for key, value in fields.items() if value is not None}


def _canonical(value: object) -> str:
    """One text for equal values: 1 and 1.0 the same, 1 and "1" not."""
    if isinstance(value, dict):
        items = sorted((json.dumps(key), _canonical(inner)) for key, inner in value.items())
        return "{" + ",".join(f"{key}:{inner}" for key, inner in items) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_canonical, value)) + "]"
    if is_number(value):
        number = normal(value)
        return str(number) if isinstance(number, Decimal) else f"{number:d}"
    return json.dumps(value)
