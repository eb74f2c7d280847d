"""Sequences: `{"first": [instant, …], "second": […]}`, or `{"done": true}` once nothing can undo the truth.

The instants of each step, each once, in order: which event it was does not matter.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import TypedDict

from services.segments.domain.condition import Sequence
from services.segments.domain.engine.points import selects
from services.segments.domain.engine.verdict import Verdict
from services.segments.domain.facts import Event, micros, micros_of


class Steps(TypedDict, total=False):
    first: list[int]
    second: list[int]
    done: bool


def fold(leaf: Sequence, state: Steps | None, events: Iterable[Event]) -> Steps | None:
    known: Steps = state or {}
    if known.get("done"):
        return state
    happened = list(events)
    firsts = {micros(event.timestamp) for event in happened if selects(leaf.first, event)}
    seconds = {micros(event.timestamp) for event in happened if selects(leaf.second, event)}
    if not firsts and not seconds:
        return state
    return {
        "first": sorted(firsts.union(known.get("first", ()))),
        "second": sorted(seconds.union(known.get("second", ()))),
    }


def trim(leaf: Sequence, state: Steps, t: int) -> Steps | None:
    if state.get("done"):
        return state
    first, second = state["first"], state["second"]
    gap, within = micros_of(leaf.gap), None if leaf.within is None else micros_of(leaf.within)
    if leaf.absent:
        first = [s for s in first if not _is_followed(s, second, gap)]  # for good: events don't unhappen
    elif within is None and _last_completion(first, second, gap, t) is not None:
        return {"done": True}
    if within is not None:
        second = second[bisect_right(second, t - within) :]
        reach = within if leaf.absent else within + gap
        first = first[bisect_right(first, t - reach) :]
    return {"first": first, "second": second} if first or second else None


def evaluate(leaf: Sequence, state: Steps | None, t: int) -> Verdict:
    if not state:
        return Verdict(False)
    if state.get("done"):
        return Verdict(True)
    gap, within = micros_of(leaf.gap), None if leaf.within is None else micros_of(leaf.within)
    judge = _absent if leaf.absent else _completed
    return judge(state["first"], state["second"], gap, within, t)


def _completed(first: list[int], second: list[int], gap: int, within: int | None, t: int) -> Verdict:
    last = _last_completion(first, second, gap, t)
    if last is not None and (within is None or t - within < last):
        return Verdict(True, None if within is None else last + within)
    upcoming = second[bisect_right(second, t) :]
    return Verdict(False, next((s for s in upcoming if _completes(s, first, gap)), None))


def _last_completion(first: list[int], second: list[int], gap: int, t: int) -> int | None:
    happened = second[: bisect_right(second, t)]
    return next((s for s in reversed(happened) if _completes(s, first, gap)), None)


def _completes(second: int, first: list[int], gap: int) -> bool:
    """Whether a first step precedes it by at most the gap: if any does, the nearest."""
    position = bisect_left(first, second)
    return position > 0 and second - first[position - 1] <= gap


def _absent(first: list[int], second: list[int], gap: int, within: int | None, t: int) -> Verdict:
    lone = [s for s in first if not _is_followed(s, second, gap)]
    ripe = bisect_right(lone, t - gap)
    if ripe and (within is None or t - within < lone[ripe - 1]):
        return Verdict(True, None if within is None else lone[ripe - 1] + within)
    ripens = ripe < len(lone) and (within is None or gap < within)
    return Verdict(False, lone[ripe] + gap if ripens else None)


def _is_followed(first: int, second: list[int], gap: int) -> bool:
    position = bisect_right(second, first)
    return position < len(second) and second[position] - first <= gap
