"""What to look for in a message that was never understood, to know whether it is about a person who is to be forgotten."""

import json as escaping_json
from collections.abc import Iterable

SHORTEST_ADDRESS = 5
"""A shorter text would be found in messages about others."""


def traces_in_text(ids: Iterable[str], addresses: Iterable[str]) -> list[str]:
    """As JSON holds them, in lower case: an id is a whole string, an address may stand within one."""
    return _traces(ids, addresses, escaped=False)


def traces_in_bytes(ids: Iterable[str], addresses: Iterable[str]) -> list[str]:
    """The same for JSON that may or may not escape letters beyond ASCII, in PostgreSQL's `escape` format of bytes."""
    both = {*_traces(ids, addresses, escaped=False), *_traces(ids, addresses, escaped=True)}
    return sorted(map(_escape_format, both))


def _traces(ids: Iterable[str], addresses: Iterable[str], *, escaped: bool) -> list[str]:
    whole = (escaping_json.dumps(value, ensure_ascii=escaped) for value in ids if value)
    within = (
        escaping_json.dumps(value, ensure_ascii=escaped)[1:-1] for value in addresses if len(value) >= SHORTEST_ADDRESS
    )
    return sorted({text.lower() for text in (*whole, *within)})


def _escape_format(text: str) -> str:
    return "".join("\\\\" if b == 0x5C else chr(b) if b < 0x80 else f"\\{b:03o}" for b in text.encode())
