"""Predicates over one event: `{"property": …}`, `{"context": …}`, `{"each": path, "where": […]}`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

from shared.language.compare import Op, equal, holds, same
from shared.language.paths import find_all, find_one
from shared.language.reading import Loc, Object, Reading

KINDS = ("property", "context", "each")


@dataclass(frozen=True, slots=True)
class PropertyTest:
    path: str
    op: Op
    value: object  # None with exists and not_exists


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


def read_predicates(json: object, loc: Loc, reading: Reading) -> tuple[Predicate, ...]:
    read = (_read(item, at, reading) for item, at in reading.items(json, loc))
    return tuple(predicate for predicate in read if predicate is not None)


def _read(json: object, loc: Loc, reading: Reading) -> Predicate | None:
    with reading.nested():
        node = reading.node(json, loc, kinds=KINDS)
        if node is None:
            return None
        kind, found = node
        return _read_each(found, loc, reading) if kind == "each" else _read_test(kind, found, loc, reading)


def _read_each(found: Object, loc: Loc, reading: Reading) -> Each:
    reading.keys(found, loc, required=("each", "where"))
    where = read_predicates(found["where"], (*loc, "where"), reading) if "where" in found else ()
    return Each(reading.text(found, "each", loc), where)


def _read_test(kind: str, found: Object, loc: Loc, reading: Reading) -> PropertyTest | ContextTest | None:
    reading.keys(found, loc, required=(kind, "op"), optional=("value",))
    path, test = reading.text(found, kind, loc), reading.test(found, loc)
    if test is None:
        return None
    return PropertyTest(path, *test) if kind == "property" else ContextTest(path, *test)


def all_hold(predicates: Iterable[Predicate], properties: object, context: Mapping[str, object]) -> bool:
    return all(evaluate(predicate, properties, context) for predicate in predicates)


def evaluate(predicate: Predicate, properties: object, context: Mapping[str, object]) -> bool:
    match predicate:
        case PropertyTest(path, op, value):
            return holds(op, find_all(properties, path), value)
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
        case PropertyTest(path, op, value):
            return {"property": path, **comparison_to_json(op, value)}
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
