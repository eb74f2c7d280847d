"""Predicates over one event: `{"property": …}`, `{"context": …}`, `{"each": path, "where": […]}`.

A property may be compared with another one of the same event (in `each`, of the same element), with a trait, or, where a
sequence asks for its second step, with a property of the first step's event.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, assert_never, get_args

from shared.language.compare import CMPS, Op, equal, holds, same
from shared.language.paths import find_all, find_one
from shared.language.reading import Loc, Object, Reading

KINDS = ("property", "context", "each")
Root = Literal["property", "first", "trait"]


@dataclass(frozen=True, slots=True)
class ValueOf:
    """What stands at a path of the same properties, of those of a sequence's first step, or of the profile's traits as they
    are now."""

    root: Root
    path: str


@dataclass(frozen=True, slots=True)
class PropertyTest:
    path: str
    op: Op
    value: object  # None with exists and not_exists, and where it is that of something else
    of: ValueOf | None = None


@dataclass(frozen=True, slots=True)
class ContextTest:
    path: str
    op: Op
    value: object


@dataclass(frozen=True, slots=True)
class Each:
    """One and the same element of the list at `path` satisfies all of `where`."""

    path: str
    where: "tuple[Predicate, ...]"


@dataclass(frozen=True, slots=True)
class Changed:
    """What the properties' `before` has at `path` is another value than what their `after` has; both have one.

    Not to be written by callers. `old` and `new`: what the values must be; None for any.
    """

    path: str
    old: object = None
    new: object = None


Predicate = PropertyTest | ContextTest | Each | Changed


def parse_predicates(json: object, loc: Loc = ()) -> tuple[Predicate, ...]:
    """A list of predicates that must all hold; raises ConditionError with the path of every fault."""
    reading = Reading()
    predicates = read_predicates(json, loc, reading)
    reading.finish()
    return predicates


def read_predicates(json: object, loc: Loc, reading: Reading, *, roots: Collection[Root] = ()) -> tuple[Predicate, ...]:
    """`roots`: with what they may compare beside properties of the same event."""
    read = (_read(item, at, reading, roots) for item, at in reading.items(json, loc))
    return tuple(predicate for predicate in read if predicate is not None)


def _read(json: object, loc: Loc, reading: Reading, roots: Collection[Root]) -> Predicate | None:
    with reading.nested():
        node = reading.node(json, loc, kinds=KINDS)
        if node is None:
            return None
        kind, found = node
        if kind == "each":
            return _read_each(found, loc, reading, roots)
        if kind == "property" and "value_of" in found:
            return _read_comparison(found, loc, reading, roots)
        return _read_test(kind, found, loc, reading)


def _read_each(found: Object, loc: Loc, reading: Reading, roots: Collection[Root]) -> Each:
    reading.keys(found, loc, required=("each", "where"))
    where: tuple[Predicate, ...] = ()
    if "where" in found:
        where = read_predicates(found["where"], (*loc, "where"), reading, roots=roots)
    return Each(reading.text(found, "each", loc), where)


def _read_test(kind: str, found: Object, loc: Loc, reading: Reading) -> PropertyTest | ContextTest | None:
    reading.keys(found, loc, required=(kind, "op"), optional=("value",))
    path, test = reading.text(found, kind, loc), reading.test(found, loc)
    if test is None:
        return None
    return PropertyTest(path, *test) if kind == "property" else ContextTest(path, *test)


def _read_comparison(found: Object, loc: Loc, reading: Reading, roots: Collection[Root]) -> PropertyTest | None:
    reading.keys(found, loc, required=("property", "op", "value_of"))
    path, op = reading.text(found, "property", loc), reading.choice(found, "op", loc, CMPS)
    at = (*loc, "value_of")
    known: tuple[Root, ...] = get_args(Root)
    with reading.nested():
        node = reading.node(found["value_of"], at, kinds=known)
        if node is None:
            return None
        kind, named = node
    reading.keys(named, at, required=(kind,))
    other = ValueOf(next(root for root in known if root == kind), reading.text(named, kind, at))
    if other.root != "property" and other.root not in roots:
        here = [root for root in known if root == "property" or root in roots]
        reading.fault((*at, kind), f"is not known here; known: {', '.join(here)}")
    return None if op is None else PropertyTest(path, op, None, other)


def bind(predicate: Predicate, root: Root, found: Mapping[str, object]) -> Predicate:
    """With the values that `found`, the traits or the first step's properties, has for it; without one, nothing equals it."""
    match predicate:
        case PropertyTest(path, op, _, ValueOf(of, other)) if of == root:
            return PropertyTest(path, op, find_one(found, other))
        case Each(path, where):
            return Each(path, tuple(bind(inner, root, found) for inner in where))
        case PropertyTest() | ContextTest() | Changed():
            return predicate
        case _:
            assert_never(predicate)


def paths_in(predicate: Predicate, root: Root) -> Iterator[str]:
    """The paths of traits, or of the first step's properties, that it compares with."""
    match predicate:
        case PropertyTest(of=ValueOf(of, path)) if of == root:
            yield path
        case Each(where=where):
            for inner in where:
                yield from paths_in(inner, root)
        case PropertyTest() | ContextTest() | Changed():
            pass
        case _:
            assert_never(predicate)


def referring(predicates: Iterable[Predicate]) -> tuple[Predicate, ...]:
    """Those that compare with the first step's event."""
    return tuple(predicate for predicate in predicates if list(paths_in(predicate, "first")))


def by_themselves(predicates: Iterable[Predicate]) -> tuple[Predicate, ...]:
    """What they ask of an event whatever the first step's was."""
    found: list[Predicate] = []
    for predicate in predicates:
        match predicate:
            case PropertyTest(of=ValueOf("first")):
                pass
            case Each(path, where):
                found.append(Each(path, by_themselves(where)))
            case PropertyTest() | ContextTest() | Changed():
                found.append(predicate)
            case _:
                assert_never(predicate)
    return tuple(found)


def all_hold(predicates: Iterable[Predicate], properties: object, context: Mapping[str, object]) -> bool:
    return all(evaluate(predicate, properties, context) for predicate in predicates)


def evaluate(predicate: Predicate, properties: object, context: Mapping[str, object]) -> bool:
    match predicate:
        case PropertyTest(path, op, value, of):
            other = find_one(properties, of.path) if of is not None and of.root == "property" else value
            return holds(op, find_all(properties, path), other)
        case ContextTest(path, op, value):
            return holds(op, find_all(context, path), value)
        case Each(path, where):
            elements = find_one(properties, path)
            return isinstance(elements, list) and any(all_hold(where, element, context) for element in elements)
        case Changed():
            return is_changed(predicate, properties)
        case _:
            assert_never(predicate)


def is_changed(predicate: Changed, properties: object) -> bool:
    before, after = values_changed(predicate, properties)
    if before is None or after is None or same(before, after):
        return False
    fits = predicate.old is None or equal(before, predicate.old)
    return fits and (predicate.new is None or equal(after, predicate.new))


def values_changed(predicate: Changed, properties: object) -> tuple[object, object]:
    """What there was and what there is at the path; None for nothing."""
    before, after = (find_one(find_one(properties, key), predicate.path) for key in ("before", "after"))
    return before, after


def predicate_to_json(predicate: Predicate) -> Object:
    match predicate:
        case PropertyTest(path, op, value, of):
            compared = comparison_to_json(op, value) if of is None else {"op": op, "value_of": {of.root: of.path}}
            return {"property": path, **compared}
        case ContextTest(path, op, value):
            return {"context": path, **comparison_to_json(op, value)}
        case Each(path, where):
            return {"each": path, "where": [predicate_to_json(inner) for inner in where]}
        case Changed(path, old, new):
            return {"changed": path, "from": old, "to": new}
        case _:
            assert_never(predicate)


def comparison_to_json(op: Op, value: object) -> Object:
    return {"op": op} if value is None else {"op": op, "value": value}
