"""The orders of one profile, kept once for all leaves of spend that ask for one basis and currency.

What is kept is `[null, due, at, through, marks, alone, changed, over]`, of which each leaf tells by itself what stands in its
window. Nothing in it depends on any leaf, but what no leaf needs is let go.

`at`, `through` and `marks` are columns, by first completion: of orders of which one completion is known and nothing else,
and of others while they come to something. `through` is what this one and all before it come to, so that a window holds
one difference, and an order that comes last is only added. `marks` are by id: `[message id, source]`, which count if
another event of the order has the same timestamp; null for an order that is changed. A completion without an order id has
an id of its own. `alone` says how many of these there are; where some leaf has no window those that have left all others
become one.

`changed` are the others, by id: `[first completion, changes, refunds, given back]`. `due`: when to look at them, by instant:
`[instant, id]`. `over`: ids of those that can add nothing any more, whatever arrives: they have left all windows, or
everything was refunded. They are remembered, for a repeated completion must not make them anew.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterable
from itertools import islice
from operator import itemgetter
from typing import Any, Final

from services.segments.domain.engine.keeper import Kept, Leaves, plus
from services.segments.domain.facts import EARLIEST, LATEST, Event
from services.segments.domain.spending import COMPLETED, REFUNDED, amount_of, refund_of
from shared.language.exact import Number, negate, subtract

Order = list[Any]
Entry = tuple[int, str, Number, list[str] | None]  # when, id, spend, mark
DUE, AT, THROUGH, MARKS, ALONE, CHANGED, OVER, ENDS = range(1, 9)

FIRST = 0  # completion: [instant, message id, source, whether its currency is the one asked for]; the first three order events
CHANGES = 1  # [instant, message id, source, amount], the last that has happened and the future ones
REFUNDS = 2  # future ones: [instant, amount], null for everything
GIVEN_BACK = 3  # by what has happened

NO_ID: Final = "-:"  # begins the ids of completions without one; those that others gave never begin so
MERGED: Final = "-:"

_instant = itemgetter(0)


class Ledger:
    """`length`: of the longest window of those that share it, None if one has no window; `finite`: of those that have one.

    In microseconds.
    """

    def __init__(self, key: str, basis: str, currency: str | None) -> None:
        self.key = key
        self.basis = basis
        self.currency = currency
        self.length: int | None = 0
        self.finite = 0

    def serve(self, length: int | None) -> None:
        """Another leaf that needs its orders for so long."""
        self.length = None if length is None or self.length is None else max(length, self.length)
        self.finite = max(length or 0, self.finite)

    def take(self, leaves: Leaves, at: int, event: Event, order_id: str | None) -> None:
        if order_id is None:
            self._take_alone(leaves, at, event)
            return
        kept, order_id = self._of(leaves), f"-{order_id}" if order_id.startswith("-") else order_id
        if _is_among(kept[OVER], order_id):
            return
        is_known = order_id in kept[CHANGED] or order_id in kept[MARKS]
        if event.name in COMPLETED and not is_known and self._has_currency(event):
            spend = self._amount(event)
            _insert(kept, [(at, order_id, spend, [event.message_id, event.source])])
        else:
            self._change(kept, at, event, order_id)

    def _take_alone(self, leaves: Leaves, at: int, event: Event) -> None:
        amount = self._amount(event)
        if event.name in COMPLETED and amount > 0 and self._has_currency(event):
            kept = self._of(leaves)
            kept[ALONE] += 1
            _insert(kept, [(at, f"{NO_ID}{len(event.source)}:{event.source}{event.message_id}", amount, None)])

    def _of(self, leaves: Leaves) -> Kept:
        kept = leaves.get(self.key)
        if kept is None:
            kept = leaves[self.key] = self._new()
        return kept

    def _new(self) -> Kept:
        return [None, [], [], [], {}, 0, {}, []]

    def _amount(self, event: Event) -> Number:
        """Below 0 is as good as 0, for refunds are only taken off."""
        return max(0, amount_of(event, self.basis))

    def _has_currency(self, event: Event) -> bool:
        return self.currency is None or event.properties.get("currency") == self.currency

    def _change(self, kept: Kept, at: int, event: Event, order_id: str) -> None:
        order = kept[CHANGED].get(order_id)
        if order is None:
            order = kept[CHANGED][order_id] = _opened(kept, order_id)
        if event.name in REFUNDED:
            insort(order[REFUNDS], [at, refund_of(event, self.basis)], key=_in_order)
        else:
            place = [at, event.message_id, event.source]
            insort(order[CHANGES], [*place, self._amount(event)])
            if event.name in COMPLETED and (order[FIRST] is None or place < order[FIRST][:3]):
                order[FIRST] = [*place, self._has_currency(event)]
        insort(kept[DUE], [at, order_id])

    def settle(self, kept: Kept, now: int) -> None:
        """Let happen what has come due by `now`, which never runs backwards."""
        due = kept[DUE]
        if not due or due[0][0] > now:
            return
        happened = bisect_right(due, now, key=_instant)
        looked = dict.fromkeys(order_id for _, order_id in due[:happened])
        del due[:happened]
        over = [order_id for order_id in looked if not _let_happen(kept[CHANGED][order_id], now)]
        _end(kept, over)
        orders = ((order_id, kept[CHANGED][order_id]) for order_id in looked if order_id in kept[CHANGED])
        spends = ((order_id, order[FIRST], _spend_of(order, now)) for order_id, order in orders)
        _insert(kept, [(first[0], order_id, spend, None) for order_id, first, spend in spends if spend], without=looked)

    def let_go(self, leaves: Leaves, now: int) -> None:
        """Of what no leaf that shares it can need at `now` or later."""
        kept = leaves.get(self.key)
        if kept is None:
            return
        self.settle(kept, now)
        if self.length is not None:
            _leave(kept, now - self.length)
        elif kept[ALONE]:
            _merge(kept, now - self.finite)
        if not any(kept):
            del leaves[self.key]


class PeriodLedger(Ledger):
    """Of leaves that ask for the same period of the calendar: `[…, ends]`, when the periods end in which something was completed.
    Whatever was first completed in one leaves all of them when it does."""

    def take(self, leaves: Leaves, at: int, event: Event, order_id: str | None, end: int = 0) -> None:
        if event.name in COMPLETED:
            ends = self._of(leaves)[ENDS]
            position = bisect_left(ends, end)
            if position == len(ends) or ends[position] != end:
                ends.insert(position, end)
        super().take(leaves, at, event, order_id)

    def _new(self) -> Kept:
        return [*super()._new(), []]

    def settle(self, kept: Kept, now: int) -> None:
        super().settle(kept, now)
        ends = kept[ENDS]
        if ends and ends[0] <= now:
            ended = bisect_right(ends, now)
            _leave(kept, ends[ended - 1] - 1)
            del ends[:ended]

    def let_go(self, leaves: Leaves, now: int) -> None:
        kept = leaves.get(self.key)
        if kept is None:
            return
        self.settle(kept, now)
        if not any(kept):
            del leaves[self.key]


def _opened(kept: Kept, order_id: str) -> Order:
    """An order with all that is known of it by now; out of the columns."""
    mark = kept[MARKS].get(order_id)
    if mark is None:
        return [None, [], [], 0]
    position = len(kept[AT]) - 1 - next(n for n, key in enumerate(reversed(kept[MARKS])) if key == order_id)
    at, amount = kept[AT].pop(position), _spend_at(kept[THROUGH], position)
    del kept[THROUGH][position], kept[MARKS][order_id]
    _raise(kept[THROUGH], position, negate(amount))
    insort(kept[DUE], [at, order_id])
    return [[at, *mark, True], [[at, *mark, amount]], [], 0]


def _let_happen(order: Order, now: int) -> bool:
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
    return True


def _spend_of(order: Order, now: int) -> Number:
    first = order[FIRST]
    if first is None or first[0] > now or not first[3]:
        return 0
    return max(0, subtract(order[CHANGES][0][3], order[GIVEN_BACK]))


def _leave(kept: Kept, since: int) -> None:
    """What was first completed by then has left all windows."""
    gone = bisect_right(kept[AT], since)
    left = list(islice(kept[MARKS], gone))
    if gone:
        _raise(kept[THROUGH], gone, negate(kept[THROUGH][gone - 1]))
        del kept[AT][:gone], kept[THROUGH][:gone]
        for order_id in left:
            del kept[MARKS][order_id]
    over = {order_id for order_id in left if not order_id.startswith(NO_ID)}
    kept[ALONE] -= gone - len(over)
    over |= {key for key, order in kept[CHANGED].items() if order[FIRST] is not None and order[FIRST][0] <= since}
    _end(kept, over)


def _merge(kept: Kept, until: int) -> None:
    """Completions without an order id that only leaves without a window still need become one."""
    gone = islice(kept[MARKS], bisect_right(kept[AT], until))
    alone = {order_id for order_id in gone if order_id.startswith(NO_ID)}
    if alone <= {MERGED}:
        return
    total: Number = 0
    for _, order_id, spend, _ in _entries(kept):
        if order_id in alone:
            total = plus(total, spend)
    kept[ALONE] -= len(alone) - 1
    _insert(kept, [(EARLIEST, MERGED, total, None)], without=alone)


def _end(kept: Kept, over: Collection[str]) -> None:
    if not over:
        return
    for order_id in over:
        kept[CHANGED].pop(order_id, None)
        insort(kept[OVER], order_id)
    kept[DUE] = [entry for entry in kept[DUE] if entry[1] in kept[CHANGED]]


def _insert(kept: Kept, entries: list[Entry], *, without: Collection[str] = ()) -> None:
    """Into the columns: by time, then by id. `without` those that are there by these ids."""
    at, through, marks = kept[AT], kept[THROUGH], kept[MARKS]
    if without or (at and entries[0][0] <= at[-1]):
        start = bisect_left(at, min((entry[0] for entry in entries), default=LATEST))
        start = next((n for n, order_id in enumerate(islice(marks, start)) if order_id in without), start)
        rest = [entry for entry in _entries(kept, start) if entry[1] not in without]
        entries = sorted((*rest, *entries), key=itemgetter(0, 1))
        for order_id in list(islice(marks, start, None)):
            del marks[order_id]
        del at[start:], through[start:]
    total = through[-1] if through else 0
    for instant, order_id, spend, mark in entries:
        total = plus(total, spend)
        at.append(instant)
        through.append(total)
        marks[order_id] = mark


def _entries(kept: Kept, start: int = 0) -> Iterable[Entry]:
    at, through = kept[AT], kept[THROUGH]
    for position, (order_id, mark) in enumerate(islice(kept[MARKS].items(), start, None), start):
        yield at[position], order_id, _spend_at(through, position), mark


def _spend_at(through: list[Number], position: int) -> Number:
    return subtract(through[position], through[position - 1]) if position else through[0]


def _raise(through: list[Number], position: int, by: Number) -> None:
    if by:
        through[position:] = [plus(total, by) for total in through[position:]]


def _is_among(ids: list[str], order_id: str) -> bool:
    position = bisect_left(ids, order_id)
    return position < len(ids) and ids[position] == order_id


def _in_order(refund: list[Any]) -> tuple[int, bool, Number]:
    """One order for the same refunds, however they arrived."""
    return refund[0], refund[1] is None, refund[1] or 0
