"""Bodies: what surrounds the messages, and each message by itself."""

import gzip
import zlib

import pytest

from services.events.domain.envelope import TooLong, Unreadable, inflate, read_batch, read_single

LIMIT = 1000


def test_a_batch_gives_each_message_as_it_stands() -> None:
    envelope = read_batch(b'{"batch": [{"a": 1.10}, {"b":[1, 2]}], "sentAt": "now", "writeKey": "ckey"}')
    assert envelope.messages == [b'{"a": 1.10}', b'{"b":[1, 2]}']
    assert (envelope.sent_at, envelope.write_key, envelope.is_plain) == ("now", "ckey", True)


def test_a_single_message_is_its_own_envelope() -> None:
    body = b'{"event": "x", "sentAt": 5, "writeKey": "ckey"}'
    envelope = read_single(body)
    assert (envelope.messages, envelope.sent_at, envelope.write_key) == ([body], 5, "ckey")


def test_posthog_writes_its_names_differently() -> None:
    envelope = read_batch(b'{"batch": [], "api_key": "ckey", "sent_at": "now"}')
    assert (envelope.sent_at, envelope.write_key) == ("now", "ckey")


@pytest.mark.parametrize(
    "odd",
    [
        b'{"x": "\\ud800"}',
        b'{"x": NaN}',
        b'{"x": "\xff"}',
        b'{"x": "tab\there"}',
        b'{"x": ' + b"9" * 6000 + b"}",
        b'{"x": ' + b"[" * 20000 + b"]" * 20000 + b"}",
        b'{"brackets": "]}],[{\\"", "x": -Infinity}',
    ],
)
def test_an_odd_message_leaves_the_others_as_they_are(odd: bytes) -> None:
    good = b'{"good": "a,b]}\\"", "n": 1.10}'
    envelope = read_batch(
        b'{"sentAt": "now", "batch": [' + good + b", " + odd + b" , " + good + b'], "writeKey": "ckey"}'
    )
    assert envelope.messages == [good, odd, good]
    assert (envelope.sent_at, envelope.write_key) == ("now", "ckey")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"5", b'"x"', b"null", b"not json", b'{"batch": 5}', b'{"batch": {"a": 1}}', b'{"batch": null}', b"{}",
     b'{"batch": [1,]}', b'{"batch": [NaN]', b'{"batch": "\\ud800"}', b"\xff\xfe{}"],
)  # fmt: skip
def test_what_holds_no_batch_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_batch(body)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b'{"event": "x",}', b"{bad}", b"[NaN]"])
def test_what_is_no_object_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_single(body)


def test_a_byte_order_mark_is_passed_over() -> None:
    assert read_single(b'\xef\xbb\xbf{"a": 1}').messages == [b'{"a": 1}']


# --- compression


def test_gzip_is_known_by_its_first_bytes() -> None:
    assert inflate(gzip.compress(b"{}"), limit=LIMIT) == b"{}"
    assert inflate(b"{}", limit=LIMIT) == b"{}"


def test_several_gzip_members_are_one_body() -> None:
    assert inflate(gzip.compress(b'{"a"') + gzip.compress(b": 1}"), limit=LIMIT) == b'{"a": 1}'


@pytest.mark.parametrize("size", [LIMIT + 1, 50_000_000])
def test_more_than_the_limit_is_never_inflated(size: int) -> None:
    with pytest.raises(TooLong):
        inflate(gzip.compress(bytes(size)), limit=LIMIT)


def test_exactly_the_limit_is_allowed() -> None:
    assert len(inflate(gzip.compress(bytes(LIMIT)), limit=LIMIT)) == LIMIT
    with pytest.raises(TooLong):
        inflate(bytes(LIMIT + 1), limit=LIMIT)


@pytest.mark.parametrize(
    "broken", [gzip.compress(b"{}", mtime=0)[:-4], b"\x1f\x8bnonsense", zlib.compress(b"{}")[:1] + b"\x1f\x8b"]
)
def test_broken_compression_is_unreadable(broken: bytes) -> None:
    with pytest.raises(Unreadable):
        read_single(inflate(broken, limit=LIMIT))
