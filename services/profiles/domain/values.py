"""Which values can be kept: numbers within the contract's limits, no null characters, no endless nesting."""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.language.exact import MAX_DIGITS, MAX_EXPONENT, is_number, within_limits

MAX_DEPTH = 50
Loc = tuple[str | int, ...]
Fault = dict[str, Any]


def faults(value: Any, loc: Loc = (), depth: int = 0) -> Iterator[Fault]:
    """Everything in a JSON value that can't be kept, with its place."""
    if depth > MAX_DEPTH:
        yield _fault(loc, f"nested more than {MAX_DEPTH} deep")
    elif isinstance(value, str):
        yield from _text_faults(value, loc)
    elif is_number(value):
        if not within_limits(value):
            yield _fault(loc, f"a number of more than {MAX_DIGITS} digits or with an exponent beyond ±{MAX_EXPONENT}")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _text_faults(key, (*loc, key))
            yield from faults(item, (*loc, key), depth + 1)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from faults(item, (*loc, position), depth + 1)


def _text_faults(text: str, loc: Loc) -> Iterator[Fault]:
    if "\x00" in text:
        yield _fault(loc, "a null character can't be kept")
    elif not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        yield _fault(loc, "half a surrogate pair can't be kept")


def _fault(loc: Loc, msg: str) -> Fault:
    return {"loc": [part.replace("\x00", "\ufffd") if isinstance(part, str) else part for part in loc], "msg": msg}
