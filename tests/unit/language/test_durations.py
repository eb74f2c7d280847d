"""Durations: whole units, positive, at most 100 years."""

from datetime import timedelta

import pytest

from shared.language.durations import format_day_offset, format_duration, parse_day_offset, parse_duration


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("P90D", timedelta(days=90)),
        ("PT5S", timedelta(seconds=5)),
        ("P2W", timedelta(days=14)),
        ("P1DT2H3M4S", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("PT36H", timedelta(hours=36)),
        ("P36525D", timedelta(days=36525)),
    ],
)
def test_a_duration_is_read_and_written(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length
    assert parse_duration(format_duration(length)) == length


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "P1DT", "1D", "P1Y", "P1M", "P1.5D", "PT0.5S", "p1d", "P1D ", "P1D\n", "+P1D", "P-1D", "-P1D", "PT0S",
     "P0D", "PT1M1H", "P1H", "PT1D", "P٣D", "P36526D", "P999999999999D", "P9999999999999999D", 5, None, ["P1D"]],
)  # fmt: skip
def test_what_is_no_positive_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"must (not )?be"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "days"), [("P7D", 7), ("-P3D", -3), ("P1W", 7), ("-P1W1D", -8), ("P0D", 0), ("-P0D", 0)]
)
def test_an_offset_is_in_whole_days_and_may_be_negative(text: str, days: int) -> None:
    assert parse_day_offset(text) == days
    assert parse_day_offset(format_day_offset(days)) == days


@pytest.mark.parametrize("text", ["PT24H", "P1DT0S", "P-1D", "--P1D", "1", 1, None])
def test_an_offset_in_other_units_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse_day_offset(text)
