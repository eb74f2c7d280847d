"""What is kept of a leaf for one profile, and who keeps it.

Kept is a list, plain JSON: `[truth, until, pending, …]`. The verdict is that of the last `settle`, null before.
`pending` holds what was taken in but not looked at, or lies in the future; null if nothing. The rest is each keeper's own.
"""

from abc import ABC, abstractmethod
from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Literal

from services.segments.domain.condition import Period, Selection
from services.segments.domain.engine.verdict import Verdict
from shared.language.exact import Number, add

Kept = list[Any]
Leaves = dict[str, Kept]  # by leaf
TRUTH, UNTIL, PENDING, OWN = 0, 1, 2, 3
_instant = itemgetter(0)


@dataclass(frozen=True, slots=True)
class Use:
    """Which events a leaf looks at, and how it takes one in: `take(leaves, at, …)`.

    ``time``   nothing more
    ``number`` the number at `path`; events without one are passed over
    ``value``  the number, string or boolean at `path`, as a text that is equal for equal values
    ``order``  the event, and its order id
    ``values`` those at `paths`; null for what cannot be compared
    ``parts``  what there is to compare with a first step, for each predicate that asks for it

    With `this` also when the period of the person's calendar ends in which the event lies: `take(leaves, at, …, end=…)`.
    """

    selection: Selection
    give: Literal["time", "number", "value", "order", "values", "parts"]
    take: Any
    path: str = ""
    paths: tuple[str, ...] = ()
    this: Period | None = None


class Keeper(ABC):
    """Keeps one leaf. Holds nothing about any profile; changes what it is given in place."""

    key: str

    @abstractmethod
    def uses(self) -> Iterable[Use]: ...

    @abstractmethod
    def resting(self) -> Verdict:
        """With nothing taken in, ever."""

    @abstractmethod
    def doubt(self, leaves: Leaves) -> None:
        """Something may have been taken in: its verdict holds no more."""

    @abstractmethod
    def look(self, leaves: Leaves, now: int) -> Verdict | None:
        """Judge by what is kept among these. None where it says no more than having nothing; then nothing is kept of it.

        `now` never runs backwards.
        """


class OwnKeeper(Keeper):
    """Keeps all that it needs under its own key."""

    @abstractmethod
    def begin(self) -> Kept:
        """Nothing taken in yet."""

    @abstractmethod
    def settle(self, kept: Kept, now: int) -> Verdict:
        """Take what has come due by `now`, forget what can't matter any more, whatever still arrives, and judge."""

    def is_void(self, kept: Kept) -> bool:  # noqa: ARG002
        """Whether it says no more than having nothing."""
        return False

    def resting(self) -> Verdict:
        return self.settle(self.begin(), 0)

    def doubt(self, leaves: Leaves) -> None:
        if self.key in leaves:
            leaves[self.key][TRUTH] = None

    def look(self, leaves: Leaves, now: int) -> Verdict | None:
        kept = leaves.get(self.key)
        if kept is None:
            return None
        verdict = self.settle(kept, now)
        if self.is_void(kept):
            del leaves[self.key]
            return None
        return verdict

    def of(self, leaves: Leaves) -> Kept:
        """What is kept among these, about to be changed."""
        kept = leaves.get(self.key)
        if kept is None:
            kept = leaves[self.key] = self.begin()
        return kept


def wait(kept: Kept, at: int, value: object) -> None:
    """Into `pending`, which is in order of time, then of value: one order, however they arrive."""
    pending = kept[PENDING]
    if pending is None:
        kept[PENDING] = [[at, value]]
    else:
        insort(pending, [at, value])


def come_due(kept: Kept, now: int) -> Sequence[tuple[int, Any]]:
    """What has happened by `now`, out of `pending`."""
    pending = kept[PENDING]
    if pending is None:
        return ()
    if pending[-1][0] <= now:
        kept[PENDING] = None
        return pending  # type: ignore[no-any-return]
    happened = bisect_right(pending, now, key=_instant)
    due = pending[:happened]
    del pending[:happened]
    return due  # type: ignore[no-any-return]


def judged(kept: Kept, truth: bool, until: int | None) -> Verdict:
    """Keep the verdict. It lasts no longer than until the next of those that are pending."""
    pending = kept[PENDING]
    if pending is not None and (until is None or pending[0][0] < until):
        until = pending[0][0]
    kept[TRUTH], kept[UNTIL] = truth, until
    return truth, until


def plus(total: Number, value: Number) -> Number:
    """`add`, at once for whole numbers."""
    return total + value if total.__class__ is int and value.__class__ is int else add(total, value)
