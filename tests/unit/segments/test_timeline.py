"""Changes that time alone makes, each at its instant."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from services.segments.domain.definition import Definition, define
from services.segments.domain.facts import Event, LifeEventFact, ProfileFacts, micros
from services.segments.domain.parse import parse
from services.segments.domain.ruleset import Ruleset
from services.segments.domain.timeline import advance

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
FACTS = ProfileFacts(UUID(int=1))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def definition(written: object) -> Definition:
    return define(parse(written), {})


def flips(
    written: object, *events: tuple[str, timedelta], facts: ProfileFacts = FACTS, until: timedelta = 30 * DAY
) -> list[tuple[bool, timedelta]]:
    ruleset = Ruleset.build({"v": definition(written)})
    happened = [Event(T0 + at, f"m{n}", "web", name) for n, (name, at) in enumerate(events)]
    states = ruleset.fold({}, happened, facts)
    truths = ruleset.evaluate(states, facts, T0).truths
    return [
        (flip.truth, flip.at - T0)
        for flip in advance(ruleset, ruleset.stand(states, facts, T0), facts, truths, T0 + until).flips
    ]


COUNT = {"event": "A", "within": "P7D", "op": ">=", "value": 2}


def test_an_event_leaves_its_window_at_timestamp_plus_length() -> None:
    assert flips(COUNT, ("A", -DAY), ("A", -2 * DAY)) == [(False, 5 * DAY)]


def test_a_future_event_enters_at_its_timestamp_and_leaves_again() -> None:
    assert flips(COUNT, ("A", -DAY), ("A", 2 * DAY)) == [(True, 2 * DAY), (False, 6 * DAY)]


def test_one_that_enters_as_another_leaves_changes_nothing() -> None:
    assert flips(COUNT, ("A", -DAY), ("A", DAY), ("A", 6 * DAY)) == [(True, DAY), (False, 8 * DAY)]


def test_absence_ripens_when_the_gap_is_over() -> None:
    written = {"sequence": [{"event": "A"}, {"event": "B", "absent": True}], "gap": "P1D", "within": "P3D"}
    assert flips(written, ("A", -HOUR)) == [(True, 23 * HOUR), (False, 71 * HOUR)]
    assert flips(written, ("A", -HOUR), ("B", 23 * HOUR)) == []


def order(name: str, at: timedelta, **properties: object) -> Event:
    return Event(T0 + at, f"m{at}", "web", f"Order {name}", {"order_id": "1", **properties})


@pytest.mark.parametrize(
    ("future", "expected"),
    [
        ([order("Refunded", DAY, total=4)], [(False, DAY)]),
        ([order("Refunded", DAY)], [(False, DAY)]),
        ([order("Cancelled", DAY), order("Updated", 2 * DAY, total=9)], [(False, DAY), (True, 2 * DAY)]),
        ([order("Refunded", DAY), order("Updated", 2 * DAY, total=9)], [(False, DAY)]),
        ([order("Completed", DAY, order_id="2", total=9)], []),
        ([order("Completed", DAY, total=1)], [(False, DAY)]),
    ],
)
def test_what_will_become_of_an_order_is_known_in_advance(
    future: list[Event], expected: list[tuple[bool, timedelta]]
) -> None:
    ruleset = Ruleset.build({"v": definition({"spend": "total", "op": ">=", "value": 8})})
    states = ruleset.refold([order("Completed", -DAY, total=10), *future], T0)
    passed = advance(ruleset, ruleset.stand(states, FACTS, T0), FACTS, {"v": True}, T0 + 30 * DAY)
    assert [(flip.truth, flip.at - T0) for flip in passed.flips] == expected


def test_an_order_that_can_add_nothing_any_more_is_only_remembered() -> None:
    completed = order("Completed", -8 * DAY, total=10)
    windowed = Ruleset.build({"v": definition({"spend": "total", "within": "P7D", "op": ">", "value": 0})})
    states = windowed.refold([completed], T0)
    assert states == {"orders:total": [None, [], [], [], {}, 0, {}, ["1"]]}
    again = windowed.fold(states, [order("Completed", -DAY, total=10)])
    assert windowed.evaluate(again, FACTS, T0).truths == {"v": False}

    ever = Ruleset.build({"v": definition({"spend": "total", "op": ">", "value": 0})})
    states = ever.refold([completed, order("Refunded", -7 * DAY)], T0)
    assert states == {"orders:total": [None, [], [], [], {}, 0, {}, ["1"]]}
    more = [order("Refunded", -DAY, total=1), order("Updated", -HOUR, total=5)]
    assert ever.evaluate(ever.fold(states, more), FACTS, T0).truths == {"v": False}


def test_a_birthday_comes_and_goes_at_local_midnight() -> None:
    facts = ProfileFacts(
        FACTS.id, {"timezone": "Europe/Berlin"}, (LifeEventFact("birthday", date(1990, 3, 29), "yearly"),)
    )
    written = {"life_event": "birthday", "from": "P0D", "until": "P0D"}
    begins = datetime(2026, 3, 28, 23, tzinfo=UTC) - T0
    assert flips(written, facts=facts) == [(True, begins), (False, begins + 23 * HOUR)]
    assert len(flips(written, facts=facts, until=3 * 365 * DAY)) == 6


@pytest.mark.parametrize(
    ("period", "zone", "ends"),
    [
        ("day", "UTC", "2026-03-02T00:00Z"),
        ("day", "Pacific/Kiritimati", "2026-03-02T10:00Z"),
        ("day", "Pacific/Pago_Pago", "2026-03-02T11:00Z"),
        ("week", "UTC", "2026-03-02T00:00Z"),
        ("week", "Europe/Berlin", "2026-03-01T23:00Z"),
        ("month", "Europe/Berlin", "2026-03-31T22:00Z"),
        ("year", "America/New_York", "2027-01-01T05:00Z"),
    ],
)
def test_all_of_a_period_leaves_when_it_ends(period: str, zone: str, ends: str) -> None:
    facts, gone = ProfileFacts(FACTS.id, {"timezone": zone}), datetime.fromisoformat(ends) - T0
    written = {"event": "A", "this": period, "op": "<", "value": 2}
    events = ("A", -HOUR), ("A", timedelta(0)), ("A", gone + HOUR), ("A", gone + HOUR)
    assert flips(written, *events, facts=facts, until=gone + HOUR) == [(True, gone), (False, gone + HOUR)]


def test_spend_of_a_period_ends_with_it() -> None:
    ruleset = Ruleset.build({"v": definition({"spend": "total", "this": "week", "op": ">", "value": 8})})
    facts = ProfileFacts(FACTS.id, {"timezone": "Europe/Berlin"})
    events = [order("Completed", -DAY, total=10), order("Completed", 2 * DAY, order_id="2", total=9)]
    standing = ruleset.stand(ruleset.refold(events, T0, facts), facts, T0)
    passed = advance(ruleset, standing, facts, {"v": True}, T0 + 30 * DAY)
    monday = datetime(2026, 3, 1, 23, tzinfo=UTC)
    assert [(flip.truth, flip.at) for flip in passed.flips] == [
        (False, monday),
        (True, T0 + 2 * DAY),
        (False, monday + 7 * DAY),
    ]
    assert standing.leaves == {"orders:week:total": [None, [], [], [], {}, 0, {}, ["1", "2"], []]}


def test_a_period_with_which_nothing_changes_makes_nothing_due() -> None:
    ruleset = Ruleset.build({"v": definition({"event": "A", "this": "day", "op": "<", "value": 2})})
    states = ruleset.refold([Event(T0, "m", "web", "A")], T0)
    assert ruleset.evaluate(states, FACTS, T0).next_at is None


def test_a_date_in_a_trait_comes_and_goes_at_local_midnight() -> None:
    facts = ProfileFacts(FACTS.id, {"timezone": "Europe/Berlin", "renewal": "2026-03-29"})
    written = {"trait_date": "renewal", "from": "P0D", "until": "P0D"}
    begins = datetime(2026, 3, 28, 23, tzinfo=UTC) - T0
    assert flips(written, facts=facts) == [(True, begins), (False, begins + 23 * HOUR)]
    assert len(flips(written, facts=facts, until=3 * 365 * DAY)) == 2
    assert len(flips({**written, "recurs": "yearly"}, facts=facts, until=3 * 365 * DAY)) == 6


def test_the_end_of_the_walk_is_inside_it_and_its_beginning_not() -> None:
    at_end = flips(COUNT, ("A", -DAY), ("A", -2 * DAY), until=5 * DAY)
    assert at_end == [(False, 5 * DAY)]
    assert flips(COUNT, ("A", -7 * DAY), ("A", -2 * DAY), until=4 * DAY) == []


def test_versions_without_a_truth_are_left_out() -> None:
    ruleset = Ruleset.build({"old": definition(COUNT), "new": definition(COUNT)})
    states = ruleset.fold({}, [Event(T0 + n * HOUR, f"m{n}", "web", "A") for n in (1, 2)])
    standing = ruleset.stand(states, FACTS, T0)
    passed = advance(ruleset, standing, FACTS, {"old": False}, T0 + DAY)
    assert [flip.version_id for flip in passed.flips] == ["old"]
    assert passed.truths == {"old": True}
    assert standing.next_at == micros(T0 + 7 * DAY + HOUR)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"all": [COUNT, {"trait": "x", "op": "exists"}]}, None),
        ({"any": [COUNT, {"not": {"trait": "x", "op": "exists"}}]}, None),
        ({"any": [COUNT, {"trait": "x", "op": "exists"}]}, 5 * DAY),
        ({"all": [COUNT, {"not": {"trait": "x", "op": "exists"}}]}, 5 * DAY),
        ({"not": COUNT}, 5 * DAY),
        ({"all": [{"not": COUNT}, {"event": "B", "op": ">", "value": 0}]}, 9 * DAY),
    ],
)
def test_only_what_a_truth_depends_on_makes_it_due(written: object, expected: timedelta | None) -> None:
    ruleset = Ruleset.build({"v": definition(written)})
    events = [("A", -DAY), ("A", -2 * DAY), ("B", 9 * DAY)]
    states = ruleset.fold({}, [Event(T0 + at, f"m{n}", "web", name) for n, (name, at) in enumerate(events)])
    next_at = ruleset.evaluate(states, FACTS, T0).next_at
    assert next_at == (None if expected is None else T0 + expected)


def test_a_boundary_beyond_the_year_9999_is_none() -> None:
    ruleset = Ruleset.build({"v": definition({**COUNT, "value": 1, "within": "P5000W"})})
    states = ruleset.fold({}, [Event(datetime(9998, 1, 1, tzinfo=UTC), "m", "web", "A")])
    evaluation = ruleset.evaluate(states, FACTS, datetime(9999, 1, 1, tzinfo=UTC))
    assert (evaluation.truths, evaluation.next_at) == ({"v": True}, None)
    early = datetime(1, 1, 1, tzinfo=UTC)
    assert ruleset.evaluate(ruleset.trim(states, early), FACTS, early).truths == {"v": False}
