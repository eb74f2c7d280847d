"""A number of the engine against the one a leaf names."""

import operator
from collections.abc import Callable, Sequence
from math import ceil, floor
from typing import Final

from shared.language.compare import Cmp
from shared.language.exact import Number, multiply, normal

_OPERATORS: Final[dict[Cmp, Callable[[Number, Number], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Threshold:
    """`op` and `value` of a leaf. Both sides are numbers, which compare exactly as they are."""

    __slots__ = ("_edge", "_is_met", "_turns_at", "value")

    def __init__(self, op: Cmp, value: Number) -> None:
        self.value = normal(value)
        self._is_met = _OPERATORS[op]
        exact = op in ("=", "!=")
        # For counts: the last one below the threshold; for = and != the one count that makes a difference.
        self._edge = ceil(self.value) - 1 if op in ("<", ">=") else floor(self.value)
        self._turns_at = exact

    def met_by(self, number: Number) -> bool:
        return self._is_met(number, self.value)

    def met_by_average(self, count: int, total: Number) -> bool:
        """Without dividing, which would round."""
        return count > 0 and self._is_met(total, multiply(self.value, count))

    def turned_by(self, count: int) -> int:
        """How many of `count` must go, one by one, for the truth to turn; more than there are, if it never does."""
        if self._turns_at and count == self.value:
            return 1
        edge = self._edge
        return count - edge if 0 <= edge < count else count + 1


def next_leaving(at: Sequence[int], length: int, threshold: Threshold) -> int | None:
    """When so many of the points in the window have left that their count makes a difference. All are in it now."""
    gone = threshold.turned_by(len(at))
    return at[gone - 1] + length if gone <= len(at) else None
