"""Liquid's arithmetic, in exact decimals, and numbers that print as people write them."""

from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, DecimalException

from liquid.exceptions import FilterArgumentError

Number = int | Decimal
LARGEST = 10**60  # numbers of customers have 40 digits; without a bound, repeated multiplication never ends
_EXACT = Context(prec=60)


class Plain(Decimal):
    """A decimal that prints without an exponent: 100, not 1E+2."""

    def __str__(self) -> str:
        return format(self, "f")


def as_number(value: object) -> Number:
    """The number a filter is given; 0 for what is none, as Liquid has it."""
    number = _read(value)
    if isinstance(number, Decimal) and not number.is_finite():
        return 0
    return _bounded(number)


def _read(value: object) -> Number:
    if isinstance(value, bool):
        return 0
    if isinstance(value, (int, Decimal)):
        return value
    try:
        return Decimal(str(value)) if isinstance(value, (float, str)) else 0
    except DecimalException:
        return 0


def _bounded(number: Number) -> Number:
    if not -LARGEST < number < LARGEST:
        raise FilterArgumentError("the number is too large", token=None)
    if isinstance(number, Decimal):
        return Plain(_EXACT.plus(number))
    return number


def _arithmetic(
    compute: Callable[[Decimal, Decimal], Decimal], whole: Callable[[int, int], int]
) -> Callable[..., Number]:
    def apply(left: object, right: object = 0) -> Number:
        a, b = as_number(left), as_number(right)
        try:
            if isinstance(a, int) and isinstance(b, int):
                return _bounded(whole(a, b))
            return _bounded(compute(Decimal(a), Decimal(b)))
        except (DecimalException, ZeroDivisionError):
            raise FilterArgumentError("this can't be divided", token=None) from None

    return apply


def _rounded(rounding: str) -> Callable[..., Number]:
    def apply(value: object, digits: object = 0) -> Number:
        places = as_number(digits)
        number = Decimal(as_number(value))
        if not 0 < places <= 30:
            return int(number.to_integral_value(rounding))
        return Plain(number.quantize(Decimal(1).scaleb(-int(places)), rounding, _EXACT))

    return apply


def _sum(values: object, key: object = None) -> Number:
    total: Number = 0
    for value in values if isinstance(values, Iterable) and not isinstance(values, str | Mapping) else ():
        found = value.get(key, 0) if isinstance(value, Mapping) and isinstance(key, str) else value
        number = as_number(found)
        both_whole = isinstance(total, int) and isinstance(number, int)
        total = _bounded(total + number if both_whole else _EXACT.add(Decimal(total), Decimal(number)))
    return total


def _abs(value: object) -> Number:
    number = as_number(value)
    return -number if number < 0 else number


def _at_least(value: object, other: object) -> Number:
    a, b = as_number(value), as_number(other)
    return max(a, b)


def _at_most(value: object, other: object) -> Number:
    a, b = as_number(value), as_number(other)
    return min(a, b)


NUMBER_FILTERS: dict[str, Callable[..., Number]] = {
    "abs": _abs,
    "at_least": _at_least,
    "at_most": _at_most,
    "ceil": _rounded(ROUND_CEILING),
    "floor": _rounded(ROUND_FLOOR),
    "round": _rounded(ROUND_HALF_UP),
    "plus": _arithmetic(_EXACT.add, lambda a, b: a + b),
    "minus": _arithmetic(_EXACT.subtract, lambda a, b: a - b),
    "times": _arithmetic(_EXACT.multiply, lambda a, b: a * b),
    "divided_by": _arithmetic(_EXACT.divide, lambda a, b: a // b),
    "modulo": _arithmetic(_EXACT.remainder, lambda a, b: a % b),
    "sum": _sum,
}
