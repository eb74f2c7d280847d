"""A request's body: what surrounds the messages, and each message as bytes of its own, so that a bad one spoils no other."""

import json as generous_json
import re
import zlib
from typing import Any

import msgspec

from services.events.domain.values import is_plain
from shared.plumbing.json import JsonError


class Unreadable(Exception):
    """The body is no JSON object of the expected form; the text says what is wrong."""


class TooLong(Exception):
    """The body is longer than allowed, as sent or inflated."""


class Envelope(msgspec.Struct, gc=False):
    """The messages of a request. `is_plain`: no message needs a closer look at its values. The rest is as it was sent."""

    messages: list[bytes]
    is_plain: bool
    sent_at: Any = None
    write_key: Any = None


class _Outside(msgspec.Struct, rename="camel", gc=False):
    sent_at: Any = None
    write_key: Any = None
    posthog_key: Any = msgspec.field(name="api_key", default=None)
    posthog_sent_at: Any = msgspec.field(name="sent_at", default=None)


class _Batch(_Outside):
    batch: list[msgspec.Raw] | None = None


_single = msgspec.json.Decoder(_Outside)
_batch = msgspec.json.Decoder(_Batch)


def inflate(body: bytes, *, limit: int) -> bytes:
    """The body itself, or what gzip made smaller. Known by its first bytes: JSON never begins like that.

    Raises TooLong before more than `limit` bytes are in memory, Unreadable for broken compression.
    """
    if len(body) > limit:
        raise TooLong
    if not body.startswith(b"\x1f\x8b"):
        return body
    parts: list[bytes] = []
    room = limit + 1
    while body.startswith(b"\x1f\x8b"):
        inflater = zlib.decompressobj(wbits=31)
        try:
            parts.append(inflater.decompress(body, room))
        except zlib.error as error:
            raise Unreadable("The gzip data is broken.") from error
        room -= len(parts[-1])
        if room <= 0:
            raise TooLong
        if not inflater.eof:
            raise Unreadable("The gzip data ends too early.")
        body = inflater.unused_data
    return b"".join(parts)


def read_single(body: bytes) -> Envelope:
    """A body that is one message; its `sentAt` and `writeKey` count as the envelope's."""
    body = _without_mark(body)
    try:
        outside = _single.decode(body)
    except JsonError as error:
        outside = _outside_of_odd(body, error)
    return _envelope(outside, [body], body)


def read_batch(body: bytes) -> Envelope:
    """A body `{"batch": [...]}`."""
    body = _without_mark(body)
    try:
        outside = _batch.decode(body)
    except JsonError as error:
        parts = _split_object(_checked(body, error))
        elements = _split_array(parts.get(b'"batch"', b""))
        return _envelope(_outside_of(parts), elements, body)
    if outside.batch is None:
        raise Unreadable("There is no list `batch`.")
    return _envelope(outside, [bytes(raw) for raw in outside.batch], body)


def _envelope(outside: _Outside, messages: list[bytes], body: bytes) -> Envelope:
    return Envelope(
        messages,
        is_plain(body),
        outside.sent_at if outside.sent_at is not None else outside.posthog_sent_at,
        outside.write_key or outside.posthog_key,
    )


def _without_mark(body: bytes) -> bytes:
    return body.removeprefix(b"\xef\xbb\xbf")


# --- bodies that a strict reader refuses: some message of theirs is odd, the others must not suffer


def _checked(body: bytes, cause: Exception) -> bytes:
    """The body, if a generous reader takes it as a JSON object; what is too deep for any reader is let through."""
    try:
        value = generous_json.loads(body.decode(errors="replace"), strict=False, parse_int=str, parse_float=str)
    except ValueError as error:
        raise Unreadable(f"The body is not JSON: {str(cause).splitlines()[0][:200]}.") from error
    except RecursionError:
        value = {}
    if not isinstance(value, dict):
        raise Unreadable("The body is not a JSON object.") from cause
    return body


def _outside_of_odd(body: bytes, cause: Exception) -> _Outside:
    return _outside_of(_split_object(_checked(body, cause)))


def _outside_of(parts: dict[bytes, bytes]) -> _Outside:
    found = {}
    for name in (b'"sentAt"', b'"writeKey"', b'"api_key"', b'"sent_at"'):
        try:
            found[name.decode().strip('"')] = msgspec.json.decode(parts.get(name, b"null"))
        except JsonError:
            continue
    return msgspec.convert(found, _Outside)


_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},:]', re.DOTALL)


def _split_array(text: bytes) -> list[bytes]:
    """The elements of a JSON array, each as it stands."""
    text = text.strip()
    if not text.startswith(b"["):
        raise Unreadable("There is no list `batch`.")
    return [element for element in _split(text[1:-1], b",") if element]


def _split_object(text: bytes) -> dict[bytes, bytes]:
    """The members of a JSON object: name, in its quotes, and value, each as it stands."""
    members: dict[bytes, bytes] = {}
    for member in _split(text.strip()[1:-1], b","):
        name, *value = _split(member, b":")
        members[name] = value[0] if value else b""
    return members


def _split(text: bytes, separator: bytes) -> list[bytes]:
    """Cut at the separators that stand in no string, list or object."""
    parts: list[bytes] = []
    depth = start = 0
    for token in _TOKEN.finditer(text):
        mark = token.group()
        if mark in (b"[", b"{"):
            depth += 1
        elif mark in (b"]", b"}"):
            depth -= 1
        elif mark == separator and depth == 0:
            parts.append(text[start : token.start()].strip())
            start = token.end()
    return [*parts, text[start:].strip()]
