"""Aggregates of events.

Without a window a running total is enough, or the values that still matter. With one, the points that stand in it are kept
in order of time beside their total: what enters is added and what leaves is taken off, nothing is counted again. A period of
the calendar has a running total that begins anew with the next.
"""

from abc import abstractmethod
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from operator import ge, le
from typing import Any

from services.segments.domain.condition import EventAggregate, Period
from services.segments.domain.engine.keeper import (
    OWN,
    PENDING,
    Keeper,
    Kept,
    Leaves,
    OwnKeeper,
    Use,
    come_due,
    judged,
    plus,
    wait,
)
from services.segments.domain.engine.threshold import Threshold, next_leaving
from services.segments.domain.engine.verdict import Verdict
from services.segments.domain.facts import micros_of
from shared.language.exact import Number, negate

END = -1
# How many boundaries to look ahead for the one at which the truth really changes; each saves a needless look at a timer.
LOOKAHEAD = 16


class _Aggregate(OwnKeeper):
    def __init__(self, key: str, leaf: EventAggregate) -> None:
        self.key = key
        self.leaf = leaf
        self.threshold = Threshold(leaf.op, leaf.value)
        self.length = micros_of(leaf.within) if isinstance(leaf.within, timedelta) else 0

    def uses(self) -> Iterable[Use]:
        if self.leaf.path is None or self.leaf.aggregate == "count":
            return (Use(self.leaf.selection, "time", self.take),)
        give = Use(
            self.leaf.selection, "value" if self.leaf.aggregate == "distinct" else "number", self.take, self.leaf.path
        )
        minus = self.leaf.minus
        return (give,) if minus is None else (give, Use(minus.selection, "number", self.take_off, minus.path))

    def take(self, leaves: Leaves, at: int, value: object = 1) -> None:
        if value or self.leaf.aggregate != "sum":  # nothing added is no boundary
            wait(self.of(leaves), at, value)

    def take_off(self, leaves: Leaves, at: int, value: Number) -> None:
        self.take(leaves, at, negate(value))


class Tally(_Aggregate):
    """Count, sum and average without a window: `[…, count, total]`."""

    def begin(self) -> Kept:
        return [None, None, None, 0, 0]

    def settle(self, kept: Kept, now: int) -> Verdict:
        due = come_due(kept, now)
        kept[OWN] += len(due)
        total = kept[OWN + 1]
        if self.leaf.aggregate != "count":
            for _, value in due:
                total = plus(total, value)
            kept[OWN + 1] = total
        return judged(kept, self._holds(kept[OWN], total), None)

    def _holds(self, count: int, total: Number) -> bool:
        if self.leaf.aggregate == "count":
            return self.threshold.met_by(count)
        if self.leaf.aggregate == "sum":
            return self.threshold.met_by(total)
        return self.threshold.met_by_average(count, total)


class _Windowed(_Aggregate):
    """Of all these, `[…, at]` holds the instants of the points that stand in the window."""

    def is_void(self, kept: Kept) -> bool:
        return not kept[OWN] and kept[PENDING] is None


class Count(_Windowed):
    """`[…, at]`."""

    def begin(self) -> Kept:
        return [None, None, None, []]

    def settle(self, kept: Kept, now: int) -> Verdict:
        at, since = kept[OWN], now - self.length
        for instant, _ in come_due(kept, now):
            insort(at, instant)
        if at and at[0] <= since:
            del at[: bisect_right(at, since)]
        return judged(kept, self.threshold.met_by(len(at)), next_leaving(at, self.length, self.threshold))


class Sum(_Windowed):
    """Sum and average: `[…, at, values, total]`."""

    def begin(self) -> Kept:
        return [None, None, None, [], [], 0]

    def settle(self, kept: Kept, now: int) -> Verdict:
        at, values, total = kept[OWN:]
        for instant, value in come_due(kept, now):
            position = _position(at, values, instant, value)
            at.insert(position, instant)
            values.insert(position, value)
            total = plus(total, value)
        gone = bisect_right(at, now - self.length)
        for value in values[:gone]:
            total = plus(total, negate(value))
        del at[:gone], values[:gone]
        kept[OWN + 2] = total = total if at else 0
        truth = self._holds(len(at), total)
        return judged(kept, truth, self._next_change(at, values, total, truth))

    def _holds(self, count: int, total: Number) -> bool:
        if self.leaf.aggregate == "sum":
            return self.threshold.met_by(total)
        return self.threshold.met_by_average(count, total)

    def _next_change(self, at: list[int], values: list[Number], total: Number, truth: bool) -> int | None:
        left = 0
        for _ in range(LOOKAHEAD):
            if left == len(at):
                return None
            leaving = at[left]
            while left < len(at) and at[left] == leaving:
                total = plus(total, negate(values[left]))
                left += 1
            if self._holds(len(at) - left, total) is not truth:
                break
        return at[left - 1] + self.length


def _position(at: list[int], values: list[Number], instant: int, value: Number) -> int:
    """By time, then by value: one order for the same points, however they arrived."""
    first, end = bisect_left(at, instant), bisect_right(at, instant)
    return bisect_left(values, value, first, end)


class Distinct(_Aggregate):
    """Without a window: `[…, values]`, sorted."""

    def begin(self) -> Kept:
        return [None, None, None, []]

    def settle(self, kept: Kept, now: int) -> Verdict:
        values = kept[OWN]
        for _, value in come_due(kept, now):
            position = bisect_left(values, value)
            if position == len(values) or values[position] != value:
                values.insert(position, value)
        return judged(kept, self.threshold.met_by(len(values)), None)


class _Sliding(_Windowed):
    """`[…, at, values]`: points of the window that can still matter, in the order of their instants."""

    def begin(self) -> Kept:
        return [None, None, None, [], []]

    def _slide(self, kept: Kept, now: int) -> tuple[list[int], list[Any]]:
        at, values = kept[OWN:]
        for instant, value in come_due(kept, now):
            self._enter(at, values, instant, value)
        gone = bisect_right(at, now - self.length)
        del at[:gone], values[:gone]
        return at, values

    @abstractmethod
    def _enter(self, at: list[int], values: list[Any], instant: int, value: Any) -> None:
        """A point comes into the window."""


class DistinctWithin(_Sliding):
    """Each value once, where it last happened."""

    def settle(self, kept: Kept, now: int) -> Verdict:
        at, _ = self._slide(kept, now)
        return judged(kept, self.threshold.met_by(len(at)), next_leaving(at, self.length, self.threshold))

    def _enter(self, at: list[int], values: list[str], instant: int, value: str) -> None:
        if value in values:
            known = values.index(value)
            if at[known] >= instant:
                return
            del at[known], values[known]
        first, end = bisect_left(at, instant), bisect_right(at, instant)
        position = bisect_left(values, value, first, end)
        at.insert(position, instant)
        values.insert(position, value)


class Extreme(_Aggregate):
    """Min and max without a window: `[…, value]`, null before the first."""

    def begin(self) -> Kept:
        return [None, None, None, None]

    def settle(self, kept: Kept, now: int) -> Verdict:
        best, choose = kept[OWN], min if self.leaf.aggregate == "min" else max
        for _, value in come_due(kept, now):
            best = value if best is None else choose(best, value)
        kept[OWN] = best
        return judged(kept, best is not None and self.threshold.met_by(best), None)


class ExtremeWithin(_Sliding):
    """The best of the window, the best after it, and so on; others can never be the best again."""

    def settle(self, kept: Kept, now: int) -> Verdict:
        at, values = self._slide(kept, now)
        truth = bool(at) and self.threshold.met_by(values[0])
        turn = next((n for n, value in enumerate(values) if self.threshold.met_by(value) is not truth), len(at))
        if truth or turn < len(at):
            return judged(kept, truth, at[turn - 1] + self.length)
        return judged(kept, truth, None)

    def _enter(self, at: list[int], values: list[Number], instant: int, value: Number) -> None:
        as_good = le if self.leaf.aggregate == "min" else ge
        position = bisect_left(at, instant)
        if position < len(at) and as_good(values[position], value):
            return  # a later one is no worse and stays longer
        if position < len(at) and at[position] == instant:
            del at[position], values[position]
        first = position
        while first and as_good(value, values[first - 1]):
            first -= 1
        at[first:position] = [instant]
        values[first:position] = [value]


class InPeriod(_Aggregate):
    """`[…, end]`: what is kept without a window, of the period that ends then; null with nothing in it. What is pending has the
    value and the end of its own."""

    def __init__(self, key: str, leaf: EventAggregate, period: Period) -> None:
        super().__init__(key, leaf)
        self.period = period
        self.whole = _without_window(key, leaf)
        self.rests, _ = self.whole.resting()

    def uses(self) -> Iterable[Use]:
        return [replace(use, this=self.period) for use in super().uses()]

    def begin(self) -> Kept:
        return [*self.whole.begin(), None]

    def is_void(self, kept: Kept) -> bool:
        return kept[END] is None and kept[PENDING] is None

    def take(self, leaves: Leaves, at: int, value: object = 1, end: int = 0) -> None:
        if value or self.leaf.aggregate != "sum":
            wait(self.of(leaves), at, [value, end])

    def take_off(self, leaves: Leaves, at: int, value: Number, end: int = 0) -> None:
        self.take(leaves, at, negate(value), end)

    def settle(self, kept: Kept, now: int) -> Verdict:
        if kept[END] is not None and kept[END] <= now:
            kept[OWN:] = self.begin()[OWN:]
        happened = [(at, value, end) for at, (value, end) in come_due(kept, now) if end > now]
        upcoming, kept[PENDING] = kept[PENDING], [[at, value] for at, value, _ in happened] or None
        if happened:
            kept[END] = happened[0][2]
        truth, _ = self.whole.settle(kept, now)
        kept[PENDING] = upcoming
        return judged(kept, truth, None if truth is self.rests else kept[END])


def keeper_of(key: str, leaf: EventAggregate) -> Keeper:
    if isinstance(leaf.within, str):
        return InPeriod(key, leaf, leaf.within)
    return _with_window(key, leaf) if leaf.within is not None else _without_window(key, leaf)


def _without_window(key: str, leaf: EventAggregate) -> OwnKeeper:
    match leaf.aggregate:
        case "count" | "sum" | "avg":
            return Tally(key, leaf)
        case "distinct":
            return Distinct(key, leaf)
        case "min" | "max":
            return Extreme(key, leaf)


def _with_window(key: str, leaf: EventAggregate) -> OwnKeeper:
    match leaf.aggregate:
        case "count":
            return Count(key, leaf)
        case "sum" | "avg":
            return Sum(key, leaf)
        case "distinct":
            return DistinctWithin(key, leaf)
        case "min" | "max":
            return ExtremeWithin(key, leaf)
