"""Lists in pages: `limit` up to 1,000 and an opaque `cursor`."""

import base64
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Query

from shared.plumbing import json
from shared.plumbing.errors import Invalid

T = TypeVar("T")
Limit = Annotated[int, Query(ge=1, le=1000, description="How many items at most")]
Cursor = Annotated[str | None, Query(description="`next` of the page before; opaque")]


def encode_cursor(value: Any) -> str:
    """An opaque cursor of JSON values."""
    return base64.urlsafe_b64encode(json.dumps(value)).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> Any:
    """What `encode_cursor` was given, or None. Raises Invalid when it is not one of ours."""
    if cursor is None:
        return None
    try:
        return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, *json.JsonError) as error:
        raise _bad_cursor() from error


def _bad_cursor() -> Invalid:
    return Invalid("This is no cursor of ours.", errors=[{"loc": ["query", "cursor"], "msg": "not a cursor"}])


def read_cursor(cursor: str | None, read: Callable[[Any], T]) -> T | None:
    """The cursor's content as `read` understands it; Invalid when it does not."""
    value = decode_cursor(cursor)
    if value is None:
        return None
    try:
        if read is str and not isinstance(value, str):  # which takes anything
            raise TypeError
        return read(value)
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
        raise _bad_cursor() from error


def page(rows: Sequence[T], *, limit: int, item: Callable[[T], Any], cursor: Callable[[T], Any]) -> dict[str, Any]:
    """The answer of a list; fetch `limit + 1` rows, so that it knows whether more follow."""
    shown = rows[:limit]
    more = len(rows) > limit
    return {"items": [item(row) for row in shown], "next": encode_cursor(cursor(shown[-1])) if more else None}
