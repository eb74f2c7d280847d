"""What event schemas may be, and what they say of an event."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from services.events.domain.message import read_message
from services.events.domain.plan import EventSchema, InvalidSchema, Plan, Plans, judge
from services.events.domain.records import Limits, Origin, Record, Refusal, Violation
from services.events.domain.schema_check import MAX_BYTES, MAX_DEPTH, MAX_PATTERNS, MAX_PLACES
from services.events.domain.usual import UsualWire
from shared.plumbing import json

ORIGIN = Origin("web", datetime(2026, 11, 20, 12, 0, tzinfo=UTC))


def schema(given: dict[str, Any], *, event: str = "Order Completed", **more: Any) -> EventSchema:
    return EventSchema(event, given, rejects=more.pop("rejects", False), sources=more.pop("sources", None))


def record(properties: Any = None, **more: Any) -> Record:
    message = {
        "type": "track",
        "event": "Order Completed",
        "messageId": "m1",
        "userId": "ann",
        "properties": properties,
    }
    found = read_message(json.dumps(message | more), ORIGIN, make_id=lambda: "made", limits=Limits())
    assert isinstance(found, Record)
    return found


def broken(given: dict[str, Any], properties: Any) -> set[tuple[str, str, str]]:
    return {(v.path, v.rule, v.message) for v in schema(given).violations(record(properties).payload)}


def faults(given: dict[str, Any]) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(InvalidSchema) as caught:
        schema(given)
    return [(fault.place, fault.message) for fault in caught.value.faults]


# --- what is said of an event


@pytest.mark.parametrize(
    ("given", "properties", "expected"),
    [
        ({"required": ["a"]}, {}, {("a", "required", "must be there")}),
        ({"required": ["a"]}, None, {("a", "required", "must be there")}),
        ({"properties": {"a": {"type": "string"}}}, {"a": 5}, {("a", "type", "must be string")}),
        (
            {"properties": {"a": {"type": ["string", "null"]}}},
            {"a": 5},
            {("a", "type", "must be null or string")},
        ),
        ({"properties": {"a": {"enum": ["x", 1]}}}, {"a": 5}, {("a", "enum", 'must be one of ["x",1]')}),
        ({"properties": {"a": {"const": "x"}}}, {"a": 5}, {("a", "const", 'must be "x"')}),
        ({"properties": {"a": {"minimum": 0}}}, {"a": -5}, {("a", "minimum", "must be at least 0")}),
        ({"properties": {"a": {"exclusiveMaximum": 3}}}, {"a": 3}, {("a", "exclusiveMaximum", "must be less than 3")}),
        ({"properties": {"a": {"maxLength": 2}}}, {"a": "xyz"}, {("a", "maxLength", "must have at most 2 characters")}),
        ({"properties": {"a": {"pattern": "^x$"}}}, {"a": "y"}, {("a", "pattern", "must match ^x$")}),
        ({"properties": {"a": {"format": "date"}}}, {"a": "y"}, {("a", "format", "must be in the format date")}),
        (
            {"properties": {"a": {"uniqueItems": True}}},
            {"a": [1, 1]},
            {("a", "uniqueItems", "must not have an element twice")},
        ),
        ({"properties": {"a": False}}, {"a": 1}, {("a", "false", "must not be there")}),
        (
            {"properties": {"a": {}, "b": {}}, "dependentRequired": {"a": ["b"]}},
            {"a": 1},
            {("b", "dependentRequired", "must be there beside another")},
        ),
        (
            {"properties": {"l": {"items": {"properties": {"sku": {"type": "string"}}}}}},
            {"l": [{"sku": 1}, {"sku": 2}]},
            {("l.*.sku", "type", "must be string")},
        ),
        (
            {"properties": {"a": {"anyOf": [{"type": "string"}, {"minimum": 5}]}}},
            {"a": 1},
            {("a", "anyOf", "must fit one of the schemas in anyOf")},
        ),
        (
            {"$defs": {"n": {"type": "number"}}, "properties": {"a": {"$ref": "#/$defs/n"}}},
            {"a": ""},
            {("a", "type", "must be number")},
        ),
    ],
)
def test_what_is_broken_is_told_by_path_and_rule(
    given: dict[str, Any], properties: Any, expected: set[tuple[str, str, str]]
) -> None:
    assert broken(given, properties) == expected


def test_every_rule_can_be_told() -> None:
    given = {
        "properties": {
            "contains": {"contains": {"const": 1}},
            "many": {"contains": {"const": 1}, "minContains": 2},
            "few": {"contains": {"const": 1}, "maxContains": 1},
            "not": {"not": {"const": 1}},
            "one": {"oneOf": [{}, {}]},
            "more": {"properties": {"x": {}}, "unevaluatedProperties": False},
            "names": {"propertyNames": {"maxLength": 2}},
            "list": {"prefixItems": [{}], "unevaluatedItems": False},
            "multiple": {"multipleOf": 3},
            "size": {"minProperties": 2},
            "items": {"minItems": 2},
            "then": {"if": {"type": "object"}, "then": {"required": ["x"]}},
        }
    }
    properties = {
        "contains": [], "many": [1], "few": [1, 1], "not": 1, "one": 1, "more": {"y": 1}, "names": {"long": 1}, "list": [1, 2],
        "multiple": 4, "size": {}, "items": [], "then": {},
    }  # fmt: skip
    found = schema(given).violations(record(properties).payload)
    assert {violation.path for violation in found} == {*given["properties"], "then.x"} - {"then"}
    assert [violation for violation in found if violation.message.startswith("breaks")] == []
    rules = {violation.path: violation.rule for violation in found}
    assert (rules["many"], rules["few"], rules["more"]) == ("minContains", "maxContains", "unevaluatedProperties")


def test_nothing_of_the_events_own_words_is_told() -> None:
    given = {
        "type": "object",
        "properties": {
            "name": {"enum": ["x"]},
            "by_person": {"additionalProperties": {"type": "number"}},
            "n": {"maxLength": 1},
        },
        "patternProperties": {"^ann": {"type": "number"}},
        "propertyNames": {"maxLength": 10},
        "additionalProperties": False,
    }
    own = {
        "name": "Ann Secret",
        "by_person": {"ann@secret": "secret"},
        "ann_secret": "secret",
        "secret_surname": 1,
        "n": "secret",
    }
    found = schema(given, rejects=True).violations(record(own).payload)
    assert {(v.path, v.rule) for v in found} == {
        ("name", "enum"),
        ("by_person.*", "type"),
        ("*", "type"),
        ("", "additionalProperties"),
        ("", "propertyNames"),
        ("n", "maxLength"),
    }
    refusal = judge(record(own), Plan([schema(given, rejects=True)]))
    assert isinstance(refusal, Refusal)
    assert "ecret" not in str(found) + refusal.detail


def test_numbers_are_compared_exactly() -> None:
    cents = {"properties": {"total": {"multipleOf": json.loads("0.01"), "maximum": json.loads("0.3")}}}
    assert broken(cents, {"total": json.loads("0.29")}) == set()
    assert broken(cents, {"total": json.loads("0.30000000000000000000000001")}) != set()
    assert broken({"properties": {"n": {"type": "integer"}}}, {"n": 10**39}) == set()
    assert broken({"properties": {"n": {"maximum": 5}}}, {"n": json.loads("1e100")}) != set()


def test_an_event_that_breaks_everything_is_told_in_short() -> None:
    wide = {"properties": {f"p{n}": {"type": "string"} for n in range(100)}}
    assert len(broken(wide, {f"p{n}": 1 for n in range(100)})) == 20
    large = {"properties": {"l": {"items": {"type": "string"}}, "m": {"type": "string"}}}
    assert len(broken(large, {"l": list(range(6000)), "m": 1})) == 1
    long = {"properties": {"a": {"enum": ["x" * 300]}}}
    [(_, _, message)] = broken(long, {"a": 1})
    assert len(message) == 200


def test_what_nests_too_deeply_to_say_where_breaks_its_schema_all_the_same() -> None:
    deep: Any = {}
    for _ in range(400):
        deep = {"a": deep}
    found = schema({"required": ["b"]}).violations(json.dumps({"properties": deep}))
    assert [violation.rule for violation in found] == ["depth"]


# --- whom it concerns


def test_only_named_events_of_these_sources_are_looked_at() -> None:
    plans = Plans([schema({"required": ["a"]}, sources=["web"]), schema({"required": ["url"]}, event="Page Viewed")])
    order = judge(record({}), plans.of("web"))
    assert isinstance(order, Record)
    assert order.violations == (Violation("Order Completed", "a", "required", "must be there"),)
    assert msgspec.structs.replace(order, violations=()) == record({})
    assert judge(record({}), plans.of("ios")) == record({})
    assert judge(record({}, event="Other"), plans.of("web")) == record({}, event="Other")
    assert judge(record({}, type="identify"), plans.of("web")) == record({}, type="identify")
    page = judge(record({}, type="page", name="Home"), plans.of("ios"))
    assert isinstance(page, Record)
    assert [violation.path for violation in page.violations] == ["url"]


def test_a_refusal_says_path_and_rule() -> None:
    plan = Plan([schema({"required": ["a", "b", "c", "d"], "type": "object"}, rejects=True)])
    refusal = judge(record({"b": 1}), plan)
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.message_id, refusal.user_id) == ("schema_violation", "m1", "ann")
    assert refusal.detail.startswith("The event breaks its schema: `a` must be there (required); ")
    assert judge(refusal, plan) is refusal


def test_the_fast_way_is_left_only_for_events_with_a_schema() -> None:
    def wire(**fields: Any) -> UsualWire:
        return UsualWire(message_id="m", **fields)

    order, other = wire(type="track", event="Order Completed"), wire(type="track", event="Other")
    page, identify = wire(type="page"), wire(type="identify")
    plan = Plan([schema({})])
    assert plan.speaks_of([other, order])
    assert not plan.speaks_of([other, page, identify])
    assert Plan([schema({}, event="Page Viewed")]).speaks_of([other, page])
    assert not Plan([schema({}, event="Page Viewed")]).speaks_of([other, identify])
    assert not Plan([]).speaks_of([order, page])


# --- what a schema may be


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"type": "strin"}, ("type",)),
        ({"properties": {"a": {"minimum": "x"}}}, ("properties", "a", "minimum")),
        ({"properties": {"a": {"pattern": "("}}}, ("properties", "a", "pattern")),
        ({"properties": {"a": {"pattern": "(?=a)b"}}}, ("properties", "a", "pattern")),
        ({"properties": {"a": {"pattern": r"(a)\1"}}}, ("properties", "a", "pattern")),
        ({"properties": {"a": {"pattern": "(a{1000}){1000}"}}}, ("properties", "a", "pattern")),
        ({"properties": {"a": {"format": "datetime"}}}, ("properties", "a", "format")),
        ({"properties": {"a": {"format": "regex"}}}, ("properties", "a", "format")),
        ({"$ref": "http://127.0.0.1/schema"}, ("$ref",)),
        ({"items": {"$ref": "file:///etc/passwd"}}, ("items", "$ref")),
        ({"allOf": [{"$ref": "other.json"}]}, ("allOf", 0, "$ref")),
        ({"$ref": "#/$defs/none"}, ("$ref",)),
        ({"$ref": "#"}, ("$ref",)),
        ({"$ref": 5}, ("$ref",)),
        ({"$dynamicRef": "#x"}, ("$dynamicRef",)),
        ({"$schema": "http://127.0.0.1/meta"}, ("$schema",)),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, ("$schema",)),
        (
            {"properties": {"a": {"$id": "http://other/", "$ref": "#/$defs/a"}}, "$defs": {"a": {}}},
            ("properties", "a", "$id"),
        ),
        ({"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}, ()),
    ],
)
def test_what_no_schema_may_be_is_refused_with_its_place(given: dict[str, Any], place: tuple[str | int, ...]) -> None:
    assert [found for found, _ in faults(given)] == [place]


def test_names_of_properties_are_not_taken_for_keywords() -> None:
    given = {
        "properties": {
            "$ref": {"type": "string"},
            "format": {"type": "string"},
            "enum": {"const": {"$ref": "http://x"}},
        }
    }
    assert broken(given, {"$ref": 1}) == {("$ref", "type", "must be string")}


def test_a_schema_that_is_too_much_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(MAX_DEPTH):
        deep = {"not": deep}
    doubling = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)}
    chain = {f"a{n}": {"$ref": f"#/$defs/a{n + 1}"} for n in range(1500)}
    patterns = {f"p{n}": {"pattern": "x"} for n in range(MAX_PATTERNS + 1)}
    assert faults({"description": "x" * MAX_BYTES}) == [((), "larger than 64 KB")]
    assert faults(deep) == [((), f"nested deeper than {MAX_DEPTH} levels")]
    assert str(MAX_PLACES) in faults({"$ref": "#/$defs/a0", "$defs": doubling | {"a40": {}}})[0][1]
    assert "more than 100" in faults({"$ref": "#/$defs/a0", "$defs": chain | {"a1500": {}}})[0][1]
    assert faults({"properties": patterns}) == [((), f"more than {MAX_PATTERNS} patterns")]


def test_no_pattern_takes_long() -> None:
    given = {"properties": {"a": {"pattern": "^(a+)+$"}}}
    assert broken(given, {"a": "a" * 30_000 + "!"}) == {("a", "pattern", "must match ^(a+)+$")}
