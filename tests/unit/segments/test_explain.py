"""What an explanation says, and that its values are those of the reference."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given, settings

from services.segments.domain.definition import define
from services.segments.domain.evaluate import is_true
from services.segments.domain.explain import explain
from services.segments.domain.facts import TRAITS_CHANGED, Event, LifeEventFact, ProfileFacts
from services.segments.domain.parse import parse
from shared.plumbing import json
from tests.unit.segments import generated
from tests.unit.segments.case import NOON, PROFILE_ID, days, event

EVENTS = [
    event("A", days(1), p=Decimal("0.1")),
    event("A", days(2), p=2),
    event("A", days(9), p="3"),
    event("B", days(0.5)),
    event("Order Completed", days(3), order_id="1", total=100),
    event("Order Refunded", days(2), order_id="1", total=30),
    event("Order Completed", days(1), order_id="2", total=5),
    event("Order Refunded", days(1), order_id="2"),
    event(TRAITS_CHANGED, days(3), before={"plan": "free"}, after={"plan": "gold"}),
]
FACTS = ProfileFacts(
    PROFILE_ID,
    {"plan": "gold", "timezone": "Asia/Tokyo", "renewal": "2026-06-15T20:00:00Z"},
    (LifeEventFact("birthday", date(1990, 6, 15), "yearly"),),
)


def explained(written: object, **segments: object) -> Any:
    definition = define(parse(written), {key: parse(condition) for key, condition in segments.items()})
    return explain(definition, EVENTS, FACTS, NOON)


def test_every_node_has_its_value() -> None:
    tree = explained({"all": [{"trait": "plan", "op": "=", "value": "gold"}, {"not": {"any": []}}]})
    assert tree["value"] is True
    assert [child["value"] for child in tree["children"]] == [True, True]
    assert tree["children"][0]["facts"] == {"found": ["gold"]}
    assert tree["children"][1]["children"][0] == {"kind": "any", "value": False, "next_at": None, "children": []}


def test_an_aggregate_shows_its_numbers_window_and_next_change() -> None:
    tree = explained({"event": "A", "aggregate": "sum", "property": "p", "within": "P7D", "op": "<", "value": 2})
    assert tree["kind"] == "event"
    assert tree["facts"]["actual"] == Decimal("2.1")
    assert tree["facts"]["window"] == {"after": NOON - days(7), "until": NOON}
    assert tree["next_at"] == NOON + days(5)
    average = explained({"event": "A", "aggregate": "avg", "property": "p", "op": ">", "value": 1})
    assert (average["facts"]["actual"], average["facts"]["numbers"]) == (Decimal("1.05"), 2)


def test_a_period_of_the_calendar_is_shown_with_its_zone() -> None:
    tree = explained({"event": "A", "this": "month", "op": ">=", "value": 1})
    begun = datetime.fromisoformat("2026-06-01T00:00+09:00")
    window = {"this": "month", "from": begun, "until": NOON, "timezone": "Asia/Tokyo"}
    assert (tree["facts"]["window"], tree["facts"]["actual"]) == (window, 3)
    assert tree["next_at"] == datetime.fromisoformat("2026-07-01T00:00+09:00")
    tree = explained({"spend": "total", "this": "day", "op": "=", "value": 0})
    assert (tree["value"], tree["next_at"], tree["facts"]["orders"]) == (True, None, [])
    assert tree["facts"]["window"]["from"] == datetime.fromisoformat("2026-06-15T00:00+09:00")


def test_spend_shows_its_orders() -> None:
    facts = explained({"spend": "total", "op": ">", "value": 1})["facts"]
    assert facts["actual"] == 70
    assert [(o["order_id"], o["amount"], o["refunded"], o["spend"]) for o in facts["orders"]] == [
        ("1", 100, 30, 70),
        ("2", 5, "everything", 0),
    ]


def test_life_events_sequences_and_buckets_show_what_they_go_by() -> None:
    facts = explained({"life_event": "birthday", "from": "P0D", "until": "P1D"})["facts"]
    assert (facts["local_date"], facts["timezone"]) == (date(2026, 6, 15), "Asia/Tokyo")
    assert facts["dates"][0]["occurrence"] == date(2026, 6, 15)
    steps = explained({"sequence": [{"event": "A"}, {"event": "B"}], "gap": "P1D"})["facts"]
    assert (steps["first"]["count"], steps["second"]["events"][0]["timestamp"]) == (3, NOON - days(0.5))
    assert explained({"bucket": [0, 100], "salt": "salt"})["facts"] == {"bucket": 24}


def test_each_first_step_shows_when_it_was_followed() -> None:
    steps = explained({"sequence": [{"event": "A"}, {"event": "B"}], "gap": "P1D"})["facts"]
    assert [step["followed_at"] for step in steps["first"]["events"]] == [None, None, NOON - days(0.5)]
    late = explained({"sequence": [{"event": "A"}, {"event": "B"}], "gap": "P9D"})["facts"]
    assert [step["followed_at"] for step in late["first"]["events"]] == [NOON - days(0.5)] * 3
    refunds = {
        "event": "Order Refunded",
        "where": [{"property": "order_id", "op": "=", "value_of": {"first": "order_id"}}],
    }
    tree = explained({"sequence": [{"event": "Order Completed"}, {**refunds, "absent": True}], "gap": "PT48H"})
    shown, followed = tree["facts"]["first"]["events"], [NOON - days(2), None]
    assert (tree["value"], [step["followed_at"] for step in shown]) == (False, followed)
    assert [step["compared"] for step in shown] == [{"order_id": "1"}, {"order_id": "2"}]
    assert "compared" not in late["first"]["events"][0]
    assert _ids(tree["facts"]["second"]["events"]) == [EVENTS[5].message_id, EVENTS[7].message_id]
    assert tree["condition"]["sequence"][1]["where"] == refunds["where"]


def test_a_date_in_a_trait_shows_what_was_found_and_what_day_it_is() -> None:
    tree = explained({"trait_date": "renewal", "from": "P0D", "until": "P0D"})
    facts = tree["facts"]
    assert (tree["value"], facts["found"], facts["local_date"]) == (False, "2026-06-15T20:00:00Z", date(2026, 6, 15))
    assert facts["dates"] == [{"date": date(2026, 6, 16), "recurs": None, "occurrence": None}]


def test_a_change_of_a_trait_shows_what_it_was_and_what_it_is() -> None:
    tree = explained({"trait_changed": "plan", "within": "P7D"})
    assert (tree["kind"], tree["value"], tree["next_at"]) == ("trait_changed", True, NOON + days(4))
    assert tree["facts"]["changes"] == [{"at": NOON - days(3), "from": "free", "to": "gold"}]
    assert (tree["facts"]["now"], tree["facts"]["window"]["after"]) == ("gold", NOON - days(7))


def test_segments_are_explained_once_beside_the_tree() -> None:
    tree = explained({"any": [{"segment": "gold"}] * 2}, gold={"trait": "plan", "op": "=", "value": "gold"})
    gold = {"kind": "segment", "value": True, "next_at": None, "condition": {"segment": "gold"}}
    assert tree["children"] == [gold] * 2
    assert tree["segments"]["gold"]["facts"] == {"found": ["gold"]}


def _ids(events: Any) -> list[str]:
    return [event["message_id"] for event in events]


def test_every_number_shows_the_events_behind_it() -> None:
    facts = explained({"event": "A", "aggregate": "max", "property": "p", "within": "P7D", "op": ">", "value": 2})[
        "facts"
    ]
    assert [(event["timestamp"], event["value"]) for event in facts["events"]] == [
        (NOON - days(2), 2),
        (NOON - days(1), Decimal("0.1")),
    ]
    assert _ids(facts["events"]) == [EVENTS[1].message_id, EVENTS[0].message_id]
    minus = {"event": "B", "property": "p"}
    net = {"event": "A", "aggregate": "sum", "property": "p", "minus": minus, "op": ">", "value": 0}
    assert _ids(explained(net)["facts"]["minus_events"]) == [EVENTS[3].message_id]
    steps = explained({"sequence": [{"event": "A"}, {"event": "B"}], "gap": "P1D"})["facts"]
    assert (len(steps["first"]["events"]), _ids(steps["second"]["events"])) == (3, [EVENTS[3].message_id])
    orders = explained({"spend": "total", "op": ">", "value": 1})["facts"]["orders"]
    assert _ids(orders[0]["events"]) == [EVENTS[4].message_id, EVENTS[5].message_id]


def test_of_many_events_the_newest_hundred_are_shown() -> None:
    many = [event("A", days(0.001 * number)) for number in range(150)]
    definition = define(parse({"event": "A", "op": ">", "value": 1}), {})
    facts: Any = explain(definition, many, FACTS, NOON)["facts"]
    assert (facts["count"], len(facts["events"])) == (150, 100)
    assert facts["events"][-1]["timestamp"] == NOON


def test_every_node_says_when_it_may_next_change_by_itself() -> None:
    count = {"event": "A", "within": "P7D", "op": ">=", "value": 1}
    tree = explained(
        {"any": [{"all": [count, {"not": {**count, "within": "P5D"}}]}, {"segment": "b"}]},
        b={"event": "B", "within": "P3D", "op": "=", "value": 1},
    )
    inner, referred = tree["children"]
    assert [child["next_at"] for child in inner["children"]] == [NOON + days(6), NOON + days(4)]
    assert inner["next_at"] == NOON + days(4)
    assert referred["next_at"] == tree["segments"]["b"]["next_at"] == NOON + days(2.5)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(generated.conditions(lasting=()), generated.histories, generated.facts, generated.instants)
def test_an_explanation_agrees_with_the_reference_and_can_be_written(
    written: object, events: list[Event], facts: ProfileFacts, t: Any
) -> None:
    definition = define(parse(written), {})
    tree = explain(definition, events, facts, t)
    assert tree["value"] is is_true(definition, events, facts, t)
    assert json.loads(json.dumps(tree))["value"] is tree["value"]
