"""Aggregates of events: `{"at": [instant, …], "values": [value, …], "past": …}`; counts need no values.

In order of time. With a window the points stay until it has passed them. Without one, those that have happened are
merged into `past`, which does not depend on their order: `[count, total]`, or for min, max and distinct the values
that still matter.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import NotRequired, TypedDict, cast

from services.segments.domain.condition import EventAggregate, Selection
from services.segments.domain.engine.verdict import Verdict
from services.segments.domain.facts import Event, micros, micros_of
from shared.language.compare import compare, kind_of
from shared.language.exact import Number, add, is_number, multiply, normal, subtract
from shared.language.paths import find_one
from shared.language.predicates import all_hold

# How many boundaries to look ahead for the one at which the truth really changes; each saves a needless look at a timer.
LOOKAHEAD = 32


class Points(TypedDict):
    at: list[int]
    values: NotRequired[list[object]]
    past: NotRequired[list[object]]


def selects(selection: Selection, event: Event) -> bool:
    return event.name in selection.names and all_hold(selection.where, event.properties, event.context)


def fold(leaf: EventAggregate, state: Points | None, events: Iterable[Event]) -> Points | None:
    new = [(micros(event.timestamp), value) for event in events if (value := _contribution(leaf, event)) is not None]
    if not new:
        return state
    at = list(state["at"]) if state else []
    values = list(state.get("values", ())) if state else []
    for instant, value in new:
        position = _position(at, values, instant, value)
        at.insert(position, instant)
        if leaf.aggregate != "count":
            values.insert(position, value)
    return cast(Points, {**(state or {}), "at": at, **({"values": values} if values else {})})


def _contribution(leaf: EventAggregate, event: Event) -> object:
    """What one event adds to the aggregate; None if nothing."""
    if leaf.aggregate == "sum":
        plus = _number(leaf.selection, leaf.path, event)
        less = _number(leaf.minus.selection, leaf.minus.path, event) if leaf.minus else 0
        return subtract(plus, less) or None
    if not selects(leaf.selection, event):
        return None
    if leaf.path is None:
        return 1
    value = find_one(event.properties, leaf.path)
    if is_number(value):
        return normal(value)
    return value if leaf.aggregate == "distinct" and kind_of(value) is not None else None


def _number(selection: Selection, path: str | None, event: Event) -> Number:
    value = find_one(event.properties, path) if path is not None and selects(selection, event) else 0
    return value if is_number(value) else 0


def _position(at: list[int], values: list[object], instant: int, value: object) -> int:
    """By time, then by value: one order for the same points, however they arrived."""
    first, end = bisect_left(at, instant), bisect_right(at, instant)
    return bisect_left(values, _in_order(value), first, end, key=_in_order) if values and first < end else end


def _in_order(value: object) -> tuple[str, object]:
    return str(kind_of(value)), value


def trim(leaf: EventAggregate, state: Points, t: int) -> Points | None:
    at, values = state["at"], state.get("values")
    gone = bisect_right(at, t if leaf.within is None else t - micros_of(leaf.within))
    if not gone:
        return state
    kept: Points = {"at": at[gone:]}
    if values is not None and gone < len(at):
        kept["values"] = values[gone:]
    if leaf.within is None:
        kept["past"] = _merged(leaf, state.get("past"), gone, values[:gone] if values else [])
    return kept if kept["at"] or leaf.within is None else None


def _merged(leaf: EventAggregate, past: list[object] | None, count: int, values: list[object]) -> list[object]:
    if _is_tallied(leaf):
        known_count, total = cast(tuple[int, Number], past or (0, 0))
        return [known_count + count, _total(total, values)]
    known = [*(past or []), *values]
    if leaf.aggregate == "distinct":
        return [value for _, value in sorted({(str(kind_of(value)), value) for value in known})]
    numbers = cast(list[Number], known)
    return [min(numbers) if leaf.aggregate == "min" else max(numbers)]


def evaluate(leaf: EventAggregate, state: Points | None, t: int) -> Verdict:
    known: Points = state or {"at": []}
    at, values, past = known["at"], known.get("values", []), known.get("past")
    length = None if leaf.within is None else micros_of(leaf.within)
    start, end = 0 if length is None else bisect_right(at, t - length), bisect_right(at, t)
    if not _is_tallied(leaf):
        truth = _collected_holds(leaf, [*(past or []), *values[start:end]])
        return Verdict(truth, _next_boundary(at, length, start, end))
    past_count, past_total = cast(tuple[int, Number], past or (0, 0))
    tally = past_count + end - start, _total(past_total, values[start:end])
    return Verdict(_tally_holds(leaf, *tally), _next_change(leaf, known, start, end, tally))


def _next_boundary(at: list[int], length: int | None, start: int, end: int) -> int | None:
    """When the next point enters or the first one leaves, those from `start` to `end` being in the window."""
    entering = at[end] if end < len(at) else None
    if length is None or start == end:
        return entering
    leaving = at[start] + length
    return leaving if entering is None or leaving < entering else entering


def _next_change(leaf: EventAggregate, state: Points, start: int, end: int, tally: tuple[int, Number]) -> int | None:
    at, values = state["at"], state.get("values")
    length = None if leaf.within is None else micros_of(leaf.within)
    count, total = tally
    truth = _tally_holds(leaf, count, total)
    boundary: int | None = None
    for _ in range(LOOKAHEAD):
        boundary = _next_boundary(at, length, start, end)
        if boundary is None:
            break
        entered, end = end, bisect_right(at, boundary, end)
        left, start = start, start if length is None else bisect_right(at, boundary - length, start)
        count += (end - entered) - (start - left)
        if values:
            total = subtract(_total(total, values[entered:end]), _total(0, values[left:start]))
        if _tally_holds(leaf, count, total) is not truth:
            break
    return boundary


def _is_tallied(leaf: EventAggregate) -> bool:
    return leaf.aggregate in ("count", "sum", "avg")


def _total(start: Number, values: Iterable[object]) -> Number:
    for value in values:
        start = add(start, cast(Number, value))
    return start


def _tally_holds(leaf: EventAggregate, count: int, total: Number) -> bool:
    if leaf.aggregate == "count":
        return compare(leaf.op, count, leaf.value)
    if leaf.aggregate == "sum":
        return compare(leaf.op, total, leaf.value)
    return count > 0 and compare(leaf.op, total, multiply(leaf.value, count))


def _collected_holds(leaf: EventAggregate, values: list[object]) -> bool:
    if leaf.aggregate == "distinct":
        return compare(leaf.op, len({(kind_of(value), value) for value in values}), leaf.value)
    numbers = cast(list[Number], values)
    return bool(numbers) and compare(leaf.op, min(numbers) if leaf.aggregate == "min" else max(numbers), leaf.value)
