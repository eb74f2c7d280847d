"""About how many profiles left marks."""

from uuid import UUID, uuid5

import pytest

from services.segments.domain.currencies import Mark, about, currency_of, mark_of
from shared.plumbing.lanes import LANES, lane_of


def _marks(count: int) -> dict[Mark, int]:
    highest: dict[Mark, int] = {}
    for number in range(count):
        profile_id = uuid5(UUID(int=3), str(number))
        mark, rank = mark_of(profile_id, "EUR", lane=lane_of(profile_id))
        highest[mark] = max(rank, highest.get(mark, 0))
    return highest


@pytest.mark.parametrize("count", [0, 1, 2, 10, 100, 1_000, 3_000, 30_000])
def test_they_are_counted_within_a_tenth(count: int) -> None:
    assert abs(about(_marks(count).values(), lanes=LANES) - count) <= count / 10


def test_one_profile_leaves_the_same_mark_however_often() -> None:
    mark, rank = mark_of(UUID(int=1), "EUR", lane=7)
    assert (mark, rank) == mark_of(UUID(int=1), "EUR", lane=7)
    assert (mark.lane, mark.currency) == (7, "EUR")
    assert 1 <= rank <= 33


@pytest.mark.parametrize(
    ("name", "currency", "found"),
    [
        ("Order Completed", "EUR", "EUR"),
        ("Completed Order", "€", "€"),
        ("Order Updated", "EUR", None),
        ("Order Completed", "", None),
        ("Order Completed", "nine chars", None),
        ("Order Completed", 978, None),
        ("Order Completed", None, None),
        (None, "EUR", None),
    ],
)
def test_a_completed_order_tells_its_currency(name: str | None, currency: object, found: str | None) -> None:
    assert currency_of(name, {"currency": currency}) == found
