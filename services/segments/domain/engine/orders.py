"""Spend: `{"orders": {order id: order}, "alone": [[instant, amount], …], "past": total}`.

`alone` are completions without an order id, each an order of its own; without a window those that have happened are merged into
`past`. An order is null once it can add nothing any more, whatever arrives: it has left the window, or everything was
refunded. It is remembered, for a repeated completion must not make it anew.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NotRequired, TypedDict, cast

from services.segments.domain.condition import Spend
from services.segments.domain.engine.verdict import Verdict
from services.segments.domain.facts import Event, micros, micros_of
from services.segments.domain.spending import COMPLETED, REFUNDED, SPEND_EVENTS, amount_of, order_id_of, refund_of
from shared.language.compare import compare
from shared.language.exact import Number, add, subtract

Change = list[object]  # [instant, message id, source, amount]: the first three are the order of events
Refund = list[object]  # [instant, amount], null for everything


class Order(TypedDict):
    first: Change | None  # the first completion; in place of the amount, whether its currency is the one asked for
    changes: list[Change]
    refunds: list[Refund]
    refunded: Number  # by what has happened


class Orders(TypedDict):
    orders: dict[str, Order | None]
    alone: list[list[object]]
    past: NotRequired[Number]


def fold(leaf: Spend, state: Orders | None, events: Iterable[Event]) -> Orders | None:
    relevant = [event for event in events if event.name in SPEND_EVENTS]
    if not relevant:
        return state
    orders = dict(state["orders"]) if state else {}
    alone: list[list[object]] = list(state["alone"]) if state else []
    for event in relevant:
        order_id = order_id_of(event)
        if order_id is not None:
            known = orders.get(order_id, _EMPTY)
            orders[order_id] = known and _with_event(leaf, known, event)
        elif event.name in COMPLETED and _has_currency(leaf, event):
            alone.append([micros(event.timestamp), max(0, amount_of(event, leaf.basis))])
    if not orders and not alone:
        return state
    alone.sort(key=_in_order)
    return cast(Orders, {**(state or {}), "orders": orders, "alone": alone})


_EMPTY: Order = {"first": None, "changes": [], "refunds": [], "refunded": 0}


def _with_event(leaf: Spend, order: Order, event: Event) -> Order:
    at = micros(event.timestamp)
    if event.name in REFUNDED:
        refunds: list[Refund] = [*order["refunds"], [at, refund_of(event, leaf.basis)]]
        return {**order, "refunds": sorted(refunds, key=_in_order)}
    place: Change = [at, event.message_id, event.source]
    changes = sorted([*order["changes"], [*place, amount_of(event, leaf.basis)]], key=_place)
    first = order["first"]
    if event.name in COMPLETED and (first is None or place < _place(first)):
        first = [*place, _has_currency(leaf, event)]
    return {**order, "first": first, "changes": changes}


def _has_currency(leaf: Spend, event: Event) -> bool:
    return leaf.currency is None or event.properties.get("currency") == leaf.currency


def trim(leaf: Spend, state: Orders, t: int) -> Orders | None:
    since = None if leaf.within is None else t - micros_of(leaf.within)
    orders = {key: order and _trim_order(order, t, since) for key, order in state["orders"].items()}
    if since is not None:
        alone = state["alone"][_later_than(state["alone"], since) :]
        return {"orders": orders, "alone": alone} if orders or alone else None
    happened = _later_than(state["alone"], t)
    past = state.get("past", 0)
    for _, amount in state["alone"][:happened]:
        past = add(past, cast(Number, amount))
    return {"orders": orders, "alone": state["alone"][happened:], "past": past}


def _trim_order(order: Order, t: int, since: int | None) -> Order | None:
    if since is not None and order["first"] is not None and _instant(order["first"]) <= since:
        return None
    refunds = order["refunds"]
    happened = _later_than(refunds, t)
    refunded = _refunded(order, t)
    if refunded is None:
        return None
    settled = max(_later_than(order["changes"], t) - 1, 0)  # of what has happened, only the last counts
    return {
        "first": order["first"],
        "changes": order["changes"][settled:],
        "refunds": refunds[happened:],
        "refunded": refunded,
    }


def evaluate(leaf: Spend, state: Orders | None, t: int) -> Verdict:
    if state is None:
        return Verdict(compare(leaf.op, 0, leaf.value))
    length = None if leaf.within is None else micros_of(leaf.within)
    total = state.get("past", 0)
    for at, amount in state["alone"]:
        if _stands(cast(int, at), length, t):
            total = add(total, cast(Number, amount))
    counting = [
        order for order in state["orders"].values() if order is not None and order["first"] and order["first"][3]
    ]
    for order in counting:
        if _stands(_instant(cast(Change, order["first"])), length, t):
            total = add(total, _spend(order, t))
    boundaries = (at for at in _boundaries(state, counting, length) if at > t)
    return Verdict(compare(leaf.op, total, leaf.value), min(boundaries, default=None))


def _stands(completed_at: int, length: int | None, t: int) -> bool:
    return completed_at <= t and (length is None or t - length < completed_at)


def _spend(order: Order, t: int) -> Number:
    amount = cast(Number, order["changes"][_later_than(order["changes"], t) - 1][3])
    refunded = _refunded(order, t)
    return 0 if refunded is None else max(0, subtract(amount, refunded))


def _refunded(order: Order, t: int) -> Number | None:
    """None for everything."""
    refunded = order["refunded"]
    for at, amount in order["refunds"]:
        if cast(int, at) > t:
            break
        if amount is None:
            return None
        refunded = add(refunded, cast(Number, amount))
    return refunded


def _boundaries(state: Orders, counting: list[Order], length: int | None) -> Iterator[int]:
    """The instants at which some order enters, changes or leaves."""
    entering = [*map(_instant, state["alone"]), *(_instant(cast(Change, order["first"])) for order in counting)]
    yield from entering
    for order in counting:
        yield from map(_instant, order["changes"])
        yield from map(_instant, order["refunds"])
    if length is not None:
        yield from (at + length for at in entering)


def _later_than(points: list[list[object]], t: int) -> int:
    return bisect_right(points, t, key=_instant)


def _instant(point: list[object]) -> int:
    return cast(int, point[0])


def _in_order(refund: Refund) -> tuple[int, bool, Number]:
    """One order for the same refunds, however they arrived."""
    return _instant(refund), refund[1] is None, cast(Number, refund[1] or 0)


def _place(change: Change) -> Change:
    return change[:3]
