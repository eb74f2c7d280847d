"""Sequences whose second step is compared with the first: which event it was matters.

The instants of the steps are kept as those of plain sequences are, once for each event that differs, and beside them what can be
compared: of first steps the values at the paths that are referred to; of second steps, for each predicate that refers to
them, the values found or, for an `each`, the same of its elements. Only numbers, strings and booleans can be equal to anything.
"""

from abc import abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any, assert_never

from services.segments.domain.condition import Sequence as Steps
from services.segments.domain.condition import firsts_meant
from services.segments.domain.engine import steps
from services.segments.domain.engine.keeper import Keeper, Kept, Leaves, OwnKeeper, Use
from services.segments.domain.engine.steps import DONE, FIRST, SECOND
from services.segments.domain.engine.verdict import Verdict
from services.segments.domain.facts import micros_of
from shared.language.compare import Op, holds, kind_of
from shared.language.predicates import Changed, ContextTest, Each, Predicate, PropertyTest, ValueOf, referring

VALUES, PARTS = -2, -1

Values = list[Any]  # by path
Parts = list[Any]  # by predicate
Fit = Callable[[Values], bool]
Fits = Callable[[Any], Fit]  # of all parts, or of one: what of the many first steps fits them is asked of the answer


class _Pairs(OwnKeeper):
    """`[…, values, parts]`, after what `plain` keeps: as long as its instants of first and second steps."""

    plain: OwnKeeper

    def __init__(self, key: str, leaf: Steps) -> None:
        self.key = key
        self.leaf = leaf
        self.gap = micros_of(leaf.gap)
        self.paths = firsts_meant(leaf)
        self.fits = _all_of(leaf.second.where, self.paths)

    def uses(self) -> Iterable[Use]:
        first = Use(self.leaf.first, "values", self.take_first, paths=self.paths)
        return first, Use(self.leaf.second, "parts", self.take_second)

    def begin(self) -> Kept:
        return [*self.plain.begin(), [], []]

    def is_void(self, kept: Kept) -> bool:
        return self.plain.is_void(kept)

    def settle(self, kept: Kept, now: int) -> Verdict:
        verdict = self.plain.settle(kept, now)
        if kept[FIRST] is None:
            kept[VALUES] = kept[PARTS] = None
        else:
            _drop_forgotten(kept[FIRST], kept[VALUES])
            _drop_forgotten(kept[SECOND], kept[PARTS])
        return verdict

    @abstractmethod
    def take_first(self, leaves: Leaves, at: int, values: Values) -> None:
        """A first step was taken."""

    @abstractmethod
    def take_second(self, leaves: Leaves, at: int, parts: Parts) -> None:
        """A second step was taken."""

    def followers(self, kept: Kept, at: int, values: Values) -> list[int]:
        """The places of the second steps that follow such a first one."""
        second = kept[SECOND]
        near = range(bisect_right(second, at), bisect_right(second, at + self.gap))
        return [place for place in near if self.fits(kept[PARTS][place])(values)]

    def followed(self, kept: Kept, at: int, parts: Parts) -> list[int]:
        """The places of the first steps that such a second one follows."""
        first, fits = kept[FIRST], self.fits(parts)
        near = range(bisect_left(first, at - self.gap), bisect_left(first, at))
        return [place for place in near if fits(kept[VALUES][place])]


class Completed(_Pairs):
    def __init__(self, key: str, leaf: Steps) -> None:
        super().__init__(key, leaf)
        self.plain = steps.Completed(key, leaf)

    def take_first(self, leaves: Leaves, at: int, values: Values) -> None:
        kept = self.of(leaves)
        if kept[FIRST] is None or not _insert(kept[FIRST], kept[VALUES], at, values):
            return
        for place in reversed(self.followers(kept, at, values)):
            steps.insert(kept[DONE], kept[SECOND][place])
            del kept[SECOND][place], kept[PARTS][place]

    def take_second(self, leaves: Leaves, at: int, parts: Parts) -> None:
        kept = self.of(leaves)
        if kept[FIRST] is None:
            return
        if self.followed(kept, at, parts):
            steps.insert(kept[DONE], at)
        else:
            _insert(kept[SECOND], kept[PARTS], at, parts)


class Absent(_Pairs):
    def __init__(self, key: str, leaf: Steps) -> None:
        super().__init__(key, leaf)
        self.plain = steps.Absent(key, leaf)

    def take_first(self, leaves: Leaves, at: int, values: Values) -> None:
        kept = self.of(leaves)
        if not self.followers(kept, at, values):
            _insert(kept[FIRST], kept[VALUES], at, values)

    def take_second(self, leaves: Leaves, at: int, parts: Parts) -> None:
        kept = self.of(leaves)
        if _insert(kept[SECOND], kept[PARTS], at, parts):
            for place in reversed(self.followed(kept, at, parts)):  # for good: events don't unhappen
                del kept[FIRST][place], kept[VALUES][place]


def keeper_of(key: str, leaf: Steps) -> Keeper:
    return Absent(key, leaf) if leaf.absent else Completed(key, leaf)


def _all_of(where: Iterable[Predicate], paths: Sequence[str]) -> Fits:
    tests = [_test(predicate, paths) for predicate in referring(where)]
    if len(tests) == 1:
        only = tests[0]
        return lambda parts: only(parts[0])

    def fits(parts: Parts) -> Fit:
        asked = [test(part) for test, part in zip(tests, parts, strict=True)]
        return lambda values: all(test(values) for test in asked)

    return fits


def _test(predicate: Predicate, paths: Sequence[str]) -> Fits:
    """Of one part."""
    match predicate:
        case PropertyTest(op=op, of=ValueOf("first", path)):
            return _compared(op, paths.index(path))
        case Each(where=where):
            return _each(referring(where), paths)
        case PropertyTest() | ContextTest() | Changed():
            raise AssertionError("does not refer to the first step")
        case _:
            assert_never(predicate)


def _compared(op: Op, place: int) -> Fits:
    """Of all that was found only what decides is gone through."""
    if op in ("=", "!="):
        wanted = op == "="

        def equals(found: list[Any]) -> Fit:
            known = {(one.__class__ is bool, one) for one in found}  # true is in a set with 1
            return lambda values: ((values[place].__class__ is bool, values[place]) in known) is wanted

        return equals
    best = min if op in ("<", "<=") else max

    def is_ordered(found: list[Any]) -> Fit:
        kinds = ([one for one in found if kind_of(one) == kind] for kind in ("number", "string"))
        decisive = [best(alike) for alike in kinds if alike]
        return lambda values: holds(op, decisive, values[place])

    return is_ordered


def _each(where: Sequence[Predicate], paths: Sequence[str]) -> Fits:
    fits = _all_of(where, paths)
    if len(where) == 1 and not (
        isinstance(where[0], PropertyTest) and where[0].op == "!="
    ):  # whose element it is matters not
        return lambda elements: fits([[one for parts in elements for one in parts[0]]])

    def some(elements: list[Parts]) -> Fit:
        tests = [fits(parts) for parts in elements]
        return lambda values: any(test(values) for test in tests)

    return some


def _insert(instants: list[int], beside: list[Any], at: int, held: list[Any]) -> bool:
    """By time, then by what is held, so that there is one order, however they arrive. False if it is among them."""
    start, end, shown = bisect_left(instants, at), bisect_right(instants, at), repr(held)
    place = bisect_left(beside, shown, start, end, key=repr)
    if place < end and repr(beside[place]) == shown:
        return False
    instants.insert(place, at)
    beside.insert(place, held)
    return True


def _drop_forgotten(instants: list[int], beside: list[Any]) -> None:
    """The first of them were."""
    del beside[: len(beside) - len(instants)]
