"""The rules of the condition language as cases."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from services.segments.domain.facts import TRAITS_CHANGED, Event, LifeEventFact
from tests.unit.segments.case import NOON, TICK, Case, D, Json, days, event
from tests.unit.segments.spend_cases import spend_cases


def _windows() -> Iterable[Case]:
    count = {"event": "A", "within": "P7D", "op": "=", "value": 1}
    for rule, ago, expected in [
        ("an event at t stands in the window", days(0), True),
        ("one younger than D stands in it", days(7) - TICK, True),
        ("one exactly D old has left it", days(7), False),
        ("a future one has not entered it", -TICK, False),
    ]:
        yield Case(rule, count, expected, (event("A", ago),))
    ever = {"event": "A", "op": ">=", "value": 1}
    yield Case("without a window all of the past counts", ever, True, (event("A", days(20000)),))
    yield Case("without a window the future does not", ever, False, (event("A", -TICK),))
    yield Case(
        "a window of 100 years reaches far back", {**count, "within": "P36525D"}, True, (event("A", days(36524)),)
    )
    yield Case("[] in all is true", {"all": []}, True)
    yield Case("[] in any is false", {"any": []}, False)
    yield Case("no names select no events", {"event": [], "op": "=", "value": 0}, True, (event("A"),))
    yield Case(
        "several names are one selection", {"event": ["A", "B"], "op": "=", "value": 2}, True, (event("A"), event("B"))
    )


def _aggregates() -> Iterable[Case]:
    def of(aggregate: str, op: str, value: object, **more: object) -> Json:
        return {"event": "A", "aggregate": aggregate, "property": "p", "op": op, "value": value, **more}

    for aggregate in ("count", "sum", "distinct"):
        yield Case(f"{aggregate} over nothing is 0", of(aggregate, "=", 0), True)
    for aggregate in ("avg", "min", "max"):
        for op in ("=", "!=", "<", ">="):
            yield Case(f"{aggregate} over nothing makes {op} false", of(aggregate, op, 0), False)
            yield Case(
                f"{aggregate} over no numbers makes {op} false", of(aggregate, op, 0), False, (event("A", p="0"),)
            )
    values = (1, "1", True, D("1.0"), "a", False, None, [1], {"a": 1}, "a")
    mixed = (event("A"), *(event("A", p=value) for value in values))
    yield Case('distinct tells 1, "1" and true apart, not 1 and 1.0', of("distinct", "=", 5), True, mixed)
    yield Case("sum skips strings and booleans", of("sum", "=", 2), True, mixed)
    yield Case("avg skips strings and booleans", of("avg", "=", 1), True, mixed)
    yield Case("count counts them all", of("count", "=", 11), True, mixed)
    yield Case(
        "three times 0.1 is 0.3",
        of("sum", "=", D("0.3")),
        True,
        tuple(event("A", p=D("0.1")) for _ in range(3)),
    )
    thirds = (event("A", p=1), event("A", p=0), event("A", p=0))
    yield Case("avg is not rounded down", of("avg", ">", D("0." + "3" * 39)), True, thirds)
    yield Case("avg is not rounded up", of("avg", "<", D("0." + "3" * 38 + "4")), True, thirds)
    apart = (event("A", p=D("1E+100")), event("A", p=D("1E-100")), event("A", p=D("-1E+100")))
    yield Case("sums of numbers far apart are exact", of("sum", "=", D("1E-100")), True, apart)
    yield Case("min", of("min", "=", -2), True, (event("A", p=-2), event("A", p=D("-1.9"))))
    yield Case("max", of("max", "=", D("-1.90")), True, (event("A", p=-2), event("A", p=D("-1.9"))))
    lists = (event("A", p={"q": [{"r": 5}]}, items=[{"price": 5}]),)
    yield Case(
        "a property that leads through a list is missing", of("sum", "=", 0, property="items.price"), True, lists
    )
    yield Case("so it is for distinct", of("distinct", "=", 0, property="p.q.r"), True, lists)
    yield Case("a dotted property", of("sum", "=", 3, property="p.q"), True, (event("A", p={"q": 3}),))
    whole = (Event(NOON, "w", "web", "A", {"p.q": 4, "p": {"q": 3}}),)
    yield Case("a whole dotted key wins", of("sum", "=", 4, property="p.q"), True, whole)
    minus = {"minus": {"event": "B", "property": "q", "where": [{"property": "ok", "op": "=", "value": True}]}}
    both = (event("A", p=10), event("B", q=3, ok=True), event("B", q=5, ok=False), event("B", days(2), q=1, ok=True))
    yield Case("minus subtracts its own selection", of("sum", "=", 6, **minus), True, both)
    yield Case("minus has the same window", of("sum", "=", 7, **minus, within="P1D"), True, both)
    yield Case("minus may go below nothing", of("sum", "=", -3, **minus), True, both[1:2])
    yield Case(
        "the selection's where",
        {"event": "B", "where": [{"property": "q", "op": ">=", "value": 3}], "op": "=", "value": 2},
        True,
        both,
    )
    in_context = (Event(NOON, "c", "web", "A", {}, {"page": {"path": "/x"}}),)
    where = [{"context": "page.path", "op": "starts_with", "value": "/"}]
    yield Case("a where over the context", {"event": "A", "where": where, "op": "=", "value": 1}, True, in_context)


def _comparisons() -> Iterable[Case]:
    traits: Json = {
        "n": 1, "s": "1", "b": True, "z": None, "l": ["a", 1], "o": {"x": {"y": 2}}, "o.x": 3, "f": False, "e": [],
        "kids": [{"age": 3, "name": "Ann"}, {"age": 9}, "none"], "text": "Grüße, 𝄞", "deep": [{"l": [{"v": 1}, {"v": 2}]}],
        "o2": {"list": ["q"]}, "nulls": [{"v": None}],
    }  # fmt: skip
    for path, op, value, expected in [
        ("n", "=", D("1.0"), True), ("n", "=", "1", False), ("n", "=", True, False), ("s", "=", 1, False),
        ("b", "=", 1, False), ("b", "=", True, True), ("b", "!=", 1, True), ("b", "!=", True, False), ("b", ">", False, False),
        ("n", "!=", "1", True), ("n", ">", D("0.99"), True), ("n", ">", "0", False), ("s", ">", "0", True),
        ("z", "exists", None, False), ("z", "not_exists", None, True), ("z", "!=", 1, True), ("z", "=", 1, False),
        ("missing", "<", 1, False), ("missing", "not_in", [1], True), ("missing", "in", [None], False),
        ("missing", "!=", 1, True), ("missing.x.y", "not_exists", None, True), ("f", "exists", None, True),
        ("e", "exists", None, True), ("e", "contains", 1, False), ("n", "in", ["1", D("1.00")], True),
        ("n", "in", ["1", True], False), ("n", "not_in", ["1", True], True), ("n", "in", [], False), ("n", "not_in", [], True),
        ("l", "contains", "a", True), ("l", "contains", D("1.0"), True), ("l", "contains", True, False),
        ("l", "contains", "1", False), ("l", "=", "a", False), ("l", "!=", "a", True), ("l", "in", ["a"], False),
        ("s", "contains", "", True), ("text", "contains", "𝄞", True), ("text", "starts_with", "Grü", True),
        ("text", "starts_with", "grü", False), ("l", "starts_with", "a", False), ("n", "contains", 1, False),
        ("text", "<", "Grüßf", True), ("text", "contains", "%", False), ("text", "contains", "ü_e", False),
        ("o.x", "=", 3, True), ("o.x.y", "=", 2, True), ("o", "exists", None, True), ("o", "=", {"x": 1}, False),
        ("o", "contains", "x", False), ("o2.list", "contains", "q", True),
        ("kids.age", ">", 8, True), ("kids.age", "=", 4, False), ("kids.age", "!=", 4, True), ("kids.age", "!=", 3, False),
        ("kids.age", "not_in", [9, 10], False), ("kids.age", "in", [9, 10], True), ("kids.name", "exists", None, True),
        ("kids.name", "not_exists", None, False), ("kids.shoe", "not_exists", None, True), ("kids", "contains", "none", True),
        ("deep.l.v", "=", 2, True), ("deep.l.v", "!=", 2, False), ("nulls.v", "exists", None, False), ("e.x", "!=", 1, True),
        ("kids.0.age", "exists", None, False), ("", "exists", None, False), ("n.x", "exists", None, False),
    ]:  # fmt: skip
        written = {"trait": path, "op": op, "value": value}
        yield Case(f"{path} {op} {value!r}", written, expected, traits=traits)
    yield Case("not", {"not": {"trait": "n", "op": "=", "value": 1}}, False, traits=traits)
    odd: Json = {'a"b\\': {"c'\n$": {"é": 1}}}
    yield Case("steps may hold any character", {"trait": "a\"b\\.c'\n$.é", "op": "=", "value": 1}, True, traits=odd)
    code_points = {"trait": "c", "op": ">", "value": "\uffff"}
    yield Case("strings are in code point order", code_points, True, traits={"c": "\U00010000"})
    yield Case("capitals come first", {"trait": "c", "op": "<", "value": "a"}, True, traits={"c": "Z"})


def _life_events() -> Iterable[Case]:
    def at(
        rule: str, on: date, t: datetime, ends: tuple[str, str], expected: bool, *,
        recurs: Literal["yearly"] | None = "yearly", zone: object = None, subject: str = "self", asked: str | None = None,
    ) -> Case:  # fmt: skip
        condition = {
            "life_event": "birthday",
            "from": ends[0],
            "until": ends[1],
            **({"subject": asked} if asked else {}),
        }
        fact = LifeEventFact("birthday", on, recurs, subject)
        return Case(
            rule, condition, expected, traits={} if zone is None else {"timezone": zone}, life_events=(fact,), t=t
        )

    def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
        return datetime(year, month, day, hour, minute, tzinfo=UTC)

    today, week = ("P0D", "P0D"), ("-P7D", "P0D")
    june = date(1990, 6, 15)
    yield at("the day itself begins at local midnight", june, utc(2026, 6, 15), today, True)
    yield at("and not before", june, utc(2026, 6, 15) - TICK, today, False)
    yield at("it lasts to its end", june, utc(2026, 6, 16) - TICK, today, True)
    yield at("and no longer", june, utc(2026, 6, 16), today, False)
    yield at("from days before, inclusive", june, utc(2026, 6, 8), week, True)
    yield at("not a day more", june, utc(2026, 6, 7, 23, 59), week, False)
    yield at("after the day", june, utc(2026, 6, 20), ("P1D", "P1W"), True)
    yield at("the year itself is an occurrence", june, utc(1990, 6, 15), today, True)
    yield at("no occurrence before the date", june, utc(1989, 6, 15), today, False)
    yield at("its window may begin before the date", june, utc(1990, 6, 10), week, True)
    yield at("what does not recur occurs once", june, utc(2026, 6, 15), today, False, recurs=None)
    yield at("on its date", june, utc(1990, 6, 15), today, True, recurs=None)
    leap = date(2020, 2, 29)
    yield at("29 February occurs on 28 February", leap, utc(2026, 2, 28), today, True)
    yield at("not on 1 March", leap, utc(2026, 3, 1), today, False)
    yield at("in a leap year on its day", leap, utc(2028, 2, 29), today, True)
    yield at("and not on the 28th", leap, utc(2028, 2, 28), today, False)
    yield at("centuries are no leap years", leap, utc(2100, 2, 28), today, True)
    yield at("a window over the turn of the year", date(1990, 1, 2), utc(2025, 12, 30), week, True)
    yield at("a window over the turn of the year, after", date(1990, 12, 30), utc(2026, 1, 2), ("P0D", "P5D"), True)
    yield at("366 days before", date(2027, 6, 16), utc(2026, 6, 15), ("-P366D", "-P366D"), True)
    yield at("366 days after", date(2024, 6, 14), utc(2026, 6, 15), ("P366D", "P366D"), True)
    east, west = "Pacific/Kiritimati", "Pacific/Pago_Pago"
    yield at("+14:00 is a day ahead", june, utc(2026, 6, 14, 10), today, True, zone=east)
    yield at("and not before its midnight", june, utc(2026, 6, 14, 9, 59), today, False, zone=east)
    yield at("-11:00 is behind", june, utc(2026, 6, 16, 10, 59), today, True, zone=west)
    yield at("until its midnight", june, utc(2026, 6, 16, 11), today, False, zone=west)
    summer = date(1990, 3, 29)
    yield at("clocks set forward that night", summer, utc(2026, 3, 28, 23), today, True, zone="Europe/Berlin")
    yield at("the day is an hour shorter", summer, utc(2026, 3, 29, 22), today, False, zone="Europe/Berlin")
    for zone in ("europe/berlin", "Mars/Olympus", "", "+14:00", 14, None, "../etc/passwd", "localtime", "GMT+25"):
        yield at(f"zone {zone!r} is none: the default", june, utc(2026, 6, 15), today, True, zone=zone)
        yield at(f"zone {zone!r} is none: the default's end", june, utc(2026, 6, 16), today, False, zone=zone)
    yield at("without subject: anybody's", june, utc(2026, 6, 15), today, True, subject="child")
    yield at("of the subject asked for", june, utc(2026, 6, 15), today, True, subject="child", asked="child")
    yield at("not of another", june, utc(2026, 6, 15), today, False, asked="child")
    other = Case(
        "of the kind asked for", {"life_event": "wedding", "from": "P0D", "until": "P0D"}, False, t=utc(2026, 6, 15)
    )
    yield Case(**{**vars(other), "life_events": (LifeEventFact("birthday", june, "yearly"),)})


def _values_of() -> Iterable[Case]:
    def case(
        rule: str, op: str, of: Json, expected: bool, traits: Json | None = None, path: str = "p", **held: object
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
    yield case("some element of it is more", ">", other, True, path="l.x", l=[{"x": 1}, {"x": 3}], q=2)
    yield case("no element of it may be equal", "!=", other, False, path="l.x", l=[{"x": 1}, {"x": 2}], q=2)
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


def _sequences() -> Iterable[Case]:
    gap = {"sequence": [{"event": "A"}, {"event": "B"}], "gap": "PT1H"}
    absent = {"sequence": [{"event": "A"}, {"event": "B", "absent": True}], "gap": "PT1H"}
    hour, minute = timedelta(hours=1), timedelta(minutes=1)

    def case(rule: str, condition: Json, expected: bool, *at: tuple[str, timedelta]) -> Case:
        return Case(rule, condition, expected, tuple(event(name, ago) for name, ago in at))

    yield case("followed", gap, True, ("A", 2 * hour), ("B", 2 * hour - minute))
    yield case("followed exactly at the gap", gap, True, ("A", 2 * hour), ("B", hour))
    yield case("followed too late", gap, False, ("A", 2 * hour), ("B", hour - TICK))
    yield case("at the same instant is not after", gap, False, ("A", hour), ("B", hour))
    yield case("before is not after", gap, False, ("B", hour), ("A", minute))
    yield case("the second has not happened yet", gap, False, ("A", minute), ("B", -TICK))
    yield case("some first step is enough", gap, True, ("A", 9 * hour), ("A", hour), ("B", minute))
    within = {**gap, "within": "P1D"}
    yield case("the second step stands in the window", within, True, ("A", days(1) + minute), ("B", days(1) - TICK))
    yield case("the second step has left it", within, False, ("A", days(1) + minute), ("B", days(1)))
    yield case("absent: not before the gap is over", absent, False, ("A", hour - TICK))
    yield case("absent: as soon as it is", absent, True, ("A", hour))
    yield case("absent: the second at its very end still counts", absent, False, ("A", 2 * hour), ("B", hour))
    yield case("absent: the second after it does not", absent, True, ("A", 2 * hour), ("B", hour - TICK))
    yield case("absent: one at the same instant does not follow", absent, True, ("A", 2 * hour), ("B", 2 * hour))
    yield case(
        "absent: some lone first step is enough",
        absent,
        True,
        ("A", 9 * hour),
        ("A", 5 * hour),
        ("B", 5 * hour - minute),
    )
    recently = {**absent, "within": "PT2H"}
    yield case("absent: the first step stands in the window", recently, True, ("A", 2 * hour - TICK))
    yield case("absent: the first step has left it", recently, False, ("A", 2 * hour))
    yield case(
        "absent: a gap longer than the window is never",
        {**absent, "within": "PT30M"},
        False,
        ("A", hour),
        ("A", 2 * hour),
    )
    bought = {"event": "B", "where": [{"property": "ok", "op": "=", "value": True}]}
    filtered = {"sequence": [{"event": "A"}, bought], "gap": "PT1H"}
    yield Case("a step's where", filtered, False, (event("A", hour), event("B", minute, ok=False)))
    itself = {"sequence": [{"event": "A"}, {"event": "A"}], "gap": "PT1H"}
    yield case("an event does not follow itself", itself, False, ("A", minute))
    yield case("another of the same name does", itself, True, ("A", 2 * minute), ("A", minute))


def _lists() -> Iterable[Case]:
    bought = (event("A", products=[{"sku": "x", "n": 1}, {"sku": "y", "n": 5}], box={"items": [{"k": 1}]}, tags=["t"]),)

    def where(rule: str, expected: bool, *predicates: object) -> Case:
        return Case(rule, {"event": "A", "where": list(predicates), "op": "=", "value": 1}, expected, bought)

    x, five = {"property": "sku", "op": "=", "value": "x"}, {"property": "n", "op": "=", "value": 5}
    yield where("some element", True, {"property": "products.sku", "op": "=", "value": "y"})
    yield where("no element", False, {"property": "products.sku", "op": "=", "value": "z"})
    yield where("!= over all elements", False, {"property": "products.sku", "op": "!=", "value": "y"})
    yield where("not_in over all elements", False, {"property": "products.sku", "op": "not_in", "value": ["y", "q"]})
    yield where("not_exists over all elements", True, {"property": "products.size", "op": "not_exists"})
    yield where(
        "different elements for two predicates",
        True,
        {"property": "products.sku", "op": "=", "value": "x"},
        {"property": "products.n", "op": "=", "value": 5},
    )
    yield where("each: one and the same", False, {"each": "products", "where": [x, five]})
    yield where("each: found", True, {"each": "products", "where": [x, {"property": "n", "op": "<", "value": 5}]})
    yield where("each: dotted", True, {"each": "box.items", "where": [{"property": "k", "op": "=", "value": 1}]})
    yield where("each: no list", False, {"each": "box", "where": []})
    yield where("each: missing", False, {"each": "nothing", "where": [{"property": "k", "op": "!=", "value": 1}]})
    yield where(
        "each: elements without properties",
        True,
        {"each": "tags", "where": [{"property": "k", "op": "!=", "value": 1}]},
    )
    nested = (event("A", a=[{"b": [{"c": 1, "d": 2}]}, {"b": [{"c": 3, "d": 4}]}]),)
    inner = {"each": "b", "where": [{"property": "c", "op": "=", "value": 1}, {"property": "d", "op": "=", "value": 2}]}
    yield Case(
        "each within each",
        {"event": "A", "where": [{"each": "a", "where": [inner]}], "op": "=", "value": 1},
        True,
        nested,
    )
    through = {"each": "a.b", "where": [{"property": "c", "op": "exists"}]}
    yield Case("each: not through lists", {"event": "A", "where": [through], "op": "=", "value": 1}, False, nested)


def _buckets() -> Iterable[Case]:
    number = 24  # int(sha256(b"salt:0190a6b2-0000-7000-8000-000000000001").hexdigest(), 16) % 100
    for rule, start, end, expected in [
        ("in the bucket", number, number + 1, True), ("below it", 0, number, False), ("above it", number + 1, 100, False),
        ("everybody", 0, 100, True),
    ]:  # fmt: skip
        yield Case(rule, {"bucket": [start, end], "salt": "salt"}, expected)


CASES: list[Case] = [
    *_windows(), *_aggregates(), *_comparisons(), *_life_events(), *_values_of(), *_fors(), *_trait_dates(), *_trait_changes(), *_sequences(), *spend_cases(), *_lists(), *_buckets(),
]  # fmt: skip
