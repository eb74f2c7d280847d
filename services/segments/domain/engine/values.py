"""What compiled selections are made of: the names they may use, and one comparison as an expression."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from services.segments.domain.condition import Period
from services.segments.domain.facts import ProfileFacts
from services.segments.domain.local_time import period_at, zone_of
from services.segments.domain.spending import order_id_of
from shared.language.compare import NEGATED, Op, holds, kind_of
from shared.language.exact import is_number, normal
from shared.language.paths import find_all, find_one
from shared.language.predicates import is_changed

__all__ = [
    "NUMBERS",
    "SWITCHED",
    "end_of",
    "find_all",
    "find_one",
    "holds",
    "is_changed",
    "normal",
    "of_each",
    "order_id_of",
    "scalar",
    "scalars",
    "some",
    "text_of",
]

NUMBERS: Final = frozenset({int, Decimal})
SWITCHED: Final = frozenset({int, Decimal, str})  # which are equal only if of one kind; true would be 1
NOTHING: Final[Mapping[str, object]] = {}
_SYMBOLS: Final[Mapping[str, str]] = {"<": "<", "<=": "<=", ">": ">", ">=": ">="}


def some(
    elements: object, test: Callable[[Mapping[str, object], object, object], bool], context: object, facts: object
) -> bool:
    """Whether one of the list's elements satisfies the test; of what is no object every path is missing."""
    return isinstance(elements, list) and any(
        test(element if isinstance(element, Mapping) else NOTHING, context, facts) for element in elements
    )


def of_each(elements: object, test: Any, parts: Callable[..., list[Any]], context: object, facts: object) -> list[Any]:
    """The parts of those of the list's elements that satisfy the test."""
    listed = elements if isinstance(elements, list) else ()
    objects = [element if isinstance(element, Mapping) else NOTHING for element in listed]
    return [parts(each, context, facts) for each in objects if test(each, context, facts)]


def scalar(value: object) -> object:
    """A number, string or boolean, one for equal ones; None for what has no comparison."""
    return normal(value) if is_number(value) else value if isinstance(value, str | bool) else None


def scalars(found: Iterable[object]) -> list[object]:
    return [scalar(value) for value in found if kind_of(value) is not None]


def text_of(value: object) -> str | None:
    """Equal for equal values of one kind: 1 and 1.0 are one, 1, "1" and true are three. None for others."""
    if isinstance(value, str):
        return f"s{value}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"n{normal(value)}" if is_number(value) else None


def end_of(at: int, period: Period, facts: ProfileFacts) -> int:
    """Of the period of the person's calendar that the instant lies in."""
    return period_at(at, period, zone_of(facts.traits, facts.default_zone))[1]


def compared(op: Op, found: str, value: object, constant: Callable[[object], str]) -> str:
    """`holds(op, …)` of the variable `found`, None if missing, as an expression."""
    positive = NEGATED.get(op)
    if positive is not None:
        return f"not {compared(positive, found, value, constant)}"
    if op == "exists":
        return f"({found} is not None)"
    if op == "=":
        return _equals(found, value, constant)
    if op == "in":
        return _is_in(found, value, constant)
    if op in _SYMBOLS:
        return _is_ordered(_SYMBOLS[op], found, value, constant)
    if op == "starts_with":
        starts = isinstance(value, str)
        return f"({found}.__class__ is str and {found}.startswith({constant(value)}))" if starts else "False"
    return f"({found} is not None and holds({constant(op)}, ({found},), {constant(value)}))"


def _equals(found: str, value: object, constant: Callable[[object], str]) -> str:
    match kind_of(value):
        case "string":
            return f"({found} == {constant(value)})"
        case "boolean":
            return f"({found} is {constant(value)})"
        case "number":
            return f"({found}.__class__ in NUMBERS and {found} == {constant(value)})"
        case None:
            return "False"


def _is_in(found: str, value: object, constant: Callable[[object], str]) -> str:
    listed = value if isinstance(value, list) else []
    plain = frozenset(each for each in listed if each.__class__ in SWITCHED)
    tests = [f"{found}.__class__ in SWITCHED and {found} in {constant(plain)}"]
    tests += [f"{found} is {each}" for each in (True, False) if any(one is each for one in listed)]
    return f"({' or '.join(tests)})"


def _is_ordered(symbol: str, found: str, value: object, constant: Callable[[object], str]) -> str:
    match kind_of(value):
        case "string":
            return f"({found}.__class__ is str and {found} {symbol} {constant(value)})"
        case "number":
            return f"({found}.__class__ in NUMBERS and {found} {symbol} {constant(value)})"
        case _:
            return "False"
