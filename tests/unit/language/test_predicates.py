"""Paths, comparisons and predicates, rule by rule."""

from decimal import Decimal

import pytest

from shared.language.compare import Op, holds
from shared.language.errors import ConditionError
from shared.language.paths import find_all, find_one
from shared.language.predicates import all_hold, parse_predicates, predicate_to_json

D = Decimal
CART = {
    "products": [
        {"sku": "A", "quantity": 1, "tags": ["x"]},
        {"sku": "B", "quantity": 3, "tags": ["y", "z"], "parts": [{"id": 7}, {"id": 8}]},
    ],
    "a.b": 1,
    "a": {"b": 2, "c": {"d": None}},
    "none": None,
    "empty": [],
    "mixed": [1, {"sku": "M"}, [{"sku": "N"}], None],
    "words": ["red", "green"],
}


@pytest.mark.parametrize(
    ("op", "found", "value", "expected"),
    [
        ("=", 1, D("1.0"), True),
        ("=", D("0.30"), D("0.3"), True),
        ("=", 1, "1", False),
        ("=", 1, True, False),
        ("=", True, True, True),
        ("=", 0, False, False),
        ("!=", 1, "1", True),
        ("!=", True, True, False),
        ("=", "a", "a", True),
        ("=", ["a"], "a", False),
        ("=", ["a"], ["a"], False),
        ("!=", ["a"], ["a"], True),
        ("=", {"a": 1}, {"a": 1}, False),
        ("<", 1, D("1.0000000000000000000000000000000000001"), True),
        ("<", 10**39 - 1, D(10**39), True),
        ("<", "a", "b", True),
        ("<", "B", "a", True),
        ("<", "\uffff", "\U00010000", True),
        (">", "é", "z", True),
        ("<", "1", 2, False),
        (">=", "1", 2, False),
        ("<", False, True, False),
        (">=", True, True, False),
        ("<=", 2, 2, True),
        (">=", 2, 2, True),
        (">", 2, 2, False),
        ("in", 1, [D("1.00"), "x"], True),
        ("in", "1", [1], False),
        ("in", True, [1], False),
        ("in", ["a"], ["a"], False),
        ("in", "a", [None, ["a"]], False),
        ("not_in", "1", [1], True),
        ("not_in", 1, [1], False),
        ("contains", ["a", 1], D("1.0"), True),
        ("contains", ["a", 1], "1", False),
        ("contains", [True], 1, False),
        ("contains", "abc", "bc", True),
        ("contains", "abc", "", True),
        ("contains", "abc", 1, False),
        ("contains", 123, 2, False),
        ("contains", [{"a": 1}], {"a": 1}, False),
        ("starts_with", "abc", "ab", True),
        ("starts_with", "abc", "bc", False),
        ("starts_with", ["abc"], "abc", False),
        ("starts_with", 12, "1", False),
        ("exists", False, None, True),
        ("exists", [], None, True),
        ("not_exists", 0, None, False),
    ],
)
def test_a_found_value_compares_without_coercion(op: Op, found: object, value: object, expected: bool) -> None:
    assert holds(op, [found], value) is expected


@pytest.mark.parametrize("op", ["=", "<", "<=", ">", ">=", "in", "contains", "starts_with", "exists"])
def test_a_missing_value_makes_every_positive_operator_false(op: Op) -> None:
    assert not holds(op, [], [1] if op == "in" else 1)


@pytest.mark.parametrize("op", ["!=", "not_in", "not_exists"])
def test_a_missing_value_makes_every_negated_operator_true(op: Op) -> None:
    assert holds(op, [], [1] if op == "not_in" else 1)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.b", [1]),
        ("a.c", [{"d": None}]),
        ("a.c.d", []),
        ("a.x.y", []),
        ("none", []),
        ("products.sku", ["A", "B"]),
        ("products.tags", [["x"], ["y", "z"]]),
        ("products.parts.id", [7, 8]),
        ("products.0.sku", []),
        ("products.missing", []),
        ("mixed.sku", ["M"]),
        ("empty", [[]]),
        ("empty.x", []),
        ("words", [["red", "green"]]),
        ("words.x", []),
        ("", []),
    ],
)
def test_a_path_leads_into_objects_and_through_lists_of_them(path: str, found: list[object]) -> None:
    assert find_all(CART, path) == found


def test_a_path_for_one_value_does_not_lead_through_lists() -> None:
    assert find_one(CART, "products.sku") is None
    assert find_one(CART, "a.b") == 1
    assert find_one(CART, "words") == ["red", "green"]
    assert find_one("text", "words") is None


def test_a_whole_dotted_key_that_is_null_still_wins() -> None:
    assert find_all({"a.b": None, "a": {"b": 1}}, "a.b") == []
    assert find_one({"a.b": None, "a": {"b": 1}}, "a.b") is None


def _holds(*predicates: object) -> bool:
    return all_hold(parse_predicates(list(predicates)), CART, {"ip": "::1", "page": {"path": "/x"}})


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        ({"property": "products.sku", "op": "=", "value": "B"}, True),
        ({"property": "products.sku", "op": "!=", "value": "B"}, False),
        ({"property": "products.sku", "op": "!=", "value": "C"}, True),
        ({"property": "products.sku", "op": "in", "value": ["C", "A"]}, True),
        ({"property": "products.sku", "op": "not_in", "value": ["C", "A"]}, False),
        ({"property": "products.parts", "op": "exists"}, True),
        ({"property": "products.parts", "op": "not_exists"}, False),
        ({"property": "products.tags", "op": "contains", "value": "z"}, True),
        ({"property": "products.quantity", "op": ">", "value": 2}, True),
        ({"property": "empty.x", "op": "!=", "value": 2}, True),
        ({"context": "page.path", "op": "=", "value": "/x"}, True),
        ({"context": "products.sku", "op": "exists", "value": None}, False),
        ({"each": "products", "where": [{"property": "sku", "op": "=", "value": "A"}]}, True),
        ({"each": "empty", "where": []}, False),
        ({"each": "products", "where": []}, True),
        ({"each": "a", "where": []}, False),
        ({"each": "missing", "where": [{"property": "x", "op": "not_exists"}]}, False),
        ({"each": "products.parts", "where": [{"property": "id", "op": "exists"}]}, False),
        (
            {"each": "products", "where": [{"each": "parts", "where": [{"property": "id", "op": "=", "value": 8}]}]},
            True,
        ),
        ({"each": "products", "where": [{"context": "ip", "op": "=", "value": "::1"}]}, True),
    ],
)
def test_a_predicate_asks_properties_and_context(predicate: object, expected: bool) -> None:
    assert _holds(predicate) is expected


def test_each_asks_one_and_the_same_element() -> None:
    a, many = {"property": "sku", "op": "=", "value": "A"}, {"property": "quantity", "op": ">=", "value": 3}
    assert not _holds({"each": "products", "where": [a, many]})
    assert _holds(
        {"property": "products.sku", **a, "op": "="} | {"property": "products.sku"},
        {"each": "products", "where": [many]},
    )


def test_predicates_are_written_back_as_they_were_read() -> None:
    written = [
        {"property": "a", "op": "in", "value": [1, "x"]},
        {"each": "p", "where": [{"context": "c", "op": "exists"}]},
    ]
    assert [predicate_to_json(predicate) for predicate in parse_predicates(written)] == written


@pytest.mark.parametrize(
    ("written", "loc"),
    [
        ({}, []),
        ([5], [0]),
        ([{}], [0]),
        ([{"trait": "a", "op": "exists"}], [0]),
        ([{"property": "a", "context": "b", "op": "exists"}], [0]),
        ([{"property": "a", "op": "exists", "x": 1}], [0, "x"]),
        ([{"property": "a"}], [0, "op"]),
        ([{"property": "a", "op": "~", "value": 1}], [0, "op"]),
        ([{"property": "a", "op": ["="], "value": 1}], [0, "op"]),
        ([{"property": "a", "op": "="}], [0, "value"]),
        ([{"property": "a", "op": "=", "value": None}], [0, "value"]),
        ([{"property": "a", "op": "in", "value": "abc"}], [0, "value"]),
        ([{"property": "a", "op": "not_in", "value": {"a": 1}}], [0, "value"]),
        ([{"property": 5, "op": "=", "value": 1}], [0, "property"]),
        ([{"property": "a", "op": "=", "value": D("1e101")}], [0, "value"]),
        ([{"property": "a", "op": "in", "value": [10**40]}], [0, "value"]),
        ([{"property": "a", "op": "=", "value": "\x00"}], [0, "value"]),
        ([{"property": "\ud800", "op": "exists"}], [0, "property"]),
        ([{"each": "a"}], [0, "where"]),
        ([{"each": "a", "where": {}}], [0, "where"]),
        ([{"each": "a", "where": [{"property": "b"}]}], [0, "where", 0, "op"]),
    ],
)
def test_a_refusal_names_the_path_of_the_fault(written: object, loc: list[object]) -> None:
    with pytest.raises(ConditionError) as refused:
        parse_predicates(written, ("where",))
    assert [error["loc"] for error in refused.value.errors] == [["where", *loc]]


def test_every_fault_is_found_at_once() -> None:
    with pytest.raises(ConditionError) as refused:
        parse_predicates([{"property": "a", "op": "?"}, {"each": "b", "where": [{"x": 1}]}])
    assert [error["loc"] for error in refused.value.errors] == [[0, "op"], [1, "where", 0]]


def test_a_value_may_be_nested_deeper_than_the_stack_without_harm() -> None:
    value: object = 1
    for _ in range(100_000):
        value = [value]
    assert parse_predicates([{"property": "a", "op": "=", "value": value}])
