"""What is a condition, what is refused and where, and its one canonical form."""

from datetime import timedelta
from decimal import Decimal

import pytest

from services.segments.domain.condition import All, EventAggregate, LifeEvent, Selection, Sequence, Trait
from services.segments.domain.definition import define, references
from services.segments.domain.parse import parse
from services.segments.domain.render import leaf_key, to_json
from shared.language.errors import ConditionError
from shared.language.predicates import parse_predicates

D = Decimal
BOUGHT = {"event": "Order Completed", "op": ">=", "value": 1}
TRAIT = {"trait": "a", "op": "=", "value": 1}
MOVED = {"trait_changed": "city", "within": "P7D"}
AS_FIRST = {"property": "p", "op": "!=", "value_of": {"first": "a.b"}}


def nested(depth: int) -> object:
    condition: object = TRAIT
    for _ in range(depth - 1):
        condition = {"not": condition}
    return condition


@pytest.mark.parametrize(
    "written",
    [
        {"all": []},
        {"any": [TRAIT, {"not": BOUGHT}]},
        TRAIT,
        {"trait": "a.b", "op": "not_exists"},
        {"trait": "a", "op": "in", "value": []},
        {"trait": "a", "op": "=", "value": {"x": [1]}},
        BOUGHT,
        {"event": ["A", "B"], "where": [{"property": "p", "op": "=", "value": False}], "op": "!=", "value": D("0.5")},
        {"event": [], "op": "=", "value": 0},
        {"event": "A", "aggregate": "avg", "property": "p", "within": "P90D", "op": "<", "value": -1},
        {
            "event": "A",
            "aggregate": "sum",
            "property": "p",
            "minus": {"event": "B", "where": [{"each": "x", "where": []}], "property": "q"},
            "op": ">",
            "value": 1,
        },
        {"spend": "total", "op": ">", "value": 10},
        *({"event": "A", "this": period, "op": ">", "value": 1} for period in ("day", "week", "month", "year")),
        {"spend": "total", "currency": "EUR", "this": "year", "op": ">", "value": 10},
        {"spend": "revenue", "currency": "EUR", "within": "PT5S", "op": ">", "value": 10},
        {"life_event": "birthday", "from": "-P7D", "until": "P0D"},
        {"life_event": "birthday", "subject": "child", "from": "-P366D", "until": "P366D"},
        {"sequence": [{"event": "A"}, {"event": ["B", "C"], "absent": True}], "gap": "PT1H"},
        {"sequence": [{"event": "A", "where": []}, {"event": "B"}], "gap": "PT1H", "within": "P1D"},
        {"segment": "vip"},
        {"bucket": [0, 100], "salt": ""},
        nested(20),
        {"all": [TRAIT] * 499},
        {**BOUGHT, "where": [{"property": "p", "op": ">", "value_of": {"property": "q.r"}}]},
        {**BOUGHT, "where": [{"each": "x", "where": [{"property": "p", "op": "!=", "value_of": {"trait": "t"}}]}]},
        {"sequence": [{"event": "A"}, {"event": "B", "where": [AS_FIRST]}], "gap": "P1D"},
        {"sequence": [{"event": "A"}, {"event": "B", "where": [{"each": "x", "where": [AS_FIRST]}]}], "gap": "P1D"},
        {"for": "P7D", "of": {"all": [TRAIT, {"segment": "vip"}]}},
        {"any": [{"for": "P7D", "of": TRAIT}, {"for": "P7D", "of": {"not": BOUGHT}}]},
        MOVED,
        {"trait_date": "a.b", "from": "-P7D", "until": "P0D"},
        {"trait_date": "a", "from": "-P366D", "until": "P366D", "recurs": "yearly"},
        {"trait_changed": "a.b", "from": 1, "to": "x", "within": "PT1H"},
    ],
)
def test_a_condition_is_read_and_written_back_with_the_same_meaning(written: object) -> None:
    condition = parse(written)
    assert parse(to_json(condition)) == condition


def test_defaults_and_durations_are_read() -> None:
    assert parse({**BOUGHT, "within": "P1W"}) == EventAggregate(
        Selection(("Order Completed",)), ">=", 1, within=timedelta(days=7)
    )
    assert parse({**BOUGHT, "this": "week"}) == EventAggregate(Selection(("Order Completed",)), ">=", 1, within="week")
    assert to_json(parse({**BOUGHT, "this": "week"})) == {**BOUGHT, "this": "week"}
    assert parse({"life_event": "k", "from": "-P1W", "until": "P1D"}) == LifeEvent("k", -7, 1)
    sequence = parse({"sequence": [{"event": "A"}, {"event": "B", "absent": False}], "gap": "PT2M"})
    assert sequence == Sequence(Selection(("A",)), Selection(("B",)), timedelta(minutes=2))
    assert parse({"all": [TRAIT]}) == All((Trait("a", "=", 1),))


EVENT = {"event": "A", "op": ">", "value": 1}
SEQUENCE = {"sequence": [{"event": "A"}, {"event": "B"}], "gap": "P1D"}
OTHER = {"property": "p", "op": "=", "value_of": {"property": "q"}}


def stepping(*steps: object) -> object:
    return {"sequence": [*steps], "gap": "P1D"}


def following(where: object) -> object:
    return stepping({"event": "A"}, {"event": "B", "where": [where]})


DATE = {"trait_date": "a", "from": "P0D", "until": "P1D"}
LIFE = {"life_event": "birthday", "from": "P0D", "until": "P1D"}


@pytest.mark.parametrize(
    ("written", "locs"),
    [
        (None, [[]]),
        ([], [[]]),
        ("vip", [[]]),
        ({}, [[]]),
        ({"foo": 1}, [[]]),
        ({"all": [], "any": []}, [[]]),
        ({**TRAIT, "event": "A"}, [[]]),
        ({"property": "a", "op": "exists"}, [[]]),
        ({"all": {}}, [["all"]]),
        ({"all": [TRAIT, 5]}, [["all", 1]]),
        ({"all": [], "x": 1}, [["x"]]),
        ({"not": [TRAIT]}, [["not"]]),
        ({"not": TRAIT, "value": 1}, [["value"]]),
        ({**TRAIT, "extra": 1}, [["extra"]]),
        ({"trait": "a", "op": "="}, [["value"]]),
        ({"trait": "a", "op": "=", "value": None}, [["value"]]),
        ({"trait": "a", "op": "in", "value": "x"}, [["value"]]),
        ({"trait": "a", "op": "like", "value": "x"}, [["op"]]),
        ({"trait": "a", "value": "x"}, [["op"]]),
        ({"trait": ["a"], "op": "exists"}, [["trait"]]),
        ({"trait": "a", "op": "=", "value": D("1." + "1" * 40)}, [["value"]]),
        ({"any": [{"not": {"trait": "a", "op": "="}}, {"trait": 1, "op": "exists"}]}, [["any", 0, "not", "value"], ["any", 1, "trait"]]),
        ({"event": "A"}, [["op"], ["value"]]),
        ({**EVENT, "value": "1"}, [["value"]]),
        ({**EVENT, "value": True}, [["value"]]),
        ({**EVENT, "value": None}, [["value"]]),
        ({**EVENT, "value": 10**40}, [["value"]]),
        ({**EVENT, "value": D("1e-101")}, [["value"]]),
        ({**EVENT, "op": "in", "value": 1}, [["op"]]),
        ({**EVENT, "event": 5}, [["event"]]),
        ({**EVENT, "event": ["A", 5]}, [["event"]]),
        ({**EVENT, "aggregate": "median"}, [["aggregate"]]),
        ({**EVENT, "aggregate": "sum"}, [["property"]]),
        ({**EVENT, "aggregate": "distinct"}, [["property"]]),
        ({**EVENT, "property": 1}, [["property"]]),
        ({**EVENT, "minus": {"event": "B", "property": "p"}}, [["minus"]]),
        ({**EVENT, "aggregate": "avg", "property": "p", "minus": {"event": "B", "property": "p"}}, [["minus"]]),
        ({**EVENT, "aggregate": "sum", "property": "p", "minus": {"event": "B"}}, [["minus", "property"]]),
        ({**EVENT, "aggregate": "sum", "property": "p", "minus": {"property": "p"}}, [["minus", "event"]]),
        ({**EVENT, "aggregate": "sum", "property": "p", "minus": 1}, [["minus"]]),
        ({**EVENT, "aggregate": "sum", "property": "p", "minus": {"event": "B", "property": "p", "op": "="}}, [["minus", "op"]]),
        ({**EVENT, "within": "P0D"}, [["within"]]),
        ({**EVENT, "within": "-P1D"}, [["within"]]),
        ({**EVENT, "within": "P1M"}, [["within"]]),
        ({**EVENT, "within": 90}, [["within"]]),
        ({**EVENT, "within": None}, [["within"]]),
        ({**EVENT, "within": "P36526D"}, [["within"]]),
        ({**EVENT, "this": "day", "within": "P1D"}, [["this"]]),
        ({**EVENT, "this": "quarter"}, [["this"]]),
        ({**EVENT, "this": None}, [["this"]]),
        ({**EVENT, "this": ["day"]}, [["this"]]),
        ({"spend": "total", "op": ">", "value": 1, "this": "Month"}, [["this"]]),
        ({"spend": "total", "op": ">", "value": 1, "this": "month", "within": 5}, [["this"]]),
        ({**SEQUENCE, "this": "day"}, [["this"]]),
        ({**MOVED, "this": "day"}, [["this"]]),
        ({"for": "P7D", "of": TRAIT, "this": "day"}, [["this"]]),
        ({**EVENT, "aggregate": "sum", "property": "p", "minus": {"event": "B", "property": "p", "this": "day"}}, [["minus", "this"]]),
        ({**EVENT, "where": {"property": "a", "op": "exists"}}, [["where"]]),
        ({**EVENT, "where": [{"property": "a", "op": "exists", "y": 1}]}, [["where", 0, "y"]]),
        ({**EVENT, "where": [{"trait": "a", "op": "exists"}]}, [["where", 0]]),
        ({"spend": "net", "op": ">", "value": 1}, [["spend"]]),
        ({"spend": "total", "op": ">", "value": "1"}, [["value"]]),
        ({"spend": "total", "op": ">"}, [["value"]]),
        ({"spend": "total", "op": ">", "value": 1, "currency": 978}, [["currency"]]),
        ({"spend": "total", "op": ">", "value": 1, "where": []}, [["where"]]),
        ({**LIFE, "from": "P2D"}, [["from"]]),
        ({**LIFE, "until": "PT12H"}, [["until"]]),
        ({**LIFE, "until": "P367D"}, [["until"]]),
        ({**LIFE, "from": "-P53W"}, [["from"]]),
        ({"life_event": "birthday", "from": "P0D"}, [["until"]]),
        ({**LIFE, "subject": 1}, [["subject"]]),
        ({**LIFE, "op": "="}, [["op"]]),
        ({**SEQUENCE, "sequence": [{"event": "A"}]}, [["sequence"]]),
        ({**SEQUENCE, "sequence": [{"event": "A"}] * 3}, [["sequence"]]),
        ({**SEQUENCE, "sequence": {"event": "A"}}, [["sequence"], ["sequence"]]),
        ({**SEQUENCE, "sequence": [{"event": "A"}, 1]}, [["sequence", 1]]),
        ({**SEQUENCE, "sequence": [{"event": "A", "absent": True}, {"event": "B"}]}, [["sequence", 0, "absent"]]),
        ({**SEQUENCE, "sequence": [{"event": "A"}, {"event": "B", "absent": 1}]}, [["sequence", 1, "absent"]]),
        ({**SEQUENCE, "sequence": [{"event": "A"}, {"where": []}]}, [["sequence", 1, "event"]]),
        ({**SEQUENCE, "gap": "PT0S"}, [["gap"]]),
        ({**SEQUENCE, "gap": "-P1D"}, [["gap"]]),
        ({**SEQUENCE, "within": "PT0S"}, [["within"]]),
        ({"sequence": SEQUENCE["sequence"]}, [["gap"]]),
        ({"segment": 5}, [["segment"]]),
        ({"segment": "a", "op": "="}, [["op"]]),
        ({"bucket": [0, 10]}, [["salt"]]),
        ({"bucket": [-1, 10], "salt": "s"}, [["bucket"]]),
        ({"bucket": [10, 10], "salt": "s"}, [["bucket"]]),
        ({"bucket": [20, 10], "salt": "s"}, [["bucket"]]),
        ({"bucket": [0, 101], "salt": "s"}, [["bucket"]]),
        ({"bucket": [0, True], "salt": "s"}, [["bucket"]]),
        ({"bucket": ["0", "9"], "salt": "s"}, [["bucket"]]),
        ({"bucket": [0], "salt": "s"}, [["bucket"]]),
        ({"bucket": [0, 9], "salt": 7}, [["salt"]]),
        ({**EVENT, "where": [{**OTHER, "op": "in"}]}, [["where", 0, "op"]]),
        ({**EVENT, "where": [{**OTHER, "op": "exists"}]}, [["where", 0, "op"]]),
        ({**EVENT, "where": [{**OTHER, "value": 1}]}, [["where", 0, "value"]]),
        ({**EVENT, "where": [{**OTHER, "value_of": "q"}]}, [["where", 0, "value_of"]]),
        ({**EVENT, "where": [{**OTHER, "value_of": {}}]}, [["where", 0, "value_of"]]),
        ({**EVENT, "where": [{**OTHER, "value_of": {"property": "a", "trait": "b"}}]}, [["where", 0, "value_of"]]),
        ({**EVENT, "where": [{**OTHER, "value_of": {"context": "a"}}]}, [["where", 0, "value_of"]]),
        ({**EVENT, "where": [{**OTHER, "value_of": {"trait": 5}}]}, [["where", 0, "value_of", "trait"]]),
        ({**EVENT, "where": [{**OTHER, "value_of": {"trait": "a", "op": "="}}]}, [["where", 0, "value_of", "op"]]),
        ({**EVENT, "where": [{"context": "a", "op": "=", "value_of": {"trait": "a"}}]},
         [["where", 0, "value_of"], ["where", 0, "value"]]),
        ({"trait": "a", "op": "=", "value_of": {"trait": "b"}}, [["value_of"], ["value"]]),
        ({**EVENT, "where": [AS_FIRST]}, [["where", 0, "value_of", "first"]]),
        ({**EVENT, "where": [{"each": "x", "where": [AS_FIRST]}]},
         [["where", 0, "where", 0, "value_of", "first"]]),
        ({**EVENT, "aggregate": "sum", "property": "p", "minus": {"event": "B", "property": "p", "where": [AS_FIRST]}},
         [["minus", "where", 0, "value_of", "first"]]),
        (stepping({"event": "A", "where": [AS_FIRST]}, {"event": "B"}), [["sequence", 0, "where", 0, "value_of", "first"]]),
        (stepping({"event": "A", "where": [{"each": "x", "where": [AS_FIRST]}]}, {"event": "B", "where": [AS_FIRST]}),
         [["sequence", 0, "where", 0, "where", 0, "value_of", "first"]]),
        (following({**AS_FIRST, "op": "in"}), [["sequence", 1, "where", 0, "op"]]),
        (following({**AS_FIRST, "op": "exists"}), [["sequence", 1, "where", 0, "op"]]),
        (following({**AS_FIRST, "value": 1}), [["sequence", 1, "where", 0, "value"]]),
        (following({**AS_FIRST, "value_of": {"first": 5}}), [["sequence", 1, "where", 0, "value_of", "first"]]),
        (following({**AS_FIRST, "value_of": {"first": "a", "property": "b"}}), [["sequence", 1, "where", 0, "value_of"]]),
        (following({**AS_FIRST, "value_of": {"first": "a", "op": "="}}), [["sequence", 1, "where", 0, "value_of", "op"]]),
        (following({**AS_FIRST, "value_of": {"second": "a"}}), [["sequence", 1, "where", 0, "value_of"]]),
        (following({"each": "x", "where": [{**AS_FIRST, "op": "in"}]}), [["sequence", 1, "where", 0, "where", 0, "op"]]),
        (following({"context": "p", "op": "=", "value_of": {"first": "a"}}),
         [["sequence", 1, "where", 0, "value_of"], ["sequence", 1, "where", 0, "value"]]),
        ({"trait": "a", "op": "=", "value_of": {"first": "b"}}, [["value_of"], ["value"]]),
        ({"for": "P7D"}, [["of"]]),
        ({"for": "P0D", "of": TRAIT}, [["for"]]),
        ({"for": "-P1D", "of": TRAIT}, [["for"]]),
        ({"for": 7, "of": TRAIT}, [["for"]]),
        ({"for": "P7D", "of": [TRAIT]}, [["of"]]),
        ({"for": "P7D", "of": {"trait": "a"}}, [["of", "op"]]),
        ({"for": "P7D", "of": TRAIT, "op": "="}, [["op"]]),
        ({"for": "P7D", "of": {"not": {"for": "P1D", "of": TRAIT}}}, [["of", "not"]]),
        ({"for": "P7D", "of": nested(20)}, [["of", *["not"] * 19]]),
        ({**DATE, "from": "P2D"}, [["from"]]),
        ({**DATE, "until": "PT12H"}, [["until"]]),
        ({**DATE, "from": "-P367D"}, [["from"]]),
        ({**DATE, "recurs": "monthly"}, [["recurs"]]),
        ({**DATE, "subject": "self"}, [["subject"]]),
        ({**DATE, "trait_date": 5}, [["trait_date"]]),
        ({"trait_date": "a"}, [["from"], ["until"]]),
        ({"trait_changed": "city"}, [["within"]]),
        ({**MOVED, "within": "P0D"}, [["within"]]),
        ({**MOVED, "trait_changed": 5}, [["trait_changed"]]),
        ({**MOVED, "from": None}, [["from"]]),
        ({**MOVED, "to": D("1e-101")}, [["to"]]),
        ({**MOVED, "op": "="}, [["op"]]),
        ({**EVENT, "event": "\x1f"}, [["event"]]),
        ({**EVENT, "event": ["A", "\x1f"]}, [["event"]]),
        ({**SEQUENCE, "sequence": [{"event": "A"}, {"event": "\x1f"}]}, [["sequence", 1, "event"]]),
        (nested(21), [["not"] * 20]),
        ({"all": [TRAIT] * 500}, [["all", 499]]),
        ({"all": [TRAIT] * 600}, [["all", 499]]),
    ],
)  # fmt: skip
def test_a_refusal_names_the_path_of_every_fault(written: object, locs: list[list[object]]) -> None:
    with pytest.raises(ConditionError) as refused:
        parse(written)
    assert [error["loc"] for error in refused.value.errors] == locs


def test_nesting_deeper_than_the_stack_is_refused_like_any_other() -> None:
    with pytest.raises(ConditionError):
        parse(nested(100_000))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({**EVENT, "value": 1}, {**EVENT, "value": D("1.00")}),
        ({**EVENT, "within": "P7D"}, {**EVENT, "within": "P1W"}),
        ({**EVENT, "aggregate": "count", "where": []}, EVENT),
        ({**EVENT, "property": "ignored"}, EVENT),
        ({**EVENT, "event": ["A", "A"]}, EVENT),
        ({**EVENT, "event": ["B", "A"]}, {**EVENT, "event": ["A", "B"]}),
        ({"trait": "a", "op": "exists", "value": 5}, {"trait": "a", "op": "exists"}),
    ],
)
def test_leaves_that_mean_the_same_have_one_key(one: object, other: object) -> None:
    assert leaf_key(parse(one)) == leaf_key(parse(other))  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["1", True, 2, [1], {"a": 1}])
def test_leaves_that_differ_have_different_keys(value: object) -> None:
    assert leaf_key(parse({**TRAIT, "value": value})) != leaf_key(parse(TRAIT))  # type: ignore[arg-type]


def test_references_are_found_with_the_path_of_their_first_mention() -> None:
    condition = parse({"any": [{"not": {"segment": "a"}}, {"segment": "b"}, {"segment": "a"}]})
    assert references(condition) == {"a": ("any", 0, "not", "segment"), "b": ("any", 1, "segment")}


def test_a_definition_holds_all_it_leads_to_with_dependencies_first() -> None:
    known = {
        "c": parse(TRAIT),
        "b": parse({"segment": "c"}),
        "a": parse({"all": [{"segment": "c"}, {"segment": "b"}]}),
        "z": parse(TRAIT),
    }
    assert list(define(parse({"segment": "a"}), known).segments) == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("written", "key", "loc"),
    [
        ({"not": {"segment": "unknown"}}, None, ["not", "segment"]),
        ({"segment": "a"}, "a", ["segment"]),
        ({"any": [{"segment": "z"}, {"segment": "b"}]}, "a", ["any", 1, "segment"]),
    ],
)
def test_unknown_segments_and_cycles_are_refused(written: object, key: str | None, loc: list[object]) -> None:
    known = {"a": parse(TRAIT), "b": parse({"not": {"segment": "a"}}), "z": parse(TRAIT)}
    with pytest.raises(ConditionError) as refused:
        define(parse(written), known, key=key)
    assert [error["loc"] for error in refused.value.errors] == [loc]


def test_a_long_chain_of_segments_is_closed_without_recursion() -> None:
    known = {"s0": parse(TRAIT)} | {f"s{n}": parse({"all": [{"segment": f"s{n - 1}"}] * 2}) for n in range(1, 2000)}
    assert len(define(parse({"segment": "s1999"}), known, key="new").segments) == 2000


LASTING = {"for": "P1D", "of": TRAIT}


@pytest.mark.parametrize(
    ("written", "loc"),
    [
        ({"for": "P7D", "of": {"segment": "lasting"}}, ["of", "segment"]),
        ({"any": [TRAIT, {"for": "P7D", "of": {"not": {"segment": "leads"}}}]}, ["any", 1, "of", "not", "segment"]),
        ({"segment": "lasting"}, None),
        ({"all": [{"for": "P7D", "of": {"segment": "plain"}}, {"segment": "leads"}]}, None),
    ],
)
def test_a_for_that_leads_to_another_is_refused(written: object, loc: list[object] | None) -> None:
    known = {"lasting": parse(LASTING), "leads": parse({"segment": "lasting"}), "plain": parse(TRAIT)}
    if loc is None:
        define(parse(written), known)
        return
    with pytest.raises(ConditionError) as refused:
        define(parse(written), known)
    assert [error["loc"] for error in refused.value.errors] == [loc]


def test_predicates_by_themselves_know_no_traits() -> None:
    assert parse_predicates([OTHER])
    with pytest.raises(ConditionError) as refused:
        parse_predicates([{"each": "x", "where": [{**OTHER, "value_of": {"trait": "t"}}]}], ("where",))
    assert [error["loc"] for error in refused.value.errors] == [["where", 0, "where", 0, "value_of", "trait"]]
    with pytest.raises(ConditionError) as refused:
        parse_predicates([AS_FIRST], ("where",))
    assert refused.value.errors == [
        {"loc": ["where", 0, "value_of", "first"], "msg": "is not known here; known: property"}
    ]
