"""Sequences. The instants of each step, each once, in order: which event it was does not matter."""

from abc import abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from services.segments.domain.condition import Sequence
from services.segments.domain.engine.keeper import OWN, TRUTH, UNTIL, Keeper, Kept, Leaves, OwnKeeper, Use
from services.segments.domain.engine.verdict import Verdict
from services.segments.domain.facts import micros_of

FIRST, SECOND, DONE = OWN, OWN + 1, OWN + 2


class _Steps(OwnKeeper):
    def __init__(self, key: str, leaf: Sequence) -> None:
        self.key = key
        self.leaf = leaf
        self.gap = micros_of(leaf.gap)
        self.within = None if leaf.within is None else micros_of(leaf.within)

    def uses(self) -> Iterable[Use]:
        first = Use(self.leaf.first, "time", self.take_first)
        return first, Use(self.leaf.second, "time", self.take_second)

    @abstractmethod
    def take_first(self, leaves: Leaves, at: int) -> None:
        """A first step was taken."""

    @abstractmethod
    def take_second(self, leaves: Leaves, at: int) -> None:
        """A second step was taken."""


class Completed(_Steps):
    """`[…, first, second, done]`: `second` are those that follow no first step yet, `done` those that do.

    Of those done, the last that has happened and the future ones; `[…, null, null, null]` once nothing can undo the truth.
    """

    def begin(self) -> Kept:
        return [None, None, None, [], [], []]

    def is_void(self, kept: Kept) -> bool:
        return kept[FIRST] is not None and not (kept[FIRST] or kept[SECOND] or kept[DONE])

    def take_first(self, leaves: Leaves, at: int) -> None:
        kept = self.of(leaves)
        if kept[FIRST] is None or not insert(kept[FIRST], at):
            return
        second = kept[SECOND]
        start, end = bisect_right(second, at), bisect_right(second, at + self.gap)
        for following in second[start:end]:
            insert(kept[DONE], following)
        del second[start:end]

    def take_second(self, leaves: Leaves, at: int) -> None:
        kept = self.of(leaves)
        first = kept[FIRST]
        if first is None:
            return
        nearest = bisect_left(first, at) - 1
        insert(kept[DONE if nearest >= 0 and at - first[nearest] <= self.gap else SECOND], at)

    def settle(self, kept: Kept, now: int) -> Verdict:
        if kept[FIRST] is None:
            return _keep(kept, True, None)
        done = kept[DONE]
        happened = bisect_right(done, now)
        if self.within is None:
            if happened:
                kept[FIRST] = kept[SECOND] = kept[DONE] = None
                return _keep(kept, True, None)
            return _keep(kept, False, done[0] if done else None)
        since = now - self.within
        _forget(kept[FIRST], since - self.gap)
        _forget(kept[SECOND], since)
        lasts = happened > 0 and done[happened - 1] > since
        del done[: happened - 1 if lasts else happened]
        if lasts:
            return _keep(kept, True, done[0] + self.within)
        return _keep(kept, False, done[0] if done else None)


class Absent(_Steps):
    """`[…, first, second]`: of the first steps only those that no second one follows."""

    def begin(self) -> Kept:
        return [None, None, None, [], []]

    def is_void(self, kept: Kept) -> bool:
        return not (kept[FIRST] or kept[SECOND])

    def take_first(self, leaves: Leaves, at: int) -> None:
        kept = self.of(leaves)
        second = kept[SECOND]
        nearest = bisect_right(second, at)
        if nearest == len(second) or second[nearest] - at > self.gap:
            insert(kept[FIRST], at)

    def take_second(self, leaves: Leaves, at: int) -> None:
        kept = self.of(leaves)
        insert(kept[SECOND], at)
        first = kept[FIRST]
        del first[bisect_left(first, at - self.gap) : bisect_left(first, at)]  # for good: events don't unhappen

    def settle(self, kept: Kept, now: int) -> Verdict:
        first, within = kept[FIRST], self.within
        if within is not None:
            _forget(first, now - within)
            _forget(kept[SECOND], now - within)
        if not first:
            return _keep(kept, False, None)
        ripe = bisect_right(first, now - self.gap)
        if ripe and (within is None or now - within < first[ripe - 1]):
            return _keep(kept, True, None if within is None else first[ripe - 1] + within)
        ripens = ripe < len(first) and (within is None or self.gap < within)
        return _keep(kept, False, first[ripe] + self.gap if ripens else None)


def insert(instants: list[int], at: int) -> bool:
    """False if it is among them."""
    position = bisect_left(instants, at)
    if position < len(instants) and instants[position] == at:
        return False
    instants.insert(position, at)
    return True


def _forget(instants: list[int], until: int) -> None:
    if instants and instants[0] <= until:
        del instants[: bisect_right(instants, until)]


def _keep(kept: Kept, truth: bool, until: int | None) -> Verdict:
    kept[TRUTH], kept[UNTIL] = truth, until
    return truth, until


def keeper_of(key: str, leaf: Sequence) -> Keeper:
    return Absent(key, leaf) if leaf.absent else Completed(key, leaf)
