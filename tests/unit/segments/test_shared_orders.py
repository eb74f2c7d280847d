"""Leaves of spend share a profile's orders: kept once, and whole for each that joins them."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.segments.domain.definition import define
from services.segments.domain.engine.ledger import ALONE, AT, CHANGED, MARKS, OVER
from services.segments.domain.evaluate import is_true
from services.segments.domain.facts import Event, ProfileFacts
from services.segments.domain.parse import parse
from services.segments.domain.ruleset import Ruleset
from services.segments.service import subject as work
from services.segments.service.rules import Rules, build_rules
from services.segments.service.subject import Subject
from services.segments.store.catalogue import Version
from tests.unit.segments import generated
from tests.unit.segments.generated import START

DAY = timedelta(days=1)
PROFILE = UUID(int=1)
CAUSE = {"kind": "event"}


def spent(within: str | None, value: int = 0, **more: str) -> dict[str, Any]:
    return {"spend": "total", "op": ">", "value": value, **({"within": within} if within else {}), **more}


def order(at: timedelta, name: str = "Order Completed", /, **properties: object) -> Event:
    return Event(START + at, f"{name} {at} {properties}", "web", name, properties)


def kept_of(
    conditions: Sequence[dict[str, Any]], events: Sequence[Event], at: timedelta = timedelta(0)
) -> dict[str, Any]:
    ruleset = Ruleset.build({n: define(parse(condition), {}) for n, condition in enumerate(conditions)})
    return ruleset.refold(events, START + at)


def test_an_order_is_kept_once_however_many_leaves_it_counts_for() -> None:
    conditions = [spent(f"P{days}D", value) for days in range(1, 8) for value in range(3)]
    events = [order(-n * DAY / 4, order_id=f"o{n}", total=9) for n in range(20)]
    states = kept_of([*conditions, spent(None)], events)
    orders = states.pop("orders:total")
    assert orders == kept_of([spent(None)], events)["orders:total"]
    assert (sorted(orders[MARKS]), orders[CHANGED]) == (sorted(f"o{n}" for n in range(20)), {})
    assert all(len(kept) == 2 for kept in states.values())


def test_leaves_of_other_currencies_and_bases_have_their_own() -> None:
    events = [order(-DAY, order_id="1", total=9, revenue=8, currency="EUR")]
    conditions = [spent(None), spent(None, currency="EUR"), {**spent(None), "spend": "revenue"}]
    states = kept_of(conditions, events)
    assert {key for key in states if ":" in key} == {"orders:total", "orders:total:EUR", "orders:revenue"}


@pytest.mark.parametrize(
    ("conditions", "are_kept"),
    [([spent("P1D"), spent("P3D")], True), ([spent("P1D"), spent("P2D")], False), ([spent("P1D"), spent(None)], True)],
)
def test_orders_are_kept_as_long_as_the_longest_window_needs_them(
    conditions: list[dict[str, Any]], are_kept: bool
) -> None:
    orders = kept_of(conditions, [order(-2 * DAY, order_id="1", total=9)])["orders:total"]
    assert (list(orders[MARKS]), orders[OVER]) == ((["1"], []) if are_kept else ([], ["1"]))


def test_completions_without_an_id_that_only_leaves_without_a_window_need_are_one() -> None:
    events = [order(-n * DAY, total=n) for n in range(1, 6)]
    orders = kept_of([spent(None), spent("P2D")], [*events, order(-5 * DAY, order_id="1", total=3)])["orders:total"]
    assert (len(orders[AT]), orders[ALONE]) == (3, 2)  # the one of a day ago, the others, and the order
    ruleset = Ruleset.build({n: define(parse(spent(None, n)), {}) for n in (17, 18)})
    assert ruleset.evaluate({"orders:total": orders}, ProfileFacts(PROFILE), START).truths == {17: False, 18: False}


class Service:
    """One profile as the service works on it, with versions that come and go."""

    def __init__(self, conditions: Mapping[int, Any]) -> None:
        self.conditions = dict(conditions)
        self.versions = {n: version_of(n, condition, revision=1) for n, condition in conditions.items()}
        self.events: list[Event] = []
        self.rules = self.built(1)
        self.subject = Subject.new(PROFILE, self.rules, START)
        work.judge(self.subject, self.rules, CAUSE)

    def built(self, revision: int) -> Rules:
        return build_rules(revision, list(self.versions.values()), default_zone="UTC")

    def changes(self, added: Mapping[int, Any], *, without: int | None = None) -> None:
        revision = self.rules.revision + 1
        if without is not None:
            self.versions.pop(without, None)
        self.versions |= {n: version_of(n, condition, revision=revision) for n, condition in added.items()}
        self.conditions = {n: self.versions[n].condition for n in self.versions}
        self.rules = self.built(revision)

    def reaches(self, at: timedelta) -> None:
        self.subject = Subject.of(self.subject.to_stored())
        self.subject.standing = type(self.subject.standing).read(self.subject.standing.written())
        work.catch_up(self.subject, self.rules, START + at, self.events)
        self.agrees()

    def does(self, event: Event) -> None:
        self.events.append(event)
        work.fold(self.subject, self.rules, event)
        work.judge(self.subject, self.rules, CAUSE)
        self.agrees()

    def agrees(self) -> None:
        at, facts = self.subject.evaluated_at, ProfileFacts(PROFILE)
        expected = {n for n, c in self.conditions.items() if is_true(define(parse(c), {}), self.events, facts, at)}
        assert self.subject.truths == expected, at


def version_of(number: int, condition: dict[str, Any], *, revision: int) -> Version:
    return Version(
        number, uuid4(), f"s{number}", 1, condition, [], uuid4(), "create", revision, "live", START, START, None, None
    )


@pytest.mark.parametrize(
    ("before", "joining"),
    [
        ([spent("P1D", 7)], spent("P5D", 7)),  # needs what was let go
        ([spent("P1D", 7)], spent(None, 7)),
        ([spent("P5D", 7)], spent("P1D", 7)),  # needs less than those that were there
        ([spent(None, 7)], spent("P1D", 7)),
        ([spent("P5D", 7), spent("P2D", 7)], spent("P1D", 7)),
    ],
)
def test_a_leaf_that_joins_finds_its_orders_and_takes_none_from_others(
    before: list[dict[str, Any]], joining: dict[str, Any]
) -> None:
    service = Service(dict(enumerate(before)))
    for number, at in enumerate([-4 * DAY, -3 * DAY, -DAY / 2]):
        service.reaches(timedelta(0))
        service.does(order(at, order_id=f"o{number}", total=4))
    service.changes({9: joining})
    service.reaches(timedelta(hours=1))
    service.does(order(-4 * DAY, "Order Updated", order_id="o0", total=9))
    service.does(order(-3 * DAY, "Order Refunded", order_id="o1", total=1))
    for hours in range(2, 150, 6):
        service.reaches(timedelta(hours=hours))


@settings(
    max_examples=70,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.data())
def test_leaves_may_come_and_go_at_any_time(data: st.DataObject) -> None:
    service = Service(dict(enumerate(data.draw(generated.several_spends))))
    events = data.draw(generated.order_histories)
    looks = sorted(data.draw(st.lists(st.integers(0, 34), min_size=len(events), max_size=len(events))))
    for number, (event, steps) in enumerate(zip(data.draw(st.permutations(events)), looks, strict=True)):
        if data.draw(st.integers(0, 2)) == 0:
            gone = data.draw(st.sampled_from([None, *service.versions]))
            service.changes({10 + number: data.draw(generated.order_spends)}, without=gone)
        service.reaches(steps * generated.STEP)
        service.does(event)
    service.reaches(60 * generated.STEP)
