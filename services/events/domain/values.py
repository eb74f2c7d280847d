"""Values that can be kept exactly: numbers of up to 40 digits with exponents within ±100, valid text, not too deep."""

from decimal import Decimal, DecimalException
from typing import Any

import msgspec

from services.events.domain.records import Unusable
from shared.plumbing import json

MAX_DIGITS = 40
MAX_EXPONENT = 100

# Every byte becomes what it can be part of: 0 a number's digits, with their point; e an exponent's mark; a blank what a
# number can follow; x anything else. Signs vanish.
_SHAPES = bytes(
    ord("0")
    if byte in b"0123456789."
    else ord("e")
    if byte in b"eE"
    else ord(" ")
    if byte in b" :,[\t\r\n"
    else ord("x")
    for byte in range(256)
)
_LONG = b"0" * (MAX_DIGITS + 1)
_IN_A_WORD = (b"x", b"x0", b"x00", b"x000")
"""What mostly stands before something that only looks like a large exponent (ids in hexadecimal do)."""


def is_plain(text: bytes) -> bool:
    """Quickly: certainly no number near the limits, no null character, valid UTF-8. False means only: look closely."""
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError:
            return False
    shape = text.translate(_SHAPES, b"+-")
    has_null = b"\\" in text and b"\\u0000" in text  # the first is much the faster, and mostly enough
    return not (has_null or _LONG in shape or _has_long_exponent(shape))


def _has_long_exponent(shape: bytes) -> bool:
    """Whether a number may end in an exponent of two digits or more, which its own digits may bring beyond the limit:
    these begin behind a blank."""
    *before, _ = shape.split(b"0e00")
    digits = [part[-MAX_DIGITS - 1 :].rstrip(b"0") for part in before if not part.endswith(_IN_A_WORD)]
    return any(part.endswith(b" ") for part in digits)


def is_shallow(text: bytes, max_depth: int) -> bool:
    """Quickly: certainly not nested deeper than this."""
    return text.count(b"{") + text.count(b"[") <= max_depth


def look_closely(text: bytes, max_depth: int) -> None:
    """Raises Unusable for what can't be kept exactly."""
    try:
        text.decode()
        value = json.loads(text)
    except UnicodeDecodeError as error:
        raise Unusable("invalid_text", "The message is not valid UTF-8.") from error
    except DecimalException as error:
        raise _bad_number() from error
    except RecursionError as error:
        raise _too_deep(max_depth) from error
    except msgspec.ValidationError as error:  # a number too long to be read
        raise _bad_number() from error
    except msgspec.DecodeError as error:
        raise invalid_json(error) from error
    _walk(value, max_depth)


def invalid_json(error: Exception) -> Unusable:
    """A message that is JSON only for the generous: half a surrogate pair, NaN, a control character in a string."""
    return Unusable("invalid_json", f"The message is not valid JSON: {str(error).splitlines()[0][:200]}.")


def _bad_number() -> Unusable:
    return Unusable(
        "number_out_of_range",
        f"A number has more than {MAX_DIGITS} digits or an exponent beyond ±{MAX_EXPONENT}; it could not be kept exactly.",
    )


def _too_deep(max_depth: int) -> Unusable:
    return Unusable("too_deep", f"The message nests deeper than {max_depth} levels.")


def _walk(value: Any, max_depth: int) -> None:
    level: list[Any] = [value]
    depth = 0
    while level:
        if depth > max_depth:
            raise _too_deep(max_depth)
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
                below.extend(item)
            elif isinstance(item, list):
                below.extend(item)
            else:
                _check(item)
        level, depth = below, depth + 1


def _check(item: Any) -> None:
    if isinstance(item, str):
        if "\x00" in item:
            raise Unusable("null_character", "A text holds a null character, which can't be stored.")
    elif isinstance(item, Decimal):
        if len(item.as_tuple().digits) > MAX_DIGITS or abs(item.adjusted()) > MAX_EXPONENT:
            raise _bad_number()
    elif isinstance(item, int) and abs(item) >= 10**MAX_DIGITS:
        raise _bad_number()
