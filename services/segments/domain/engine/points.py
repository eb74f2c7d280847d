"""Aggregates of events: `{"points": [[instant, value], …], "past": …}`.

Points are ordered by time. With a window they stay until it has passed them. Without one, those that have happened are
merged into `past`, which does not depend on their order: `[count, total]`, or for min, max and distinct the values
that still matter.
"""

from bisect import bisect_right
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

Point = list[object]  # [instant, value]


class Points(TypedDict):
    points: list[Point]
    past: NotRequired[list[object]]


def selects(selection: Selection, event: Event) -> bool:
    return event.name in selection.names and all_hold(selection.where, event.properties, event.context)


def fold(leaf: EventAggregate, state: Points | None, events: Iterable[Event]) -> Points | None:
    new: list[Point] = []
    for event in events:
        value = _contribution(leaf, event)
        if value is not None:
            new.append([micros(event.timestamp), value])
    if not new:
        return state
    points = sorted([*state["points"], *new] if state else new, key=_in_order)
    return cast(Points, {**(state or {}), "points": points})


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


def _in_order(point: Point) -> tuple[int, str, object]:
    """One order for the same points, however they arrived."""
    return cast(int, point[0]), str(kind_of(point[1])), point[1]


def trim(leaf: EventAggregate, state: Points, t: int) -> Points | None:
    points = state["points"]
    if leaf.within is not None:
        kept = points[_later_than(points, t - micros_of(leaf.within)) :]
        return {"points": kept} if kept else None
    happened = _later_than(points, t)
    if not happened:
        return state
    return {"points": points[happened:], "past": _merged(leaf, state.get("past"), points[:happened])}


def _merged(leaf: EventAggregate, past: list[object] | None, points: list[Point]) -> list[object]:
    if _is_tallied(leaf):
        tally = _Tally(leaf, past)
        for point in points:
            tally.take(point, 1)
        return [tally.count, tally.total]
    values = [*(past or []), *(point[1] for point in points)]
    if leaf.aggregate == "distinct":
        return [value for _, value in sorted({(str(kind_of(value)), value) for value in values})]
    numbers = cast(list[Number], values)
    return [min(numbers) if leaf.aggregate == "min" else max(numbers)]


def evaluate(leaf: EventAggregate, state: Points | None, t: int) -> Verdict:
    points = state["points"] if state else []
    past = state.get("past") if state else None
    length = None if leaf.within is None else micros_of(leaf.within)
    window = _Window(points, length, t)
    if not _is_tallied(leaf):
        values = [*(past or []), *(point[1] for point in points[window.start : window.end])]
        return Verdict(_collected_holds(leaf, values), window.advance()[0])
    tally = _Tally(leaf, past)
    for point in points[window.start : window.end]:
        tally.take(point, 1)
    return Verdict(truth := tally.holds(), _next_change(window, tally, truth=truth))


def _next_change(window: "_Window", tally: "_Tally", *, truth: bool) -> int | None:
    at: int | None = None
    for _ in range(LOOKAHEAD):
        at, entered, left = window.advance()
        for point in entered:
            tally.take(point, 1)
        for point in left:
            tally.take(point, -1)
        if at is None or tally.holds() is not truth:
            return at
    return at


def _is_tallied(leaf: EventAggregate) -> bool:
    return leaf.aggregate in ("count", "sum", "avg")


def _collected_holds(leaf: EventAggregate, values: list[object]) -> bool:
    if leaf.aggregate == "distinct":
        return compare(leaf.op, len({(kind_of(value), value) for value in values}), leaf.value)
    numbers = cast(list[Number], values)
    return bool(numbers) and compare(leaf.op, min(numbers) if leaf.aggregate == "min" else max(numbers), leaf.value)


class _Tally:
    """A count and a sum that values enter and leave."""

    def __init__(self, leaf: EventAggregate, past: list[object] | None) -> None:
        self.leaf = leaf
        self.count, self.total = cast(tuple[int, Number], past or (0, 0))

    def take(self, point: Point, sign: int) -> None:
        value = cast(Number, point[1])
        self.count += sign
        self.total = add(self.total, value) if sign > 0 else subtract(self.total, value)

    def holds(self) -> bool:
        leaf = self.leaf
        if leaf.aggregate == "count":
            return compare(leaf.op, self.count, leaf.value)
        if leaf.aggregate == "sum":
            return compare(leaf.op, self.total, leaf.value)
        return self.count > 0 and compare(leaf.op, self.total, multiply(leaf.value, self.count))


class _Window:
    """The points that stand in (t − length, t], as t moves from boundary to boundary."""

    def __init__(self, points: list[Point], length: int | None, t: int) -> None:
        self.points = points
        self.length = length
        self.start = 0 if length is None else _later_than(points, t - length)
        self.end = _later_than(points, t)

    def advance(self) -> tuple[int | None, list[Point], list[Point]]:
        """To the next boundary: its instant (None if there is none), which points enter, which leave."""
        points, start, end = self.points, self.start, self.end
        instants = [cast(int, points[end][0])] if end < len(points) else []
        if self.length is not None and start < end:
            instants.append(cast(int, points[start][0]) + self.length)
        if not instants:
            return None, [], []
        at = min(instants)
        self.end = _later_than(points, at)
        self.start = start if self.length is None else _later_than(points, at - self.length)
        return at, points[end : self.end], points[start : self.start]


def _later_than(points: list[Point], t: int) -> int:
    """The position of the first point later than `t`."""
    return bisect_right(points, t, key=_instant)


def _instant(point: Point) -> int:
    return cast(int, point[0])
