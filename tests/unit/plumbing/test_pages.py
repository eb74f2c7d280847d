"""A cursor that is none of ours is refused, whatever JSON it holds."""

from typing import Any
from uuid import UUID

import pytest

from shared.plumbing.errors import Invalid
from shared.plumbing.pages import encode_cursor, read_cursor

MEMBER = UUID("01981c6e-7a4b-7c3e-9d2f-0a1b2c3d4e5f")


def test_a_cursor_comes_back_as_it_was_made() -> None:
    assert read_cursor(encode_cursor(str(MEMBER)), UUID) == MEMBER
    assert read_cursor(None, UUID) is None


@pytest.mark.parametrize("value", [1, True, 1.5, "x", [], [1], {"a": 1}, [None, None], [0] * 64])
def test_another_lists_cursor_is_refused(value: Any) -> None:
    with pytest.raises(Invalid):
        read_cursor(encode_cursor(value), UUID)


@pytest.mark.parametrize("cursor", ["garbage", "%00", "AAAA", "ü"])
def test_text_that_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid):
        read_cursor(cursor, UUID)
