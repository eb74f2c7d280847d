"""About how many profiles left marks."""

from uuid import UUID, uuid5

import pytest

from services.segments.domain.currencies import Mark, about, currency_of, mark_of


def _marks(count: int) -> dict[Mark, int]:
    highest: dict[Mark, int] = {}
    for number in range(count):
        mark, rank = mark_of(uuid5(UUID(int=3), str(number)), "EUR")
        highest[mark] = max(rank, highest.get(mark, 0))
    return highest


@pytest.mark.parametrize("count", [0, 1, 2, 10, 100, 1_000, 3_000, 30_000])
def test_they_are_counted_within_a_tenth(count: int) -> None:
    assert abs(about(_marks(count).values()) - count) <= count / 10


def test_one_profile_leaves_the_same_mark_however_often() -> None:
    assert mark_of(UUID(int=1), "EUR") == mark_of(UUID(int=1), "EUR")
    assert 1 <= mark_of(UUID(int=1), "EUR")[1] <= 33


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
