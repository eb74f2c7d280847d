"""What ready-made definitions mean, each by the history of one profile, around its boundaries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

from services.segments.domain.facts import TRAITS_CHANGED, Event, LifeEventFact
from tests.unit.segments.case import NOON, TICK, Json, days, event

ORDER = "Order Completed"
TODAY = NOON.date()


@dataclass(frozen=True)
class Told:
    """What is true of a template with these parameters."""

    template: str
    what: str
    expected: bool
    events: tuple[Event, ...] = ()
    parameters: Mapping[str, object] = field(default_factory=dict)
    life_events: tuple[LifeEventFact, ...] = ()
    traits: Json = field(default_factory=dict)
    t: datetime = NOON

    @property
    def sentence(self) -> str:
        return f"{self.template}: {self.what}"


_numbers = iter(range(10**9))


def order(ago: timedelta, total: object = 10, **more: object) -> Event:
    return event(ORDER, ago, order_id=f"o{next(_numbers)}", total=total, **more)


def _on(
    template: str,
    what: str,
    expected: bool,
    day: date,
    *,
    kind: str,
    subject: str = "self",
    recurs: Literal["yearly"] | None = "yearly",
    parameters: Json | None = None,
) -> Told:
    fact = LifeEventFact(kind, day, recurs, subject)
    return Told(template, what, expected, life_events=(fact,), parameters=parameters or {})


def _dates() -> Iterable[Told]:
    for away, expected in ((-4, False), (-3, True), (0, True), (3, True), (4, False)):
        born = (TODAY + timedelta(days=away)).replace(year=1990)
        yield _on("birthday-week", f"a birthday {away} days from today", expected, born, kind="birthday")
    week: Json = {"before": "P7D", "after": "P0D"}
    for day, expected in ((23, False), (22, True), (15, True), (14, False)):
        what = f"the week before and no day after: {day} June"
        yield _on("birthday-week", what, expected, date(1990, 6, day), kind="birthday", parameters=week)
    born = date(1990, 6, 15)
    anybody: Json = {"subject": None}
    yield _on("birthday-week", "not the partner's", False, born, kind="birthday", subject="partner")
    yield _on("birthday-week", "anybody's", True, born, kind="birthday", subject="partner", parameters=anybody)
    yield _on("birthday-week", "not another kind of date", False, born, kind="wedding")
    for ago, expected in ((-1, False), (0, True), (6, True), (7, False)):
        since = (TODAY - timedelta(days=ago)).replace(year=2020)
        yield _on("anniversary", f"{ago} days after the anniversary", expected, since, kind="customer_since")
    yield _on("anniversary", "of any kind", True, born, kind="wedding", parameters={"kind": "wedding"})
    for ago, expected in ((-1, False), (0, True), (180, True), (181, False)):
        day_of_birth = TODAY - timedelta(days=ago)
        yield _on(
            "new-baby", f"born {ago} days ago", expected, day_of_birth, kind="birth", subject="child", recurs=None
        )
    for ahead, expected in ((91, False), (90, True)):
        due = TODAY + timedelta(days=ahead)
        what = f"to be born in {ahead} days"
        yield _on("new-baby", what, expected, due, kind="birth", recurs=None, parameters={"before": "P90D"})
    for ahead, expected in ((15, False), (14, True), (0, True), (-1, False)):
        last_day = TODAY + timedelta(days=ahead)
        yield _on("deadline-soon", f"a deadline in {ahead} days", expected, last_day, kind="deadline", recurs=None)
    inspection: Json = {"kind": "car_inspection"}
    yield _on("deadline-soon", "of a kind", True, TODAY, kind="car_inspection", recurs=None, parameters=inspection)
    yield _on("deadline-soon", "of another kind", False, TODAY, kind="deadline", recurs=None, parameters=inspection)


def _traits() -> Iterable[Told]:
    def dated(
        template: str, away: int, expected: bool, *, year: int, kept: str, parameters: Json | None = None
    ) -> Told:
        day = (TODAY + timedelta(days=away)).replace(year=year)
        what = f"{away} days from today in {year}, in {kept}"
        return Told(template, what, expected, traits={kept: day.isoformat()}, parameters=parameters or {})

    for away, expected in ((1, False), (0, True), (-6, True), (-7, False)):
        yield dated("customer-anniversary", away, expected, year=2020, kept="customer_since")
    yield dated("customer-anniversary", -1, True, year=2020, kept="since", parameters={"trait": "since"})
    for away, expected in ((31, False), (30, True), (0, True), (-1, False)):
        yield dated("renewal-soon", away, expected, year=2026, kept="renews_on")
    yield dated("renewal-soon", 0, False, year=2025, kept="renews_on")
    yield from _moves()


def _moves() -> Iterable[Told]:
    graz, linz = {"address": {"city": "Graz"}}, {"address": {"city": "Linz"}}

    def moved(
        what: str,
        expected: bool,
        ago: timedelta,
        before: Json = graz,
        after: Json = linz,
        *,
        parameters: Json | None = None,
    ) -> Told:
        change = Event(NOON - ago, "c", "web", TRAITS_CHANGED, {"before": before, "after": after})
        return Told("moved", what, expected, (change,), parameters or {})

    yield moved("just now", True, days(0))
    yield moved("almost 30 days ago", True, days(30) - TICK)
    yield moved("30 days ago", False, days(30))
    yield moved("within the same town", False, days(1), graz, {"address": {"city": "Graz", "street": "A"}})
    yield moved("first told where", False, days(1), {})
    for end in ("moved_from", "moved_to"):
        yield moved(f"{end} Linz", end == "moved_to", days(1), parameters={end: "Linz"})
    yield moved("by another trait", False, days(1), parameters={"trait": "city"})
    yield moved("by that trait", True, days(1), {"city": "Graz"}, {"city": "Linz"}, parameters={"trait": "city"})
    yield Told("moved", "never", False)


def _spending() -> Iterable[Told]:
    for template, amount in (("spent-in-total", 500), ("spent-lately", 200), ("big-spenders", 1000)):
        yield Told(template, "reaches the amount", True, (order(days(1), amount - 1), order(days(2), 1)))
        yield Told(template, "stays below it", False, (order(days(1), amount - 1),))
        refund = event("Order Refunded", days(0), order_id="r", total=1)
        paid = event(ORDER, days(1), order_id="r", total=amount)
        yield Told(template, "less refunds", False, (paid, refund))
        yield Told(template, "another currency", False, (order(days(1), amount, currency="USD"),), {"currency": "EUR"})
        yield Told(template, "that currency", True, (order(days(1), amount, currency="EUR"),), {"currency": "EUR"})
        yield Told(template, "another basis", True, (order(days(1), 0, revenue=amount),), {"basis": "revenue"})
    yield Told("spent-in-total", "ever", True, (order(days(5000), 500),))
    for template, length, amount in (("spent-lately", 90, 200), ("big-spenders", 365, 1000)):
        yield Told(template, "still in the window", True, (order(days(length) - TICK, amount),))
        yield Told(template, "just out of the window", False, (order(days(length), amount),))
    five = [order(days(n), 100) for n in range(1, 6)]
    yield Told("vip", "spends and orders enough", True, (*five,))
    yield Told("vip", "spends enough in too few orders", False, (*five[:3], order(days(9), 1000)))
    yield Told("vip", "orders enough and spends too little", False, (*five[:4], order(days(9), 99)))
    yield Told("vip", "one of the orders is too old", False, (*five[:4], order(days(365), 100)))
    yield Told(
        "vip",
        "one order told twice is one",
        False,
        (*five[:4], event(ORDER, order_id=five[0].properties["order_id"], total=999)),
    )
    yield Told("vip", "orders without an id", True, tuple(event(ORDER, days(n), total=100) for n in range(5)))


def _orders() -> Iterable[Told]:
    both = ("first-purchase", "second-purchase-due")
    for ago, first, due in (
        (days(0), True, False),
        (days(30) - TICK, True, False),
        (days(30), False, True),
    ):
        for template, expected in zip(both, (first, due), strict=True):
            yield Told(template, f"one order {ago} ago", expected, (order(ago),))
    old = event(ORDER, days(40), order_id="a")
    for template in (*both, "one-off-buyers"):
        yield Told(template, "nothing bought", False)
        yield Told(template, "two orders", False, (order(days(40)), order(days(41))))
        yield Told(template, "two orders without ids", False, (event(ORDER, days(40)), event(ORDER, days(41))))
        yield Told(template, "one with an id and one without", False, (old, event(ORDER, days(41))))
    yield Told("second-purchase-due", "one order told twice", True, (old, event(ORDER, days(40), order_id="a")))
    yield Told("second-purchase-due", "the second has come", False, (old, order(days(1))))
    yield Told("one-off-buyers", "one order, however old", True, (order(days(4000)),))
    for count in range(6):
        recent = tuple(order(days(1 + n)) for n in range(count))
        yield Told("one-off-buyers", f"{count} orders", count == 1, recent)
        yield Told("rare-buyers", f"{count} orders", 2 <= count < 4, recent)
        yield Told("regular-buyers", f"{count} orders", count >= 4, recent)
    three = tuple(order(days(1 + n)) for n in range(3))
    for ago, regular in ((days(365) - TICK, True), (days(365), False)):
        yield Told("regular-buyers", f"the fourth {ago} ago", regular, (*three, order(ago)))
        yield Told("rare-buyers", f"the fourth {ago} ago", not regular, (*three, order(ago)))


def _stages() -> Iterable[Told]:
    for ago, lapsing, lapsed in (
        (days(60) - TICK, False, False),
        (days(60), True, False),
        (days(180) - TICK, True, False),
        (days(180), False, True),
    ):
        yield Told("lapsing", f"last order {ago} ago", lapsing, (order(ago), order(days(500))))
        yield Told("lapsed", f"last order {ago} ago", lapsed, (order(ago), order(days(500))))
    stages = ("new", "active", "at-risk", "lost")
    for first, last, stage in (
        (days(0), days(0), "new"),
        (days(30) - TICK, days(1), "new"),
        (days(30), days(1), "active"),
        (days(30), days(30), "active"),
        (days(500), days(90) - TICK, "active"),
        (days(500), days(90), "at-risk"),
        (days(365) - TICK, days(365) - TICK, "at-risk"),
        (days(365), days(365), "lost"),
        (days(-1), days(-1), "none"),
    ):
        for each in stages:
            what = f"first order {first} ago, last {last} ago"
            yield Told(f"lifecycle-{each}", what, each == stage, (order(first), order(last)))
    for template in ("lapsing", "lapsed", *(f"lifecycle-{each}" for each in stages)):
        yield Told(template, "never bought", False, (event("Product Viewed", days(40)),))


def _doing() -> Iterable[Told]:
    hours = timedelta(hours=4)
    for ago, expected in ((hours - TICK, False), (hours, True), (days(3) - TICK, True), (days(3), False)):
        yield Told("abandoned-cart", f"a cart {ago} ago", expected, (event("Product Added", ago),))
    cart = event("Product Added", timedelta(hours=10))
    yield Told("abandoned-cart", "ordered an hour later", False, (cart, order(timedelta(hours=9))))
    yield Told("abandoned-cart", "ordered a day later", False, (cart, order(days(0))))
    yield Told("abandoned-cart", "ordered long before", True, (cart, order(days(30))))
    started = (event("Checkout Started", timedelta(hours=5)),)
    yield Told("abandoned-cart", "a checkout is no cart", False, started)
    yield Told("abandoned-cart", "unless it is meant", True, started, {"event": "Checkout Started"})
    looked = tuple(event("Product Viewed", days(n)) for n in (1, 2, 3))
    yield Told("browsed-without-buying", "looked three times", True, looked)
    yield Told("browsed-without-buying", "looked twice", False, looked[:2])
    yield Told("browsed-without-buying", "and bought", False, (*looked, order(days(2))))
    yield Told("browsed-without-buying", "bought before", True, (*looked, order(days(7))))
    yield Told("browsed-without-buying", "once too long ago", False, (*looked[:2], event("Product Viewed", days(7))))
    yield from _viewed()
    yield from _refunds()
    yield from _advocates()


def _viewed() -> Iterable[Told]:
    def view(product: object, ago: timedelta) -> Event:
        return event("Product Viewed", ago, product_id=product)

    def bought(ago: timedelta, *products: object) -> Event:
        return event(ORDER, ago, products=[{"product_id": product} for product in products])

    key = "viewed-not-bought"
    for ago, expected in ((days(3) - TICK, False), (days(3), True), (days(7) - TICK, True), (days(7), False)):
        yield Told(key, f"viewed {ago} ago", expected, (view("hat", ago),))
    viewed = view("hat", days(6))
    yield Told(key, "bought another one", True, (viewed, bought(days(5), "shoe", "sock")))
    yield Told(key, "bought that one, too", False, (viewed, bought(days(5), "shoe", "hat")))
    yield Told(key, "bought it before", True, (viewed, bought(days(6.5), "hat")))
    yield Told(key, "bought it at the last moment", False, (viewed, bought(days(3), "hat")))
    yield Told(key, "bought it too late", True, (viewed, bought(days(3) - TICK, "hat")))
    yield Told(key, "viewed two, bought one", True, (viewed, view("shoe", days(6)), bought(days(5), "shoe")))
    yield Told(
        key, "bought both", False, (viewed, view("shoe", days(6)), bought(days(5), "shoe"), bought(days(4), "hat"))
    )
    yield Told(key, "an order without products", True, (viewed, order(days(5))))


def _refunds() -> Iterable[Told]:
    def back(order_id: str, ago: float = 1) -> Event:
        return event("Order Refunded", days(ago), order_id=order_id, total=1)

    six = tuple(order(days(10 + n)) for n in range(6))
    three = (back("a"), back("b"), back("c"))
    yield Told("refund-heavy", "three of six", True, (*six, *three))
    yield Told("refund-heavy", "three of seven", False, (*six, order(days(1)), *three))
    yield Told("refund-heavy", "two of six", False, (*six, *three[:2]))
    yield Told("refund-heavy", "one order in parts", False, (*six, back("a"), back("a"), back("a")))
    yield Told("refund-heavy", "one of them long ago", False, (*six, *three[:2], back("c", 365)))


def _advocates() -> Iterable[Told]:
    shared, reviewed = event("Product Shared", days(1)), event("Product Reviewed", days(1))
    yield Told("advocates", "shares and reviews", True, (shared, reviewed))
    yield Told("advocates", "refers and reviews", True, (event("Invite Sent", days(1)), reviewed))
    yield Told(
        "advocates",
        "an own word for it",
        True,
        (event("Friend Referred"), reviewed),
        {"referral_event": "Friend Referred"},
    )
    yield Told("advocates", "only shares", False, (shared,))
    yield Told("advocates", "only reviews", False, (reviewed,))
    yield Told("advocates", "sharing is enough", True, (shared,), {"reviews": 0})
    yield Told("advocates", "too long ago", False, (event("Cart Shared", days(365)), reviewed))
    small = {"spent_under": 100}
    yield Told("advocates", "and spends little", True, (shared, reviewed, order(days(1), 99)), small)
    yield Told("advocates", "but spends much", False, (shared, reviewed, order(days(1), 100)), small)


TOLD = [*_dates(), *_traits(), *_spending(), *_orders(), *_stages(), *_doing()]
