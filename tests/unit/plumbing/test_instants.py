"""Instants of callers."""

from datetime import UTC, datetime

import pytest

from shared.plumbing.instants import in_utc


@pytest.mark.parametrize(
    "written", ["0001-01-01T00:00:00+00:00", "0001-01-01T01:00:00+01:00", "0001-01-01T00:00:00+14:00"]
)
def test_the_zero_of_a_clock_that_was_never_set_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"zero of a clock|beyond the calendar"):
        in_utc(datetime.fromisoformat(written))


def test_others_are_the_same_instant_in_utc() -> None:
    assert in_utc(datetime.fromisoformat("2026-03-01T10:30:00+01:00")) == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
