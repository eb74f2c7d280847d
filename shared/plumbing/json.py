"""Exact JSON: numbers keep their decimal value both ways.

Integers are read as int and all others as Decimal; Decimals are written as numbers. The standard readers would turn 0.1 into
the nearest binary fraction, and three of them into 0.30000000000000004.
"""

from decimal import Context, DecimalException, Inexact, InvalidOperation, Overflow
from typing import Any

import msgspec
from pydantic import BaseModel

Raw = msgspec.Raw
JsonError = (msgspec.DecodeError, UnicodeError, RecursionError, DecimalException)

# As a whole number, 1e999999999 takes all memory and time there is: what is far beyond anything that is kept is not read.
_READABLE = Context(prec=1_000, Emax=1_000, Emin=-1_000, traps=[InvalidOperation, Overflow, Inexact])


def _encode_other(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.__dict__  # its fields; several times faster than iterating over the model
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")


_decoder = msgspec.json.Decoder(float_hook=_READABLE.create_decimal)
_encoder = msgspec.json.Encoder(decimal_format="number", uuid_format="canonical", enc_hook=_encode_other)


def loads(text: bytes | str) -> Any:
    """The value. Raises one of `JsonError`."""
    return _decoder.decode(text)


def dumps(value: Any) -> bytes:
    """UTF-8 JSON of plain values, Decimals, datetimes (RFC 3339), dates, UUIDs, pydantic models and `Raw` passages."""
    return _encoder.encode(value)


def dumps_text(value: Any) -> str:
    """The same as text, for jsonb parameters."""
    return _encoder.encode(value).decode()


def pretty(value: Any) -> bytes:
    """The same, indented, for people."""
    return msgspec.json.format(_encoder.encode(value), indent=2)
