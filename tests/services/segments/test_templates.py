"""Segments made of ready-made definitions."""

from decimal import Decimal
from typing import Any

from services.segments.domain.templates import TEMPLATES
from tests.services.segments.standing import Standing
from tests.services.segments.told import did, known, person


async def test_templates_are_listed_with_what_they_take(segments: Standing) -> None:
    listed = await segments.items("/v1/segment-templates", limit=4)
    assert [item["key"] for item in listed] == list(TEMPLATES)
    vip = next(item for item in listed if item["key"] == "vip")
    amount = next(each for each in vip["parameters"] if each["name"] == "amount")
    assert (amount["type"], amount["default"], amount["minimum"]) == ("number", 500, Decimal("0.01"))
    await segments.call("GET", "/v1/segment-templates?cursor=Im5vbmUi", status=422)


async def test_every_template_as_it_is_listed_makes_a_segment_with_the_condition_shown(segments: Standing) -> None:
    for item in await segments.items("/v1/segment-templates"):
        given = {each["name"]: each["default"] for each in item["parameters"]}
        body = {"key": item["key"], "template": {"key": item["key"], "parameters": given}}
        made = await segments.call("POST", "/v1/segments", body, status=201)
        assert (made["condition"], made["name"]) == (item["condition"], item["name"])


async def test_a_segment_of_a_template_lives_like_any_other(segments: Standing) -> None:
    body = {"key": "few", "name": "Spent 30", "template": {"key": "spent-lately", "parameters": {"amount": 30}}}
    made = await segments.call("POST", "/v1/segments", body, status=201)
    assert made["name"] == "Spent 30"
    paid = [
        did(name, "Order Completed", total=total, profile=known(name)) for name, total in (("ann", 30), ("ben", 29))
    ]
    await segments.take(*paid)
    assert await segments.members("few") == {person("ann")}
    await segments.later(days=90)
    assert await segments.members("few") == set()


async def test_a_template_is_previewed_and_put_in_the_place_of_a_condition(segments: Standing) -> None:
    await segments.define("some", {"trait": "plan", "op": "=", "value": "pro"})
    await segments.take(did("ann", "Order Completed", total=30, profile=known("ann")))
    few = {"key": "spent-lately", "parameters": {"amount": 30}}
    preview = await segments.call("POST", "/v1/segments/preview", {"template": few})
    assert preview["count"] == 1
    tried = await segments.call("PUT", "/v1/segments/some?dry_run=true", {"template": few})
    assert tried["enter"]["count"] == 1
    edited = await segments.call("PUT", "/v1/segments/some", {"template": few})
    assert edited["condition"] == TEMPLATES["spent-lately"].fill({"amount": 30})
    await segments.worker.work()
    assert await segments.members("some") == {person("ann")}
    both = {"template": few, "condition": {"all": []}}
    for method, path, body, loc in (
        ("PUT", "/v1/segments/some", both, "template"),
        ("POST", "/v1/segments/preview", both, "template"),
        ("POST", "/v1/segments/preview", {}, "condition"),
    ):
        refused = await segments.call(method, path, body, status=422)
        assert [error["loc"] for error in refused["errors"]] == [["body", loc]]


async def test_what_a_template_cannot_be_made_of_is_refused_with_the_place(segments: Standing) -> None:
    bad: list[tuple[dict[str, Any], list[str]]] = [
        ({}, ["body", "condition"]),
        ({"condition": {"all": []}, "template": {"key": "vip"}}, ["body", "template"]),
        ({"template": {"key": "nothing"}}, ["body", "template", "key"]),
        ({"template": {}}, ["body", "template", "key"]),
        ({"template": {"key": "vip", "parameters": {"amount": "1"}}}, ["body", "template", "parameters", "amount"]),
        ({"template": {"key": "vip", "parameters": {"sum": 1}}}, ["body", "template", "parameters", "sum"]),
        ({"template": {"key": "vip", "values": {}}}, ["body", "template", "values"]),
    ]
    for body, loc in bad:
        refused = await segments.call("POST", "/v1/segments", {"key": "s", **body}, status=422)
        assert [error["loc"] for error in refused["errors"]] == [loc]
    await segments.call("GET", "/v1/segments/s", status=404)
