"""Lanes are for ever: what they say today they must say in ten years."""

from uuid import UUID

from shared.plumbing.lanes import LANES, by_lane, lane_of, lane_of_text


def test_lanes_never_move() -> None:
    assert lane_of(UUID("01940000-0000-7000-8000-000000000001")) == 36
    assert lane_of_text("user_id", "u1") == 63


def test_ids_spread_over_all_lanes() -> None:
    counts = [0] * LANES
    for number in range(64_000):
        counts[lane_of(UUID(int=number))] += 1
    assert min(counts) > 850
    assert max(counts) < 1150


def test_groups_come_in_lane_order_and_keep_the_order_within() -> None:
    groups = by_lane([(3, "a"), (1, "b"), (3, "c")], lambda item: item[0])
    assert groups == [(1, [(1, "b")]), (3, [(3, "a"), (3, "c")])]
