"""Spend: `[…, orders, total, due]`; `pending` holds the ids of the orders that events have changed.

`total` is what all orders come to, `due` the instants at which one of them will change it: `[instant, order id]`, and
`[instant, "", amount]` for completions without an order id, each an order of its own that is nothing but its amount
coming, and going where there is a window. So an event touches one order, however many there are.

An order is `[first, changes, refunds, given back, counted, next]`, or null once it can add nothing any more, whatever
arrives: it has left the window, or everything was refunded. It is remembered, for a repeated completion must not make it
anew.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from services.segments.domain.condition import Selection, Spend
from services.segments.domain.engine.keeper import OWN, PENDING, TRUTH, UNTIL, Keeper, Kept, Leaves, Use, plus
from services.segments.domain.engine.threshold import Threshold
from services.segments.domain.engine.verdict import Verdict
from services.segments.domain.facts import Event, micros_of
from services.segments.domain.spending import COMPLETED, REFUNDED, SPEND_EVENTS, amount_of, refund_of
from shared.language.exact import Number, negate, subtract

Order = list[Any]
ORDERS, TOTAL, DUE = OWN, OWN + 1, OWN + 2

FIRST = 0  # completion: [instant, message id, source, whether its currency is the one asked for]; the first three order events
CHANGES = 1  # [instant, message id, source, amount], the last that has happened and the future ones
REFUNDS = 2  # future ones: [instant, amount], null for everything
GIVEN_BACK = 3  # by what has happened
COUNTED = 4  # its part in the total
NEXT = 5  # the instant under which it stands in `due`

_instant = itemgetter(0)


class OrderSpend(Keeper):
    def __init__(self, key: str, leaf: Spend) -> None:
        self.key = key
        self.leaf = leaf
        self.threshold = Threshold(leaf.op, leaf.value)
        self.length = None if leaf.within is None else micros_of(leaf.within)

    def begin(self) -> Kept:
        return [None, None, None, {}, 0, []]

    def is_void(self, kept: Kept) -> bool:
        return self.length is not None and not (kept[ORDERS] or kept[DUE])

    def uses(self) -> Iterable[Use]:
        return (Use(Selection(tuple(sorted(SPEND_EVENTS))), "order", self.take),)

    def take(self, leaves: Leaves, at: int, event: Event, order_id: str | None) -> None:
        if order_id is not None:
            self._change(self.of(leaves), at, event, order_id)
        elif event.name in COMPLETED and self._has_currency(event):
            insort(self.of(leaves)[DUE], [at, "", max(0, amount_of(event, self.leaf.basis))])

    def _change(self, kept: Kept, at: int, event: Event, order_id: str) -> None:
        order = kept[ORDERS].setdefault(order_id, [None, [], [], 0, 0, None])
        if order is None:
            return
        if event.name in REFUNDED:
            insort(order[REFUNDS], [at, refund_of(event, self.leaf.basis)], key=_in_order)
        else:
            place = [at, event.message_id, event.source]
            insort(order[CHANGES], [*place, amount_of(event, self.leaf.basis)])
            if event.name in COMPLETED and (order[FIRST] is None or place < order[FIRST][:3]):
                order[FIRST] = [*place, self._has_currency(event)]
        if kept[PENDING] is None:
            kept[PENDING] = [order_id]
        elif order_id not in kept[PENDING]:
            kept[PENDING].append(order_id)

    def _has_currency(self, event: Event) -> bool:
        return self.leaf.currency is None or event.properties.get("currency") == self.leaf.currency

    def settle(self, kept: Kept, now: int) -> Verdict:
        changed, due = dict.fromkeys(kept[PENDING] or ()), kept[DUE]
        kept[PENDING] = None
        while due and due[0][0] <= now:
            at, order_id, *amount = due.pop(0)
            if amount:
                self._settle_alone(kept, at, amount[0])
            else:
                changed[order_id] = None
        for order_id in changed:
            self._settle_order(kept, order_id, now)
        kept[TRUTH] = self.threshold.met_by(kept[TOTAL])
        kept[UNTIL] = next((entry[0] for entry in due if _matters(kept, entry)), None)
        return kept[TRUTH], kept[UNTIL]

    def _settle_alone(self, kept: Kept, at: int, amount: Number) -> None:
        kept[TOTAL] = plus(kept[TOTAL], amount)
        if self.length is not None and amount > 0:
            insort(kept[DUE], [at + self.length, "", negate(amount)])

    def _settle_order(self, kept: Kept, order_id: str, now: int) -> None:
        order = kept[ORDERS][order_id]
        if order is None:
            return
        self._withdraw(kept[DUE], order_id, order)
        lasts = self._let_happen(order, now)
        spend = _spend_of(order, now) if lasts else 0
        if spend != order[COUNTED]:
            kept[TOTAL] = plus(kept[TOTAL], subtract(spend, order[COUNTED]))
        if not lasts:
            kept[ORDERS][order_id] = None
            return
        order[COUNTED], order[NEXT] = spend, self._next_change(order, now)
        if order[NEXT] is not None:
            insort(kept[DUE], [order[NEXT], order_id])

    def _withdraw(self, due: list[list[Any]], order_id: str, order: Order) -> None:
        entry = [order[NEXT], order_id]
        position = 0 if order[NEXT] is None else bisect_left(due, entry)
        if position < len(due) and due[position] == entry:
            del due[position]

    def _let_happen(self, order: Order, now: int) -> bool:
        """Of what has happened, keep what it comes to. False if it can add nothing any more."""
        settled = bisect_right(order[CHANGES], now, key=_instant) - 1
        if settled > 0:
            del order[CHANGES][:settled]
        refunds = order[REFUNDS]
        while refunds and refunds[0][0] <= now:
            amount = refunds.pop(0)[1]
            if amount is None:
                return False
            order[GIVEN_BACK] = plus(order[GIVEN_BACK], amount)
        first = order[FIRST]
        return first is None or self.length is None or now < first[0] + self.length

    def _next_change(self, order: Order, now: int) -> int | None:
        upcoming = [change[0] for change in order[CHANGES][:2] if change[0] > now]
        upcoming += [refund[0] for refund in order[REFUNDS][:1]]
        if order[FIRST] is not None and self.length is not None:
            upcoming.append(order[FIRST][0] + self.length)
        return min(upcoming, default=None)


def _matters(kept: Kept, entry: list[Any]) -> bool:
    """Not where the currency is another one: that order is only tidied away, when something else happens."""
    if len(entry) > 2:
        return bool(entry[2])
    first = kept[ORDERS][entry[1]][FIRST]
    return first is not None and bool(first[3])


def _spend_of(order: Order, now: int) -> Number:
    first = order[FIRST]
    if first is None or first[0] > now or not first[3]:
        return 0
    return max(0, subtract(order[CHANGES][0][3], order[GIVEN_BACK]))


def _in_order(refund: list[Any]) -> tuple[int, bool, Number]:
    """One order for the same refunds, however they arrived."""
    return refund[0], refund[1] is None, refund[1] or 0
