"""The base of every message between services."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Self

import msgspec

Unreadable = (msgspec.DecodeError, msgspec.ValidationError)
"""What reading raises: no JSON, or not of that shape."""


@cache
def reader_of(shape: Any) -> Callable[[bytes | str], Any]:
    """Reads JSON of that shape; numbers that are no integers keep their decimal value."""
    return msgspec.json.Decoder(shape, float_hook=Decimal).decode


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Frozen, and tolerant of fields that a newer release added. Read straight from its JSON, which costs a quarter of
    what a check of decoded values does."""

    @classmethod
    def read(cls, text: bytes | str) -> Self:
        """From JSON. Raises one of `Unreadable`."""
        message: Self = reader_of(cls)(text)
        return message

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Self:
        """From JSON that was decoded before. Raises one of `Unreadable`."""
        return msgspec.convert(value, cls, str_keys=True)

    def to_json(self) -> dict[str, Any]:
        """As decoded JSON."""
        plain: dict[str, Any] = msgspec.to_builtins(self, builtin_types=(Decimal,))
        return plain


class _Kind(Message, frozen=True, kw_only=True):
    kind: str = ""


def kind_of(text: bytes | str) -> str:
    """Of a message of a feed; the rest is not read."""
    return _Kind.read(text).kind
