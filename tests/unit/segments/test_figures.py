"""Parts of a whole, averages, and the instants of a curve."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from services.segments.domain.figures import midnights, ratio
from services.segments.store.counting import portions
from shared.language.exact import Number
from shared.plumbing.lanes import LANES


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [
        (1, 0, None),
        (0, 7, 0),
        (10, 5, 2),
        (1, 3, Decimal("0.333333")),
        (2, 3, Decimal("0.666667")),
        (Decimal("0.30"), 3, Decimal("0.1")),
        (Decimal("0.000001"), 2, 0),
        (Decimal("0.000003"), 2, Decimal("0.000002")),
        (Decimal(10) ** 100, 3, Decimal("3" * 100 + ".333333")),
    ],
)
def test_a_ratio_is_rounded_to_six_decimals_and_is_none_of_nothing(
    part: Number, whole: int, expected: Number | None
) -> None:
    assert ratio(part, whole) == expected


def test_midnights_are_those_of_utc_up_to_and_including_the_instant() -> None:
    at = datetime(2026, 5, 2, 1, tzinfo=timezone(timedelta(hours=2)))
    assert midnights(at, 1) == [datetime(2026, 4, 30, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)]
    assert midnights(datetime(2026, 5, 1, tzinfo=UTC), 2)[-1] == datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(("size", "count"), [(0, 1), (250_000, 1), (1_000_000, 4), (1_100_000, 5), (40_000_000, 64)])
def test_the_more_profiles_the_fewer_lanes_a_statement_takes(size: int, count: int) -> None:
    found = list(portions(size))
    assert len(found) == count
    assert [lane for lanes in found for lane in lanes] == list(range(LANES))
