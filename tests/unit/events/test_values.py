"""Values that can't be kept exactly are found, quickly where there are none."""

import pytest

from services.events.domain.records import Unusable
from services.events.domain.values import is_plain, is_shallow, look_closely

DEPTH = 100
GOOD = [
    b'{"total": 20.50, "n": 12345678901234567890}',
    b'{"n": 1234567890123456789012345678901234567890}',
    b'{"n": 1e100, "m": 1e-100, "k": -9.99E+99}',
    b'{"text": "1e999 and 99999999999999999999999999999999999999999999"}',
    b'{"escaped": "\\\\u0000"}',
    b'{"umlaut": "\xc3\xa4", "smile": "\\ud83d\\ude00"}',
    b'{"a": ' + b"[" * 99 + b"]" * 99 + b"}",
    b'{"id": "7e100f2a-0e555-4e000"}',
]
BAD = [
    (b'{"n": 12345678901234567890123456789012345678901}', "number_out_of_range"),
    (b'{"n": 1.2345678901234567890123456789012345678901}', "number_out_of_range"),
    (b'{"n": 1e101}', "number_out_of_range"),
    (b'{"n": 1E-101}', "number_out_of_range"),
    (b'{"n": 12345e99}', "number_out_of_range"),
    (b'{"n": 0.00001e-99}', "number_out_of_range"),
    (b'{"n": [1234567890123456789012345678901234567890e62]}', "number_out_of_range"),
    (b'{"n": -1e+999}', "number_out_of_range"),
    (b'{"n": 1e99999999999999999999}', "number_out_of_range"),
    (b'{"n": ' + b"9" * 6000 + b"}", "number_out_of_range"),
    (b'{"s": "a\\u0000b"}', "null_character"),
    (b'{"a\\u0000b": 1}', "null_character"),
    (b'{"s": "\xff"}', "invalid_text"),
    (b'{"a": ' + b"[" * 101 + b"]" * 101 + b"}", "too_deep"),
    (b'{"a": ' + b"[" * 15000 + b"]" * 15000 + b"}", "too_deep"),
    (b'{"s": "\\ud800"}', "invalid_json"),
    (b'{"n": NaN}', "invalid_json"),
]


def fault_of(text: bytes) -> str | None:
    """Why it can't be kept."""
    try:
        look_closely(text, DEPTH)
    except Unusable as fault:
        return fault.reason
    return None


@pytest.mark.parametrize("text", GOOD)
def test_what_can_be_kept_passes(text: bytes) -> None:
    assert fault_of(text) is None


@pytest.mark.parametrize(("text", "reason"), BAD, ids=[f"{reason}-{len(text)}" for text, reason in BAD])
def test_what_cannot_be_kept_is_named(text: bytes, reason: str) -> None:
    assert fault_of(text) == reason


@pytest.mark.parametrize(
    ("text", "reason"), [case for case in BAD if case[1] != "invalid_json"], ids=lambda value: str(value)[:20]
)
def test_the_quick_look_lets_nothing_through(text: bytes, reason: str) -> None:
    assert not (is_plain(text) and is_shallow(text, DEPTH)), reason


def test_the_quick_look_passes_what_is_usual() -> None:
    usual = b'{"timestamp": "2026-11-20T12:00:00.000Z", "id": "0193-4e2f", "total": 1234.56, "url": "https://a/b?c=1e5", "k": 1e5}'
    assert is_plain(usual)
