"""The rules of sequences whose second step is compared with the first."""

from collections.abc import Iterable
from datetime import timedelta

from services.segments.domain.facts import TRAITS_CHANGED, Event
from tests.unit.segments.case import NOON, TICK, Case, D, Json, days, event


def pair_cases() -> Iterable[Case]:
    yield from _comparisons()
    yield from _lists()
    yield from _times()
    yield from _beside_others()


def compared(op: str = "=", path: str = "p", other: str = "p") -> Json:
    return {"property": path, "op": op, "value_of": {"first": other}}


def pair(*where: Json, gap: str = "P1D", absent: bool = False, within: str | None = None) -> Json:
    second = {"event": "B", "where": list(where), "absent": absent}
    return {"sequence": [{"event": "A"}, second], "gap": gap, **({} if within is None else {"within": within})}


def _comparisons() -> Iterable[Case]:
    def case(rule: str, expected: bool, first: Json, second: Json, test: Json | None = None) -> Iterable[Case]:
        happened = (event("A", days(2), **first), event("B", days(1.5), **second))
        where = compared() if test is None else test
        yield Case(f"first: {rule}", pair(where), expected, happened)
        yield Case(f"first, absent: {rule}", pair(where, absent=True), not expected, happened)

    one, two = {"p": 1}, {"p": 2}
    yield from case("equal", True, one, one)
    yield from case("not equal", False, one, two)
    yield from case("1.0 is 1", True, one, {"p": D("1.0")})
    yield from case("also the other way round", True, {"p": D("1.0")}, one)
    yield from case("a number and a text", False, one, {"p": "1"})
    yield from case("true is not 1", False, one, {"p": True})
    yield from case("booleans", True, {"p": False}, {"p": False})
    yield from case("more", True, one, two, compared(">"))
    yield from case("not more", False, one, one, compared(">"))
    yield from case("texts in code point order", True, {"p": "a"}, {"p": "Z"}, compared("<"))
    yield from case("booleans have no order", False, {"p": True}, {"p": True}, compared(">="))
    yield from case("another", True, one, two, compared("!="))
    yield from case("not another", False, one, {"p": D("1.00")}, compared("!="))
    yield from case("of another type is another", True, one, {"p": "1"}, compared("!="))
    yield from case("missing in the second", False, one, {})
    yield from case("missing in the first", False, {}, one)
    yield from case("missing in both", False, {}, {})
    yield from case("missing in the second is another", True, one, {}, compared("!="))
    yield from case("missing in the first is another", True, {}, one, compared("!="))
    yield from case("missing in both is another", True, {}, {}, compared("!="))
    yield from case("missing is not less", False, {}, one, compared("<"))
    yield from case("null is missing", False, {"p": None}, {"p": None})
    yield from case("lists are not equal", False, {"p": [1]}, {"p": [1]})
    yield from case("nor objects", False, {"p": {"a": 1}}, {"p": {"a": 1}})
    yield from case("but others", True, {"p": [1]}, {"p": [1]}, compared("!="))
    yield from case("of another name", True, {"q": 1}, one, compared(other="q"))
    yield from case("not its own", False, {"q": 2, "p": 1}, {"q": 1, "p": 1}, compared(other="q"))
    yield from case("a path", True, {"q": {"r": 1}}, one, compared(other="q.r"))
    yield from case("a whole dotted key wins", True, {"q": {"r": 2}, "q.r": 1}, one, compared(other="q.r"))
    yield from case("a path through a list is missing", False, {"q": [{"r": 1}]}, one, compared(other="q.r"))
    yield from case("an empty name", True, {"": 1}, one, compared(other=""))
    yield from case("an empty name of another", False, {"": 2}, one, compared(other=""))
    yield from case("vast numbers", True, {"p": D("1e90")}, {"p": 10**90}, compared("="))


def _lists() -> Iterable[Case]:
    def case(rule: str, expected: bool, second: Json, *where: Json, **first: object) -> Case:
        happened = (event("A", days(2), **first), event("B", days(1.5), **second))
        return Case(f"first: {rule}", pair(*where), expected, happened)

    held: Json = {"l": [{"x": 1, "n": 5}, {"x": 2, "n": 1}], "o": {"l": [{"x": 1}]}, "tags": ["x"], "none": []}
    some, other = compared(path="l.x"), compared("!=", path="l.x")
    yield case("some element", True, held, some, p=2)
    yield case("no element", False, held, some, p=3)
    yield case("!= over all elements", False, held, other, p=2)
    yield case("none of them", True, held, other, p=3)
    yield case("some element is more", True, held, compared("<", path="l.x"), p=2)
    each = {"each": "l", "where": [compared(path="x")]}
    yield case("each: found", True, held, each, p=2)
    yield case("each: not found", False, held, each, p=3)
    more = {"property": "n", "op": ">", "value": 2}
    both = {"each": "l", "where": [more, compared(path="x")]}
    yield case("each: what else it asks", True, held, both, p=1)
    yield case("each: of one and the same", False, held, both, p=2)
    twice = {"each": "l", "where": [compared(path="x"), compared(path="n", other="q")]}
    yield case("each: compared twice", True, held, twice, p=1, q=5)
    yield case("each: by two elements", False, held, twice, p=1, q=1)
    unlike = {"each": "l", "where": [compared("!=", path="x")]}
    yield case("each: another one", True, held, unlike, p=1)
    yield case("each: missing in the first", True, held, unlike)
    yield case("each: no list", False, held, {**unlike, "each": "o"}, p=1)
    yield case("each: an empty one", False, held, {**unlike, "each": "none"}, p=1)
    yield case("each: elements without properties", True, held, {**unlike, "each": "tags"}, p=1)
    yield case("each: dotted", True, held, {**each, "each": "o.l"}, p=1)
    nested = {"each": "a", "where": [{"each": "b", "where": [compared(path="c"), compared(path="d", other="q")]}]}
    boxes: Json = {"a": [{"b": [{"c": 1, "d": 2}]}, {"b": [{"c": 3, "d": 4}]}]}
    yield case("each within each", True, boxes, nested, p=3, q=4)
    yield case("each within each: of one and the same", False, boxes, nested, p=1, q=4)
    yield case("several tests", True, {**held, "p": 1}, each, compared(), p=1)
    yield case("all of them", False, {**held, "p": 2}, each, compared(), p=1)


def _times() -> Iterable[Case]:
    def case(rule: str, condition: Json, expected: bool, *at: tuple[str, timedelta, object]) -> Case:
        return Case(f"first: {rule}", condition, expected, tuple(event(name, ago, p=p) for name, ago, p in at))

    gap, absent = pair(compared()), pair(compared(), absent=True)
    half = days(0.5)
    yield case("just in time", gap, True, ("A", days(2), 1), ("B", days(1), 1))
    yield case("too late", gap, False, ("A", days(2), 1), ("B", days(1) - TICK, 1))
    yield case("at the same instant is not after", gap, False, ("A", days(2), 1), ("B", days(2), 1))
    yield case("it has not happened yet", gap, False, ("A", half, 1), ("B", -TICK, 1))
    yield case("the other one came", gap, False, ("A", days(2), 1), ("B", days(1.5), 2))
    crossed = ("A", days(2), 1), ("A", days(1.9), 2), ("B", days(1), 2)
    yield case("one of two is followed", gap, True, *crossed)
    yield case("and one is not", absent, True, *crossed)
    yield case("both are", absent, False, *crossed, ("B", days(1.5), 1))
    yield case("both of one instant are", absent, False, ("A", days(2), 1), ("A", days(2), 2),
               ("B", days(1.5), 1), ("B", days(1.5), 2))  # fmt: skip
    yield case("one of one instant is not", absent, True, ("A", days(2), 1), ("A", days(2), 2), ("B", days(1.5), 2))
    yield case("absent: not before the gap is over", absent, False, ("A", days(1) - TICK, 1), ("B", half, 2))
    yield case("absent: as soon as it is", absent, True, ("A", days(1), 1), ("B", half, 2))
    yield case("absent: the very end still counts", absent, False, ("A", days(2), 1), ("B", days(1), 1))
    yield case("absent: after it does not", absent, True, ("A", days(2), 1), ("B", days(1) - TICK, 1))
    lately = pair(compared(), absent=True, within="P3D")
    yield case("absent: the first stands in the window", lately, True, ("A", days(3) - TICK, 1), ("B", days(2.5), 2))
    yield case("absent: it has left it", lately, False, ("A", days(3), 1), ("B", days(2.5), 2))
    recent = pair(compared(), within="P1D")
    yield case("the second stands in the window", recent, True, ("A", days(1.5), 1), ("B", days(1) - TICK, 1))
    yield case("it has left it", recent, False, ("A", days(1.5), 1), ("B", days(1), 1), ("B", half, 2))
    itself = {"sequence": [{"event": "A"}, {"event": "A", "where": [compared()]}], "gap": "P1D"}
    yield case("an event does not follow itself", itself, False, ("A", days(1), 1))
    yield case("nor another of the same instant", itself, False, ("A", days(1), 1), ("A", days(1), 1))
    yield case("the same again", itself, True, ("A", days(1), 1), ("A", half, 1))
    yield case("something else", itself, False, ("A", days(1), 1), ("A", half, 2))


def _beside_others() -> Iterable[Case]:
    def steps(first: Json, second: Json) -> Json:
        return {"sequence": [{"event": "A", **first}, {"event": ["B", "C"], **second}], "gap": "P1D"}

    plain = {"property": "ok", "op": "=", "value": True}
    happened = (event("A", days(2), p=1, ok=False), event("C", days(1.5), p=1, ok=True))
    yield Case("first: beside other tests", steps({}, {"where": [plain, compared()]}), True, happened)
    yield Case("first: whose own test fails", steps({"where": [plain]}, {"where": [compared()]}), False, happened)
    where = [{"property": "p", "op": "=", "value_of": {"trait": "t"}}, compared()]
    traits: Json = {"t": 1}
    yield Case("first: beside a trait", steps({}, {"where": where}), True, happened, traits)
    yield Case("first: beside another trait", steps({}, {"where": where}), False, happened, {"t": 2})
    inner = {"each": "l", "where": [{"property": "s", "op": "=", "value_of": {"trait": "t"}}, compared(path="x")]}
    bought = (event("A", days(2), p=1), event("B", days(1.5), l=[{"x": 1, "s": 2}, {"x": 2, "s": 1}]))
    yield Case("first: each beside a trait", steps({}, {"where": [inner]}), False, bought, traits)
    yield Case("first: each beside that trait", steps({}, {"where": [inner]}), True, bought, {"t": 2})
    context = Event(NOON - days(1.5), "c", "web", "B", {"l": [{"x": 1}]}, {"ip": "::1"})
    elsewhere = {"each": "l", "where": [{"context": "ip", "op": "=", "value": "::1"}, compared(path="x")]}
    yield Case("first: each with the context", steps({}, {"where": [elsewhere]}), True, (happened[0], context))
    absent = pair(compared(), absent=True)
    since = (event("A", days(9), p=1), event("B", days(8.5), p=2))
    yield Case("first: so for a time", {"for": "P7D", "of": absent}, True, since)
    yield Case("first: so for longer", {"for": "P8DT1S", "of": absent}, False, since)
    late = Event(NOON, "t", "web", TRAITS_CHANGED, {"before": {"t": 2}, "after": {"t": 1}})
    lasting = {"for": "P1D", "of": steps({}, {"where": where})}
    yield Case("first: for, with the trait of then", lasting, False, (*happened, late), traits)
