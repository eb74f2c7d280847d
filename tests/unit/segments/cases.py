"""The rules of the condition language as cases."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from services.segments.domain.facts import Event, LifeEventFact
from tests.unit.segments.calendar_cases import calendar_cases
from tests.unit.segments.case import NOON, TICK, Case, D, Json, days, event
from tests.unit.segments.pair_cases import pair_cases
from tests.unit.segments.spend_cases import spend_cases
from tests.unit.segments.trait_cases import trait_cases


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
    *_windows(), *_aggregates(), *_comparisons(), *_life_events(), *trait_cases(), *calendar_cases(), *_sequences(), *pair_cases(), *spend_cases(), *_lists(), *_buckets(),
]  # fmt: skip
