"""How a value that was found compares with the one a definition names. Nothing is coerced."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, cast, get_args

from shared.language.exact import is_number

Cmp = Literal["=", "!=", "<", "<=", ">", ">="]
Op = Literal["=", "!=", "<", "<=", ">", ">=", "in", "not_in", "contains", "starts_with", "exists", "not_exists"]
Kind = Literal["number", "string", "boolean"]

CMPS: Final[tuple[Cmp, ...]] = get_args(Cmp)
OPS: Final[tuple[Op, ...]] = get_args(Op)
NEGATED: Final[dict[Op, Op]] = {"!=": "=", "not_in": "in", "not_exists": "exists"}


def kind_of(value: object) -> Kind | None:
    """None for what has no comparison: null, lists, objects."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    return "number" if is_number(value) else None


def equal(left: object, right: object) -> bool:
    kind = kind_of(left)
    return kind is not None and kind == kind_of(right) and left == right


def same(one: object, other: object) -> bool:
    """Whether two values of any kind are one and the same: 1 and 1.0 are, 1 and true are not; null is nothing."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def compare(op: Cmp, left: object, right: object) -> bool:
    """Strings in code point order, which is Python's own."""
    if op == "=":
        return equal(left, right)
    if op == "!=":
        return not equal(left, right)
    kind = kind_of(left)
    if kind is None or kind == "boolean" or kind != kind_of(right):
        return False
    a, b = cast(int, left), cast(int, right)  # of one ordered kind, whichever it is
    if op == "<":
        return a < b
    if op == "<=":
        return a <= b
    return a > b if op == ">" else a >= b


def holds(op: Op, found: Sequence[object], value: object) -> bool:
    """Whether some of the values found satisfies `op`; a negated one is the negation over all of them.

    `found` holds what a path led to, without nulls: nothing where it is missing, several where it led through a list.
    """
    positive = NEGATED.get(op)
    if positive is not None:
        return not holds(positive, found, value)
    if op == "exists":
        return bool(found)
    return any(_satisfies(op, one, value) for one in found)


def _satisfies(op: Op, found: object, value: object) -> bool:
    if op == "in":
        return isinstance(value, list) and any(equal(found, each) for each in value)
    if op == "contains":
        if isinstance(found, list):
            return any(equal(each, value) for each in found)
        return isinstance(found, str) and isinstance(value, str) and value in found
    if op == "starts_with":
        return isinstance(found, str) and isinstance(value, str) and found.startswith(value)
    return compare(cast(Cmp, op), found, value)
