"""What telling did, against published examples and against simulation."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.messaging.domain.effect import Group, effect_of, in_words, wilson


def group(people: int, converted: int, spent: float = 0.0) -> Group:
    return Group(people, converted, converted, converted * spent, converted * spent**2)


@pytest.mark.parametrize(
    ("told", "held", "interval"),
    [  # table II of Newcombe (1998), method 10
        ((70, 56), (80, 48), (0.0524, 0.3339)),
        ((10, 9), (10, 3), (0.1705, 0.8090)),
        ((7, 6), (7, 2), (0.0582, 0.8062)),
        ((56, 5), (29, 0), (-0.0381, 0.1926)),
        ((10, 0), (20, 0), (-0.1611, 0.2775)),
        ((10, 10), (10, 0), (0.6075, 1.0)),
    ],
)
def test_the_difference_of_two_shares_is_as_published(
    told: tuple[int, int], held: tuple[int, int], interval: tuple[float, float]
) -> None:
    found = effect_of(group(*told), group(*held)).difference_interval
    assert found == pytest.approx(interval, abs=5e-5)


def test_the_interval_of_one_share_is_as_published() -> None:
    """81 of 263: Newcombe's paper on single proportions of the same year."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_the_ratio_of_two_shares() -> None:
    """15 of 100 against 10 of 100, by hand: 1.5 × exp(± 1.96 × sqrt(1/15 − 1/100 + 1/10 − 1/100))."""
    effect = effect_of(group(100, 15), group(100, 10))
    assert effect.lift == pytest.approx(0.5)
    assert effect.lift_interval == pytest.approx((0.7081 - 1, 3.1774 - 1), abs=5e-4)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    rng = random.Random(1)
    held, runs = 0, 2_000
    for _ in range(runs):
        told = group(400, sum(rng.random() < 0.06 for _ in range(400)))
        rest = group(100, sum(rng.random() < 0.04 for _ in range(100)))
        low, high = effect_of(told, rest).difference_interval or (1.0, -1.0)
        held += low <= 0.02 <= high
    assert 0.94 <= held / runs <= 0.985


def test_revenue_of_a_person_has_an_interval_once_enough_people_pay() -> None:
    told, held = group(1000, 100, 50.0), group(1000, 50, 50.0)
    effect = effect_of(told, held)
    assert effect.revenue == pytest.approx(2.5)
    low, high = effect.revenue_interval or (0.0, 0.0)
    # By hand: variances 250.25… and 118.87… of 1,000 people each.
    assert (low, high) == pytest.approx((2.5 - 1.96 * 0.6083, 2.5 + 1.96 * 0.6083), abs=0.06)
    assert effect_of(told, group(1000, 9, 50.0)).revenue_interval is None


def test_people_needed_are_those_of_the_usual_formula() -> None:
    """10 % against 5 % in equal groups takes 436 in each."""
    effect = effect_of(group(20, 2), group(20, 1))
    assert not effect.shown
    assert effect.needed == pytest.approx(2 * 436 - 40, abs=2)
    assert effect_of(group(2000, 200), group(2000, 100)).needed == 0


def test_words_say_when_nothing_is_shown() -> None:
    told, held = group(900, 50), group(100, 4)
    words = in_words(effect_of(told, held), told, held, event="Order Completed")
    assert "Of 900 told, 50 (5.6 %) did “Order Completed”." in words
    assert "this shows no effect" in words
    assert "more people are needed" in words


def test_words_say_what_was_shown() -> None:
    told, held = group(9000, 900), group(1000, 50)
    words = in_words(effect_of(told, held), told, held, event="Order Completed")
    assert "Telling raised it by +5.0 percentage points" in words
    fewer = in_words(effect_of(held, told), held, told, event="Order Completed")
    assert "Telling lowered it by -5.0" in fewer


def test_without_a_group_to_compare_with_nothing_is_claimed() -> None:
    told, nobody = group(900, 50), group(0, 0)
    effect = effect_of(told, nobody)
    assert (effect.difference_interval, effect.lift, effect.revenue_interval, effect.needed) == (None, None, None, None)
    assert "Nobody was held out" in in_words(effect, told, nobody, event="x")
    assert in_words(effect_of(nobody, told), nobody, told, event="x") == "Nobody was told yet."


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_whatever_was_counted_has_an_answer(n: int, a: int, m: int, b: int) -> None:
    told, held = group(n, min(a, n), 10.0), group(m, min(b, m), 10.0)
    effect = effect_of(told, held)
    assert in_words(effect, told, held, event="x")
    if effect.difference_interval is not None:
        low, high = effect.difference_interval
        assert -1 <= low <= effect.difference <= high <= 1
    assert effect.needed is None or effect.needed >= 0
