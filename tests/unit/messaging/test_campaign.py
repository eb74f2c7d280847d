"""Campaigns and rules are read from untrusted JSON, every fault with its path."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.messaging.domain.campaign import Broadcast, EventTrigger, Goal, SegmentTrigger, Variant, segments_used
from services.messaging.domain.campaign_reading import parse_definition
from services.messaging.domain.rules import parse_rules
from shared.language.errors import ConditionError
from tests.unit.messaging.builders import NOW, campaign

MINIMAL: dict[str, Any] = {
    "key": "hello",
    "trigger": {"segment": "vip", "on": "entered"},
    "template": "hello",
    "purpose": "marketing",
}


def test_defaults() -> None:
    found = parse_definition(MINIMAL)
    assert found.trigger == SegmentTrigger("vip", "entered")
    assert found.variants == (Variant("hello"),)
    assert (found.delay, found.holdout) == (timedelta(), Decimal(0))
    assert found.reentry == "once"
    assert found.stale_after == timedelta(days=1)


def test_everything_that_can_be_said() -> None:
    found = parse_definition(
        MINIMAL
        | {
            "name": "Hello",
            "trigger": {"event": "Order Completed", "where": [{"property": "total", "op": ">", "value": 10}]},
            "channel": "preferred",
            "delay": "PT1H",
            "holdout": Decimal("0.1"),
            "goal": {"event": "Order Completed", "within": "P7D", "revenue": "total"},
            "reentry": "P90D",
            "stale_after": "PT2S",
            "topic": "news",
            "when_capped": {"wait": "P3D"},
        }
    )
    assert isinstance(found.trigger, EventTrigger)
    assert found.goal == Goal("Order Completed", timedelta(days=7), "total")
    assert (found.reentry, found.holdout) == (timedelta(days=90), Decimal("0.1"))
    assert found.wait_when_capped == timedelta(days=3)


def test_a_broadcast_has_its_time() -> None:
    found = parse_definition(MINIMAL | {"trigger": {"segment": "vip", "at": "2026-03-10T09:00:00+01:00"}})
    assert found.trigger == Broadcast("vip", datetime(2026, 3, 10, 8, tzinfo=UTC))


@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"colour": "red"}, ["colour"]),
        ({"trigger": {"segment": "vip"}}, ["trigger", "on"]),
        ({"trigger": {"segment": "vip", "on": "stayed"}}, ["trigger", "on"]),
        ({"trigger": {"segment": "vip", "on": "left", "causes": []}}, ["trigger", "causes"]),
        ({"trigger": {"segment": "vip", "on": "left", "causes": ["weather"]}}, ["trigger", "causes"]),
        ({"trigger": {"segment": "vip", "on": "left", "causes": "import"}}, ["trigger", "causes"]),
        ({"trigger": {"event": "x", "imported": "yes"}}, ["trigger", "imported"]),
        ({"trigger": {"segment": "vip", "on": "left", "event": "x"}}, ["trigger", "segment"]),
        ({"trigger": {"segment": "vip", "at": "tomorrow"}}, ["trigger", "at"]),
        ({"trigger": {"segment": "vip", "at": "2026-03-10T09:00:00"}}, ["trigger", "at"]),
        ({"trigger": {"segment": "vip", "at": "9999-12-31T23:30:00-01:00"}}, ["trigger", "at"]),
        ({"trigger": {}}, ["trigger"]),
        ({"trigger": "vip"}, ["trigger"]),
        ({"trigger": {"event": ""}}, ["trigger", "event"]),
        ({"trigger": {"event": "x", "where": [{"property": "a", "op": "=="}]}}, ["trigger", "where", 0, "op"]),
        ({"variants": [{"template": "a"}]}, []),
        ({"template": 5}, ["template"]),
        ({"purpose": " "}, ["purpose"]),
        ({"channel": "pigeon"}, ["channel"]),
        ({"delay": "tomorrow"}, ["delay"]),
        ({"delay": "-P1D"}, ["delay"]),
        ({"holdout": Decimal("1.5")}, ["holdout"]),
        ({"holdout": "much"}, ["holdout"]),
        ({"reentry": "sometimes"}, ["reentry"]),
        ({"reentry": 5}, ["reentry"]),
        ({"stale_after": "PT0S"}, ["stale_after"]),
        ({"goal": {"event": "x"}}, ["goal", "within"]),
        ({"goal": {"event": "x", "within": "P1D", "who": 1}}, ["goal", "who"]),
    ],
)
def test_faults_have_their_path(change: Any, loc: list[Any]) -> None:
    with pytest.raises(ConditionError) as caught:
        parse_definition(MINIMAL | change)
    assert loc in [error["loc"] for error in caught.value.errors]


def test_variants_need_a_template_and_a_weight_above_nothing() -> None:
    body = {key: value for key, value in MINIMAL.items() if key != "template"}
    assert len(parse_definition(body | {"variants": [{"template": "a"}, {"template": "b", "weight": 3}]}).variants) == 2
    for variants in ([], [{"template": "a", "weight": 0}], [{"weight": 1}], {"template": "a"}, [5]):
        with pytest.raises(ConditionError):
            parse_definition(body | {"variants": variants})
    with pytest.raises(ConditionError):
        parse_definition(body)


@pytest.mark.parametrize("body", [None, [], "campaign", 5, {}])
def test_what_is_no_campaign_at_all(body: Any) -> None:
    with pytest.raises(ConditionError):
        parse_definition(body)


def test_a_campaign_heeds_what_happens_after_its_start_and_knows_its_pauses() -> None:
    start, pause, again = NOW, NOW + timedelta(hours=1), NOW + timedelta(hours=2)
    one = campaign()
    one = type(one)(one.id, one.key, one.definition, "running", ((start, pause), (again, None)))
    assert [one.heeds(at) for at in (start - timedelta(seconds=1), start, again)] == [False, True, True]
    assert [one.ran_at(at) for at in (start, pause, again)] == [True, False, True]
    assert segments_used([one]) == {"vip"}


@pytest.mark.parametrize(
    ("rules", "loc"),
    [
        ({"frequency_caps": [{"purpose": "marketing", "max": 3}]}, ["frequency_caps", 0, "within"]),
        ({"frequency_caps": [{"purpose": "marketing", "max": -1, "within": "P1D"}]}, ["frequency_caps", 0, "max"]),
        ({"frequency_caps": [{"purpose": "marketing", "max": True, "within": "P1D"}]}, ["frequency_caps", 0, "max"]),
        ({"frequency_caps": [{"purpose": "transactional", "max": 1, "within": "P1D"}]}, ["frequency_caps", 0, "purpose"]),
        ({"frequency_caps": [{"purpose": "m", "max": 1, "within": "P1D", "channel": "fax"}]}, ["frequency_caps", 0, "channel"]),
        ({"frequency_caps": {}}, ["frequency_caps"]),
        ({"quiet_hours": {"from": "21:00"}}, ["quiet_hours", "until"]),
        ({"quiet_hours": {"from": "25:00", "until": "08:00"}}, ["quiet_hours", "from"]),
        ({"quiet_hours": {"from": "9pm", "until": "08:00"}}, ["quiet_hours", "from"]),
        ({"quiet_hours": {"from": "08:00", "until": "08:00"}}, ["quiet_hours", "until"]),
        ({"quiet": None}, ["quiet"]),
    ],
)  # fmt: skip
def test_faults_of_rules_have_their_path(rules: Any, loc: list[Any]) -> None:
    with pytest.raises(ConditionError) as caught:
        parse_rules(rules)
    assert loc in [error["loc"] for error in caught.value.errors]


def test_rules_may_be_nothing() -> None:
    assert parse_rules({"quiet_hours": None, "frequency_caps": []}) == parse_rules({})
