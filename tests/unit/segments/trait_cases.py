"""The rules of what looks at traits and at their past: changes, dates, comparisons, and what has been so for a time."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from services.segments.domain.facts import TRAITS_CHANGED, Event
from tests.unit.segments.case import NOON, TICK, Case, D, Json, days, event


def trait_cases() -> Iterable[Case]:
    yield from _values_of()
    yield from _fors()
    yield from _trait_dates()
    yield from _trait_changes()


def _values_of() -> Iterable[Case]:
    def case(
        rule: str, op: str, of: Json, expected: bool, traits: Json | None = None, path: str = "p", /, **held: object
    ) -> Case:
        where = [{"property": path, "op": op, "value_of": of}]
        condition = {"event": "A", "where": where, "op": "=", "value": 1}
        return Case(f"value_of: {rule}", condition, expected, (event("A", **held),), traits or {})

    other: Json = {"property": "q"}
    yield case("equal", "=", other, True, p=1, q=D("1.0"))
    yield case("not equal", "=", other, False, p=1, q=2)
    yield case("more", ">", other, True, p=2, q=1)
    yield case("not more", ">", other, False, p=1, q=1)
    yield case("texts in code point order", "<", other, True, p="Z", q="a")
    yield case("booleans", "=", other, True, p=True, q=True)
    yield case("booleans have no order", ">=", other, False, p=True, q=True)
    yield case("true is not 1", "=", other, False, p=True, q=1)
    yield case("nor is 1 less than a text", "<", other, False, p=1, q="2")
    yield case("of another type is not equal", "!=", other, True, p=1, q="1")
    yield case("a missing one is not equal", "!=", other, True, p=1)
    yield case("nor equal", "=", other, False, p=1)
    yield case("nor less", "<", other, False, p=1)
    yield case("two that are missing are not equal", "=", other, False)
    yield case("but different", "!=", other, True)
    yield case("null is missing", "=", other, False, p=None, q=None)
    yield case("lists are not compared", "=", other, False, p=[1], q=[1])
    yield case("nor objects", "=", other, False, p={"a": 1}, q={"a": 1})
    yield case("a path", "=", {"property": "q.r"}, True, p=1, q={"r": 1})
    yield case("a whole dotted key wins", "=", {"property": "q.r"}, True, **{"p": 1, "q.r": 1, "q": {"r": 2}})
    yield case("a path through a list is missing", "=", {"property": "q.r"}, False, p=1, q=[{"r": 1}])
    yield case("some element of it is more", ">", other, True, None, "l.x", l=[{"x": 1}, {"x": 3}], q=2)
    yield case("no element of it may be equal", "!=", other, False, None, "l.x", l=[{"x": 1}, {"x": 2}], q=2)
    each = [{"each": "l", "where": [{"property": "x", "op": ">", "value_of": {"property": "y"}}]}]
    rows = (event("A", l=[{"x": 1, "y": 2}, {"x": 3, "y": 2}], y=9),)
    yield Case("value_of: of the same element", {"event": "A", "where": each, "op": "=", "value": 1}, True, rows)
    trait: Json = {"trait": "t.u"}
    yield case("a trait", "=", trait, True, {"t": {"u": "x"}}, p="x")
    yield case("a trait's own dotted key", "=", trait, True, {"t.u": 1, "t": {"u": 2}}, p=1)
    yield case("another value of it", "=", trait, False, {"t": {"u": "y"}}, p="x")
    yield case("without it", "=", trait, False, p="x")
    yield case("without it they differ", "!=", trait, True, p="x")
    yield case("the trait and not the property", "=", {"trait": "p"}, False, {"p": 2}, p=1)
    inner = [{"each": "l", "where": [{"property": "x", "op": "<", "value_of": trait}]}]
    yield Case(
        "value_of: a trait for each", {"event": "A", "where": inner, "op": "=", "value": 1}, True, rows, {"t": {"u": 2}}
    )
    less = {"minus": {"event": "B", "property": "p", "where": [{"property": "p", "op": "=", "value_of": trait}]}}
    total = {"event": "A", "aggregate": "sum", "property": "p", **less, "op": "=", "value": 5}
    yield Case(
        "value_of: in what is taken off",
        total,
        True,
        (event("A", p=8), event("B", p=3), event("B", p=4)),
        {"t": {"u": 3}},
    )
    steps = [{"event": "A"}, {"event": "B", "where": [{"property": "p", "op": "=", "value_of": trait}]}]
    followed = (event("A", days(1)), event("B", p=3))
    yield Case("value_of: in a step", {"sequence": steps, "gap": "P2D"}, True, followed, {"t": {"u": 3}})
    yield Case("value_of: not in that step", {"sequence": steps, "gap": "P2D"}, False, followed, {"t": {"u": 4}})
    as_then = {"event": "A", "where": [{"property": "p", "op": "=", "value_of": {"trait": "t"}}], "op": "=", "value": 1}
    moved = Event(NOON - days(1), "c", "web", TRAITS_CHANGED, {"before": {"t": 1}, "after": {"t": 2}})
    happened = (event("A", days(9), p=2), moved)
    yield Case("value_of: the trait of now, whenever it was", as_then, True, happened, {"t": 2})
    yield Case("value_of: within a for that of then", {"for": "P1D", "of": as_then}, True, happened, {"t": 2})
    yield Case("value_of: which was another", {"for": "P2D", "of": as_then}, False, happened, {"t": 2})


def _fors() -> Iterable[Case]:
    def case(rule: str, of: Json, expected: bool, *events: Event, length: str = "P7D", **traits: object) -> Case:
        return Case(f"for: {rule}", {"for": length, "of": of}, expected, events, traits)

    def became(ago: timedelta, before: Json, after: Json) -> Event:
        return Event(NOON - ago, f"c{ago}", "web", TRAITS_CHANGED, {"before": before, "after": after})

    ever = {"event": "A", "op": ">=", "value": 1}
    yield case("so for just so long", ever, True, event("A", days(7)))
    yield case("not for quite so long", ever, False, event("A", days(7) - TICK))
    yield case("not so at all", ever, False)
    yield case("so for ever", {"not": ever}, True)
    yield case("no more", {"not": ever}, False, event("A"))
    yield case("not any more before that", {"not": ever}, True, event("A", -TICK))
    recent = {**ever, "within": "P3D"}
    yield case("a break and another start", recent, False, event("A", days(8)), event("A", days(4)))
    yield case("one after the other without a break", recent, True, *(event("A", days(n)) for n in (8, 5, 2)))
    yield case("a break of one instant", recent, True, *(event("A", days(n)) for n in (10, 7, 4, 1)))
    yield case(
        "broken when one left before another came", recent, False, *(event("A", days(n)) for n in (8, 5 - 1e-9, 2))
    )
    exact = {**ever, "op": "=", "within": "P1D"}
    yield case("a break within the window", {"not": exact}, False, event("A", days(5)))
    yield case("a break that ended as the window began", {"not": exact}, True, event("A", days(8)))
    yield case("one that ended after", {"not": exact}, False, event("A", days(8) - TICK))
    absent = {"sequence": [{"event": "A"}, {"event": "B", "absent": True}], "gap": "P1D"}
    yield case("since the gap was over", absent, True, event("A", days(8)))
    yield case("and no earlier", absent, False, event("A", days(8) - TICK))
    pro = {"trait": "plan", "op": "=", "value": "pro"}
    yield case("a trait of which no change is known", pro, True, plan="pro")
    yield case("a trait since it was told", pro, False, became(days(6), {}, {"plan": "pro"}), plan="pro")
    yield case("a trait for just so long", pro, True, became(days(7), {"plan": "x"}, {"plan": "pro"}), plan="pro")
    yield case("a change of another trait", pro, True, became(days(6), {"x": 1}, {"x": 2}), plan="pro", x=2)
    back = became(days(5), {"plan": "pro"}, {"plan": "x"}), became(days(5) - TICK, {"plan": "x"}, {"plan": "pro"})
    yield case("a trait that was another for an instant", pro, False, *back, plan="pro")
    both = became(days(5), {"plan": "pro"}, {"plan": "x"}), became(days(5), {"plan": "x"}, {"plan": "pro"})
    again = (both[0], Event(both[1].timestamp, "d", "web", TRAITS_CHANGED, both[1].properties))
    yield case("changed and changed back at one instant", pro, True, *again, plan="pro")
    inner = {"trait": "a.b", "op": "=", "value": 1}
    yield case("a trait within another", inner, False, became(days(2), {"a": {"b": 2}}, {"a": {"b": 1}}), a={"b": 1})
    born = {"trait_date": "on", "from": "P0D", "until": "P3D"}
    yield case("a date since midnight", born, True, length="PT12H", on="2026-06-15")
    yield case("and no longer", born, False, length="PT12H1S", on="2026-06-15")
    moved = became(timedelta(hours=6), {"timezone": "Pacific/Kiritimati"}, {"timezone": "UTC"})
    yield case("by the clocks of where one was", born, True, moved, length="P1D", on="2026-06-15", timezone="UTC")
    yield case("a hundred years", {"all": []}, True, length="P36525D")
    paid = {"spend": "total", "within": "P9D", "op": ">=", "value": 5}
    order = event("Order Completed", days(8), order_id="1", total=9)
    yield case("spent that much", paid, True, order)
    yield case(
        "but some of it was given back", paid, False, order, event("Order Refunded", days(1), order_id="1", total=5)
    )


def _trait_dates() -> Iterable[Case]:
    def case(
        rule: str, kept: object, t: datetime, expected: bool, ends: tuple[str, str] = ("P0D", "P0D"), /, **more: object
    ) -> Case:
        zone = {"timezone": more.pop("zone")} if "zone" in more else {}
        condition = {"trait_date": "p.on", "from": ends[0], "until": ends[1], **more}
        return Case(f"trait_date: {rule}", condition, expected, traits={"p": {"on": kept}, **zone}, t=t)

    start, end = datetime(2026, 6, 15, tzinfo=UTC), datetime(2026, 6, 16, tzinfo=UTC)
    east, west = "Pacific/Kiritimati", "Pacific/Pago_Pago"
    june, hours = "2026-06-15", timedelta(hours=1)
    yield case("the day itself begins at local midnight", june, start, True)
    yield case("and not before", june, start - TICK, False)
    yield case("it lasts to its end", june, end - TICK, True)
    yield case("and no longer", june, end, False)
    yield case("in the person's zone", june, start - 14 * hours, True, zone=east)
    yield case("until its midnight", june, end - 14 * hours, False, zone=east)
    yield case("within the next days", june, start - days(7), True, ("-P7D", "P0D"))
    yield case("no day earlier", june, start - days(7) - TICK, False, ("-P7D", "P0D"))
    yield case("another year is another date", "2025-06-15", start, False)
    yield case("unless it recurs", "2025-06-15", start, True, recurs="yearly")
    yield case("and then not before the date", "2027-06-15", start, False, recurs="yearly")
    leap = datetime(2026, 2, 28, tzinfo=UTC)
    yield case("29 February occurs on 28 February", "2024-02-29", leap, True, recurs="yearly")
    yield case("not on 1 March", "2024-02-29", leap + days(1), False, recurs="yearly")
    yield case("nor if it does not recur", "2024-02-29", leap, False)
    yield case("there is no such day", "2026-02-29", leap, False)
    yield case("nor such a month", "2026-13-01", leap, False, ("-P366D", "P366D"))
    yield case("an instant at its local date", "2026-06-15T23:30:00Z", start, True)
    yield case("which may be the next day", "2026-06-15T23:30:00Z", start, False, zone="Europe/Berlin")
    yield case("it is, in fact", "2026-06-15T23:30:00Z", end, True, zone="Europe/Berlin")
    yield case("or the day before", "2026-06-16T00:30:00.25+00:00", start + 12 * hours, True, zone=west)
    yield case("an offset of its own", "2026-06-16T01:30:00+02:00", start, True)
    yield case("in small letters", "2026-06-15t00:00:00z", start, True)
    yield case("an instant that recurs", "2020-06-14T12:00:00Z", start, True, zone=east, recurs="yearly")
    for other in (
        "2026-06-15T10:00:00", "2026-06-15T10:00Z", "2026-06-15T24:00:00Z", "2026-06-15T10:00:60Z", "15.06.2026", "2026-6-15",
        "20260615", " 2026-06-15", "2026-06-15 ", "2026-06-15\n", "2026-06-15T10:00:00+16:00", "0001-01-01T00:00:00+14:00",
        "0000-06-15", "２０２６-06-15", "", 20260615, True, None, ["2026-06-15"], {"on": "2026-06-15"},
    ):  # fmt: skip
        yield case(f"{other!r} is no date", other, start + 12 * hours, False, recurs="yearly")


def _trait_changes() -> Iterable[Case]:
    def case(
        rule: str, expected: bool, before: Json, after: Json, ago: timedelta = timedelta(0), /, **asked: object
    ) -> Case:
        changed = Event(NOON - ago, "c", "web", TRAITS_CHANGED, {"before": before, "after": after})
        return Case(f"trait_changed: {rule}", {"trait_changed": "p", "within": "P7D", **asked}, expected, (changed,))

    one, two = {"p": 1}, {"p": 2}
    yield case("at its instant", True, one, two)
    yield case("up to the window's end", True, one, two, days(7) - TICK)
    yield case("and no longer", False, one, two, days(7))
    yield case("not before it", False, one, two, -TICK)
    yield case("a first value is none", False, {}, one)
    yield case("nor is its loss", False, one, {})
    yield case("nor is null", False, {"p": None}, one)
    yield case("of another trait", False, {"p": 1, "q": 1}, {"p": 1, "q": 2})
    yield case("1.0 is 1", False, one, {"p": D("1.0")})
    yield case("true is not 1", True, one, {"p": True})
    yield case("from", True, one, two, **{"from": D("1.0")})
    yield case("from another value", False, one, two, **{"from": 2})
    yield case("from a value of another type", False, one, two, **{"from": "1"})
    yield case("to", True, one, two, to=2)
    yield case("to another value", False, one, two, to=1)
    yield case("from and to", True, one, two, **{"from": 1, "to": 2})
    yield case("to a list is never", False, one, {"p": [1]}, to=[1])
    yield case("a list that changed", True, {"p": [1]}, {"p": [1, 1]})
    yield case("a list with true for 1", True, {"p": [1]}, {"p": [True]})
    yield case("a list that is the same", False, {"p": [1]}, {"p": [D("1.0")]})
    inner, other = {"p": {"x": 1, "y": 1}}, {"p": {"x": 1, "y": D("2")}}
    yield case("an object in which something changed", True, inner, other)
    yield case("a path to what changed", True, inner, other, trait_changed="p.y", to=2)
    yield case("a path to what did not", False, inner, other, trait_changed="p.x")
    yield case("a path to nothing", False, inner, other, trait_changed="p.z")
    whole, changed = {"p": {"x": 1}, "p.x": 1}, {"p": {"x": 2}, "p.x": 1}
    yield case("a whole dotted key wins", False, whole, changed, trait_changed="p.x")
    lists = {"p": [{"x": 1}]}, {"p": [{"x": 2}]}
    yield case("a path through a list is missing", False, *lists, timedelta(0), trait_changed="p.x")
