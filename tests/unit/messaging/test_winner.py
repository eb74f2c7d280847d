"""Variants are tried on a share of the audience, and the others get the best of them."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from services.messaging.domain.campaign import Campaign
from services.messaging.domain.campaign_reading import parse_definition
from services.messaging.domain.decision import decide
from services.messaging.domain.drawing import in_test
from services.messaging.domain.effect import Group
from services.messaging.domain.verdict import Defer, History, Send
from services.messaging.domain.winner import choose
from shared.language.errors import ConditionError
from shared.schemas.recipients import Recipient
from tests.unit.messaging.builders import CAMPAIGN, NOW, campaign, offer, person, request

FIELDS: dict[str, Any] = {
    "trigger": {"segment": "vip", "at": NOW.isoformat()},
    "variants": [{"template": "a"}, {"template": "b"}],
    "goal": {"event": "Order Completed", "within": "P7D", "revenue": "total"},
    "winner": {"test_share": Decimal("0.2"), "after": "PT4H", "by": "conversions"},
}
AFTER = NOW + timedelta(hours=4)


def group(people: int, converted: int, revenue: float = 0.0, squares: float = 0.0) -> Group:
    return Group(people, converted, converted, revenue, squares)


@pytest.mark.parametrize(
    ("groups", "by", "variant", "shown"),
    [
        ([("a", group(1000, 100)), ("b", group(1000, 200))], "conversions", "b", True),
        ([("a", group(100, 10)), ("b", group(100, 11))], "conversions", "b", False),
        ([("a", group(100, 10)), ("b", group(50, 5))], "conversions", "a", False),
        ([("a", group(0, 0)), ("b", group(0, 0))], "conversions", "a", False),
        ([("a", group(0, 0)), ("b", group(10, 0))], "conversions", "a", False),
        ([("a", group(1000, 100, 1000, 12000)), ("b", group(1000, 90, 9000, 900000))], "revenue", "b", True),
        ([("a", group(10, 2, 20, 200)), ("b", group(10, 1, 30, 900)), ("c", group(10, 0))], "revenue", "b", False),
    ],
)
def test_the_best_is_chosen_and_it_is_said_whether_it_may_be_chance(
    groups: Any, by: Any, variant: str, shown: bool
) -> None:
    found = choose(groups, by=by, event="Order Completed")
    assert (found.variant, found.shown) == (variant, shown)
    assert f"“{variant}”" in found.in_words
    nobody = not any(one.people for _, one in groups)
    assert ("may be chance" in found.in_words) == (not shown and not nobody)


def test_words_for_people() -> None:
    found = choose([("a", group(100, 8)), ("b", group(100, 12))], by="conversions", event="Order Completed")
    assert found.in_words == (
        "In the test, of 100 told “a” 8 (8.0 %) did “Order Completed”; of 100 told “b” 12 (12.0 %) did “Order Completed”. "
        "“b” is used for everybody else. The difference may be chance."
    )


def somebody(number: int) -> Recipient:
    known = person()
    return Recipient(requested_id=UUID(int=number), id=UUID(int=number), traits=known.traits, consents=known.consents)


def asked(one: Campaign, number: int) -> Any:
    return request(campaign=one, recipient=somebody(number), offers=(offer(template="a"), offer(template="b")))


def test_a_fifth_is_told_at_once_and_the_others_get_the_winner() -> None:
    before = campaign(**FIELDS)
    after = Campaign(before.id, before.key, before.definition, before.status, before.runs, winner="b")
    told: list[str] = []
    for number in range(1, 501):
        first = decide(asked(before, number), History(), now=NOW)
        if isinstance(first, Send):
            assert in_test(Decimal("0.2"), CAMPAIGN, UUID(int=number))
            told.append(first.template)
            assert decide(asked(after, number), History(), now=AFTER) == first
            continue
        assert isinstance(first, Defer)
        assert (first.reason, first.until, first.first_due) == ("testing", AFTER + timedelta(seconds=5), True)
        then = decide(asked(after, number), History(), now=first.until)
        assert isinstance(then, Send)
        assert then.template == "b"
    assert 70 < len(told) < 130
    assert {"a", "b"} == set(told)


def test_while_no_winner_is_found_the_others_go_on_waiting() -> None:
    number = next(n for n in range(1, 100) if not in_test(Decimal("0.2"), CAMPAIGN, UUID(int=n)))
    late = decide(asked(campaign(**FIELDS), number), History(), now=AFTER + timedelta(minutes=1))
    assert isinstance(late, Defer)
    assert late.until == AFTER + timedelta(minutes=1, seconds=5)


@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"winner": {"test_share": 0, "after": "PT4H", "by": "conversions"}}, ["winner", "test_share"]),
        ({"winner": {"test_share": 1, "after": "PT4H", "by": "conversions"}}, ["winner", "test_share"]),
        ({"winner": {"test_share": Decimal("0.5"), "by": "conversions"}}, ["winner", "after"]),
        ({"winner": {"test_share": Decimal("0.5"), "after": "PT4H", "by": "opens"}}, ["winner", "by"]),
        ({"winner": "a"}, ["winner"]),
        ({"goal": {"event": "x", "within": "P1D"}, "winner": FIELDS["winner"] | {"by": "revenue"}}, ["winner", "by"]),
        ({"trigger": {"segment": "vip", "on": "entered"}}, ["winner"]),
        ({"trigger": {"segment": "vip", "local": "2026-03-10T09:00"}}, ["winner"]),
        ({"local_time": "09:00"}, ["winner"]),
        ({"variants": [{"template": "a"}]}, ["winner"]),
    ],
)
def test_faults_have_their_path(change: Any, loc: list[Any]) -> None:
    with pytest.raises(ConditionError) as caught:
        parse_definition({"key": "k", "purpose": "p"} | FIELDS | change)
    assert loc in [error["loc"] for error in caught.value.errors]
