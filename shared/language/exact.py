"""Exact numbers: what counts as one, how large it may be, and arithmetic that never rounds."""

from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from typing import TypeGuard, TypeVar

Number = int | Decimal
T = TypeVar("T")

MAX_DIGITS = 40
MAX_EXPONENT = 100

# Numbers lie between 1e-139 and 1e101: 1,000 digits hold the sum of any number of them. Rounding would raise.
EXACT = Context(prec=1000, Emax=999_999, Emin=-999_999, traps=[Inexact, InvalidOperation, Overflow])


def is_number(value: object) -> TypeGuard[Number]:
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool)


def as_decimal(value: Number) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(value)


def within_limits(value: Number) -> bool:
    if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:  # before Decimal(): a huge int is slow to convert
        return False
    number = as_decimal(value)
    return number.is_finite() and len(number.as_tuple().digits) <= MAX_DIGITS and abs(number.adjusted()) <= MAX_EXPONENT


def as_given(json: T) -> T:
    """What was read from jsonb, which writes 1e50 out in 51 digits: changed in place, so that it is within the limits again."""
    pending: list[object] = [json]
    while pending:
        value = pending.pop()
        if isinstance(value, (dict, list)):
            for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
                if isinstance(inner, int) and abs(inner) >= 10**MAX_DIGITS:
                    value[key] = Decimal(inner).normalize(EXACT)
                pending.append(inner)
    return json


def add(left: Number, right: Number) -> Number:
    if isinstance(left, int) and isinstance(right, int):
        return left + right
    return EXACT.add(as_decimal(left), as_decimal(right))


def subtract(left: Number, right: Number) -> Number:
    if isinstance(left, int) and isinstance(right, int):
        return left - right
    return EXACT.subtract(as_decimal(left), as_decimal(right))


def negate(value: Number) -> Number:
    return -value if isinstance(value, int) else value.copy_negate()


def multiply(left: Number, right: Number) -> Number:
    if isinstance(left, int) and isinstance(right, int):
        return left * right
    return EXACT.multiply(as_decimal(left), as_decimal(right))


def normal(value: Number) -> Number:
    """The same for equal numbers: an int if whole, else a Decimal without trailing zeros."""
    if isinstance(value, int):
        return value
    return int(value) if value == value.to_integral_value() else value.normalize(EXACT)
