"""The rules of spend as cases."""

from collections.abc import Iterable

from services.segments.domain.facts import Event
from tests.unit.segments.case import NOON, TICK, Case, D, Json, days, event


def spend_cases() -> Iterable[Case]:
    def spends(rule: str, value: object, *happened: Event, **more: object) -> Iterable[Case]:
        condition = {"spend": "total", "op": "=", "value": value, **more}
        yield Case(rule, condition, True, happened)
        yield Case(f"{rule}, and nothing else", {**condition, "op": "!="}, False, happened)

    done, updated, cancelled, refunded = "Order Completed", "Order Updated", "Order Cancelled", "Order Refunded"
    first = event(done, days(9), order_id="1", total=100)
    yield from spends("nothing is 0", 0)
    yield from spends("an order", 100, first)
    yield from spends("two orders", 105, first, event(done, days(1), order_id="2", total=5))
    yield from spends("a repeated completion replaces", 80, first, event(done, days(1), order_id="1", total=80))
    yield from spends("the last by time, not by arrival", 100, event(done, days(11), order_id="1", total=80), first)
    yield from spends("an update replaces", 70, first, event(updated, days(1), order_id="1", total=70))
    yield from spends("one without a number is 0", 0, first, event(updated, days(1), order_id="1", total="70"))
    yield from spends("a completion without a number is 0", 0, event(done, order_id="1"))
    yield from spends("a cancelled order is 0", 0, first, event(cancelled, days(1), order_id="1", total=100))
    yield from spends(
        "completed again after it was cancelled",
        60,
        first,
        event(cancelled, days(2), order_id="1"),
        event(done, days(1), order_id="1", total=60),
    )
    yield from spends("a future cancellation has not happened", 100, first, event(cancelled, -TICK, order_id="1"))
    same = days(3)
    yield from spends(
        "ties go by message id",
        2,
        event(done, same, "b", order_id="1", total=2),
        event(updated, same, "a", order_id="1", total=1),
    )
    yield from spends(
        "message ids in code point order",
        1,
        event(done, same, "a", order_id="1", total=1),
        event(updated, same, "Z", order_id="1", total=2),
    )
    by_source = (
        Event(NOON, "m", "web", done, {"order_id": "1", "total": 1}),
        Event(NOON, "m", "pos", updated, {"order_id": "1", "total": 2}),
    )
    yield from spends("then by source", 1, *by_source)
    yield from spends("a refund is subtracted", 70, first, event(refunded, days(1), order_id="1", total=30))
    yield from spends("a negative refund too", 70, first, event(refunded, days(1), order_id="1", total=-30))
    yield from spends(
        "every refund",
        50,
        first,
        event(refunded, days(1), order_id="1", total=30),
        event(refunded, days(1), order_id="1", total=20),
    )
    yield from spends(
        "never below 0", 7, first, event(refunded, days(1), order_id="1", total=300), event(done, order_id="2", total=7)
    )
    yield from spends("a negative amount is not below 0", 0, event(done, order_id="1", total=-5))
    yield from spends("a refund without numbers is everything", 0, first, event(refunded, days(1), order_id="1"))
    yield from spends(
        "now and later",
        0,
        first,
        event(refunded, days(2), order_id="1"),
        event(updated, days(1), order_id="1", total=50),
    )
    yield from spends("even before the completion", 0, first, event(refunded, days(10), order_id="1"))
    yield from spends(
        "a refund before the completion counts", 70, first, event(refunded, days(10), order_id="1", total=30)
    )
    yield from spends("a future refund does not yet", 100, first, event(refunded, -TICK, order_id="1"))
    yield from spends(
        "a refund after the cancellation is not below 0",
        0,
        first,
        event(cancelled, days(2), order_id="1"),
        event(refunded, days(1), order_id="1", total=5),
    )
    by_revenue = event(refunded, days(1), order_id="1", revenue=20, total=50)
    taxed = event(done, days(9), order_id="1", revenue=90, total=100)
    yield from spends("the basis of a refund", 70, taxed, by_revenue, spend="revenue")
    yield from spends(
        "else its total", 60, taxed, event(refunded, days(1), order_id="1", revenue="x", total=30), spend="revenue"
    )
    yield from spends("an amount has no such fallback", 0, first, spend="revenue")
    yield from spends("subtotal", 3, event(done, order_id="1", subtotal=3, total=9), spend="subtotal")
    yield from spends("a whole number is its decimal text", 80, first, event(done, days(1), order_id=1, total=80))
    yield from spends("written in any way", 80, first, event(done, days(1), order_id=D("1.00"), total=80))
    yield from spends(
        "also a large one",
        4,
        event(done, days(1), order_id=D("1E+3"), total=80),
        event(updated, order_id="1000", total=4),
    )
    yield from spends("a fraction is no order id", 180, first, event(done, days(1), order_id=D("1.5"), total=80))
    yield from spends("01 is another order", 180, first, event(done, days(1), order_id="01", total=80))
    yield from spends(
        "without an id, an order of its own",
        106,
        first,
        event(done, total=2),
        event(done, total=2),
        event(done, order_id="", total=2),
    )
    yield from spends(
        "true is no order id", 4, event(done, order_id=True, total=2), event(done, order_id=True, total=2)
    )
    yield from spends("not below 0 either", 0, event(done, total=-2))
    others = (event(updated, total=5), event(cancelled), event(refunded, total=3))
    yield from spends("the other three without one are ignored", 100, first, *others)
    yield from spends("an order without a completion is ignored", 0, event(updated, order_id="1", total=5))
    yield from spends(
        "an order not yet completed is ignored",
        0,
        event(done, -TICK, order_id="1", total=5),
        event(updated, days(1), order_id="1", total=5),
    )
    week: Json = {"within": "P7D"}
    yield from spends(
        "an order stands by its first completion", 0, first, event(done, days(1), order_id="1", total=80), **week
    )
    yield from spends(
        "in the window whole",
        40,
        event(done, days(6), order_id="1", total=50),
        event(refunded, days(1), order_id="1", total=10),
        **week,
    )
    yield from spends("in it up to D", 5, event(done, days(7) - TICK, order_id="1", total=5), **week)
    yield from spends("no longer at D", 0, event(done, days(7), order_id="1", total=5), **week)
    yield from spends(
        "one without an id alike", 5, event(done, days(7), total=5), event(done, days(7) - TICK, total=5), **week
    )
    yield from spends(
        "an update from before the completion",
        9,
        event(updated, days(8), order_id="1", total=5),
        event(done, days(6), order_id="1", total=9),
        **week,
    )
    yield from spends(
        "an update from before it, its id written in another way",
        4,
        event(updated, days(8), order_id=D("1E+3"), total=5),
        event(refunded, days(9), order_id=D("1000.0"), total=5),
        event(done, days(6), order_id="1000", total=9),
        **week,
    )
    yield from spends(
        "a completion from before it alike",
        5,
        event(done, days(8), order_id="2", total=5),
        event(done, days(6), order_id=D("2.00"), total=9),
        event(done, days(5), order_id="2.00", total=5),
        **week,
    )
    yield from spends(
        "one from before it that has no id",
        3,
        event(done, days(8), order_id=D("1.5"), total=5),
        event(refunded, days(6), total=3),
        event(done, days(5), order_id=D("1.5"), total=1),
        event(done, days(5), total=2),
        **week,
    )
    euros: Json = {"currency": "EUR"}
    yield from spends(
        "only orders in the currency",
        5,
        event(done, order_id="1", total=5, currency="EUR"),
        event(done, order_id="2", total=7, currency="USD"),
        event(done, total=8),
        **euros,
    )
    yield from spends(
        "the currency of the first completion",
        6,
        event(done, days(2), order_id="1", total=5, currency="EUR"),
        event(done, days(1), order_id="1", total=6, currency="USD"),
        **euros,
    )
    yield from spends(
        "and of no later one",
        0,
        event(done, days(2), order_id="1", total=5),
        event(done, days(1), order_id="1", total=6, currency="EUR"),
        **euros,
    )
    yield from spends(
        "one without an id alike, by currency",
        2,
        event(done, total=2, currency="EUR"),
        event(done, total=3, currency="eur"),
        **euros,
    )
    yield from spends(
        "the older names",
        40,
        event("Completed Order", days(3), order_id="1", total=100),
        event("Updated Order", days(2), order_id="1", total=60),
        event("Refunded Order", days(1), order_id="1", total=20),
        event(done, order_id="2", total=5),
        event("Cancelled Order", order_id="2"),
    )
    yield Case(
        "for spend only", {"event": done, "op": "=", "value": 0}, True, (event("Completed Order", order_id="1"),)
    )
    yield from spends("exact", D("0.3"), *(event(done, order_id=str(n), total=D("0.1")) for n in range(3)))
