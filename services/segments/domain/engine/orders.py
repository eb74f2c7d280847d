"""Spend: `[truth, until]`, which the orders say that all leaves of one basis and currency share."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from services.segments.domain.condition import Period, Selection, Spend
from services.segments.domain.engine.keeper import Keeper, Kept, Leaves, Use
from services.segments.domain.engine.ledger import AT, DUE, ENDS, THROUGH, Ledger, PeriodLedger
from services.segments.domain.engine.threshold import Threshold
from services.segments.domain.engine.verdict import Verdict
from services.segments.domain.facts import micros_of
from services.segments.domain.spending import SPEND_EVENTS
from shared.language.exact import Number, subtract


class OrderSpend(Keeper):
    def __init__(self, key: str, leaf: Spend, ledgers: dict[str, Ledger]) -> None:
        self.key = key
        self.op = leaf.op
        self.threshold = Threshold(leaf.op, leaf.value)
        self.length = micros_of(leaf.within) if isinstance(leaf.within, timedelta) else None
        self.ledger = self._ledger(leaf, ledgers)
        self.ledger.serve(self.length)
        self._resting: Verdict = self.threshold.met_by(0), None

    def _ledger(self, leaf: Spend, ledgers: dict[str, Ledger]) -> Ledger:
        shared = f"orders:{leaf.basis}" if leaf.currency is None else f"orders:{leaf.basis}:{leaf.currency}"
        return ledgers.setdefault(shared, Ledger(shared, leaf.basis, leaf.currency))

    def uses(self) -> Iterable[Use]:
        return (Use(Selection(tuple(sorted(SPEND_EVENTS))), "order", self.ledger.take),)

    def resting(self) -> Verdict:
        return self._resting

    def doubt(self, leaves: Leaves) -> None:
        if self.ledger.key in leaves:
            leaves[self.key] = [None, None]

    def look(self, leaves: Leaves, now: int) -> Verdict | None:
        orders = leaves.get(self.ledger.key)
        verdict = self._resting if orders is None else self._judged(orders, now)
        if verdict == self._resting:
            leaves.pop(self.key, None)
            return None
        leaves[self.key] = [*verdict]
        return verdict

    def _judged(self, orders: Kept, now: int) -> Verdict:
        self.ledger.settle(orders, now)
        at, through, due = orders[AT], orders[THROUGH], orders[DUE]
        end = bisect_right(at, now)
        start = 0 if self.length is None else bisect_right(at, now - self.length, hi=end)
        total = _between(through, start, end)
        until: int | None = due[0][0] if due else None
        if end < len(at) and (until is None or at[end] < until):
            until = at[end]
        if self.length is not None and (last := self._turns_with(through, start, end, total)) < end:
            leaves_at = at[last] + self.length
            until = leaves_at if until is None or leaves_at < until else until
        return self.threshold.met_by(total), until

    def _turns_with(self, through: list[Number], start: int, end: int, total: Number) -> int:
        """Which order the truth may change with when it leaves the window; `end` if with none. They leave one after the
        other, and what is left only becomes less."""
        value = self.threshold.value
        reaching = self.op in (">", "<=") or (self.op in ("=", "!=") and total > value)  # or going below it
        if start == end or total < value or (reaching and total == value):
            return end
        edge = subtract(through[end - 1], value)
        return (bisect_left if reaching else bisect_right)(through, edge, start, end)


class SpendInPeriod(OrderSpend):
    """What has left the period is in the orders no longer."""

    def __init__(self, key: str, leaf: Spend, ledgers: dict[str, Ledger], period: Period) -> None:
        self.period = period
        super().__init__(key, leaf, ledgers)

    def _ledger(self, leaf: Spend, ledgers: dict[str, Ledger]) -> Ledger:
        currency = "" if leaf.currency is None else f":{leaf.currency}"
        shared = f"orders:{self.period}:{leaf.basis}{currency}"
        return ledgers.setdefault(shared, PeriodLedger(shared, leaf.basis, leaf.currency))

    def uses(self) -> Iterable[Use]:
        return [replace(use, this=self.period) for use in super().uses()]

    def _judged(self, orders: Kept, now: int) -> Verdict:
        truth, until = super()._judged(orders, now)
        if truth is not self._resting[0] and (until is None or orders[ENDS][0] < until):
            until = orders[ENDS][0]
        return truth, until


def keeper_of(key: str, leaf: Spend, ledgers: dict[str, Ledger]) -> Keeper:
    if isinstance(leaf.within, str):
        return SpendInPeriod(key, leaf, ledgers, leaf.within)
    return OrderSpend(key, leaf, ledgers)


def _between(through: list[Number], start: int, end: int) -> Number:
    if start == end:
        return 0
    return subtract(through[end - 1], through[start - 1]) if start else through[end - 1]
