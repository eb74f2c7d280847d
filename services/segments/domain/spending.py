"""What people paid, order by order, from all their events."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from services.segments.domain.condition import Spend
from services.segments.domain.facts import Event, ProfileFacts
from services.segments.domain.windows import stands
from shared.language.exact import Number, add, is_number, subtract

COMPLETED = frozenset({"Order Completed", "Completed Order"})
UPDATED = frozenset({"Order Updated", "Updated Order"})
CANCELLED = frozenset({"Order Cancelled", "Cancelled Order"})
REFUNDED = frozenset({"Order Refunded", "Refunded Order"})
SPEND_EVENTS = COMPLETED | UPDATED | CANCELLED | REFUNDED


@dataclass(frozen=True, slots=True)
class OrderSpend:
    """One order that counts at an instant, and what it comes to. `events`: what was said of it, by time."""

    order_id: str | None  # None: a completion without one, an order of its own
    completed_at: datetime
    amount: Number
    refunded: Number | None  # None: everything
    spend: Number
    events: tuple[Event, ...] = ()


@dataclass(slots=True)
class _Order:
    completions: list[Event] = field(default_factory=list)
    changes: list[Event] = field(default_factory=list)  # completions, updates and cancellations
    refunds: list[Event] = field(default_factory=list)


def spend_at(leaf: Spend, happened: Iterable[Event], t: datetime, facts: ProfileFacts) -> Number:
    total: Number = 0
    for order in orders_at(leaf, happened, t, facts):
        total = add(total, order.spend)
    return total


def orders_at(leaf: Spend, happened: Iterable[Event], t: datetime, facts: ProfileFacts) -> list[OrderSpend]:
    """The orders that stand in the window at `t`, by first completion; `happened` holds nothing later than `t`."""
    found = []
    for order_id, order in _grouped(happened):
        if not order.completions:
            continue
        first = min(order.completions, key=in_order)
        in_window = stands(first.timestamp, leaf.within, t, facts)
        if in_window and (leaf.currency is None or first.properties.get("currency") == leaf.currency):
            found.append(_spend_of(order_id, order, first.timestamp, leaf.basis))
    return sorted(found, key=lambda order: (order.completed_at, order.order_id or ""))


def in_order(event: Event) -> tuple[datetime, str, str]:
    return event.timestamp, event.message_id, event.source


def order_id_of(event: Event) -> str | None:
    found = event.properties.get("order_id")
    if isinstance(found, str):
        return found or None
    if is_number(found) and found == int(found):
        return str(int(found))
    return None


def amount_of(event: Event, basis: str) -> Number:
    """What a completion or an update says the order comes to; a cancellation says nothing."""
    found = event.properties.get(basis)
    return found if event.name not in CANCELLED and is_number(found) else 0


def refund_of(event: Event, basis: str) -> Number | None:
    """What a refund gives back; None is everything."""
    for name in (basis, "total"):
        found = event.properties.get(name)
        if is_number(found):
            return found.copy_abs() if isinstance(found, Decimal) else abs(found)
    return None


def _grouped(happened: Iterable[Event]) -> Iterable[tuple[str | None, _Order]]:
    orders: dict[str, _Order] = {}
    alone: list[_Order] = []
    for event in happened:
        if event.name not in SPEND_EVENTS:
            continue
        order_id = order_id_of(event)
        if order_id is not None:
            _add(orders.setdefault(order_id, _Order()), event)
        elif event.name in COMPLETED:
            alone.append(_Order([event], [event]))
    return [*orders.items(), *((None, order) for order in alone)]


def _add(order: _Order, event: Event) -> None:
    if event.name in REFUNDED:
        order.refunds.append(event)
        return
    order.changes.append(event)
    if event.name in COMPLETED:
        order.completions.append(event)


def _spend_of(order_id: str | None, order: _Order, completed_at: datetime, basis: str) -> OrderSpend:
    amount = amount_of(max(order.changes, key=in_order), basis)
    refunded: Number | None = 0
    for refund in order.refunds:
        given_back = refund_of(refund, basis)
        refunded = None if refunded is None or given_back is None else add(refunded, given_back)
    spend: Number = 0 if refunded is None else max(0, subtract(amount, refunded))
    events = tuple(sorted((*order.changes, *order.refunds), key=in_order))
    return OrderSpend(order_id, completed_at, amount, refunded, spend, events)
