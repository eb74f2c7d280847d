"""What request bodies must be, to the letter."""

from typing import Any

import pytest

from tests.services.segments.standing import Standing


async def refused_at(segments: Standing, path: str, body: dict[str, Any]) -> list[list[str]]:
    """Where the one request is refused."""
    refused = await segments.call("POST", path, body, status=422)
    assert refused["code"] == "invalid"
    return [error["loc"] for error in refused["errors"]]


@pytest.mark.parametrize("is_list", ["yes", "true", "", 1, 0, None, []])
async def test_only_true_is_true(segments: Standing, is_list: object) -> None:
    assert await refused_at(segments, "/v1/segments", {"key": "s", "list": is_list}) == [["body", "list"]]
    body = {"key": "s", "condition": {"all": []}, "list": False}
    assert (await segments.call("POST", "/v1/segments", body, status=201))["kind"] == "condition"


@pytest.mark.parametrize("sample", ["20", True, 20.5, 0, None])
async def test_only_a_whole_number_is_one(segments: Standing, sample: object) -> None:
    assert await refused_at(segments, "/v1/reconciliations", {"sample": sample}) == [["body", "sample"]]


@pytest.mark.parametrize("path", ["/v1/reconciliations", "/v1/rebuilds"])
@pytest.mark.parametrize("key", ["samples", "profile_id"])
async def test_an_unknown_key_is_named_and_nothing_begins(segments: Standing, path: str, key: str) -> None:
    assert await refused_at(segments, path, {key: 1}) == [["body", key]]
    assert await segments.items(path) == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/v1/segments/s?dryrun=true", {"condition": {"not": {"all": []}}}),
        ("POST", "/v1/segments?dry_run=true", {"key": "t", "condition": {"all": []}}),
        ("DELETE", "/v1/segments/s?dry_run=true", None),
        ("GET", "/v1/segments/s/changes?since=2026-01-01", None),
        ("GET", "/v1/segments/s/members?as_of=2026-01-01T00:00:00Z", None),
        ("GET", "/v1/segments/s/stats?day=7", None),
        ("GET", "/v1/segments/s/versions?at=2026-01-01T00:00:00Z", None),
    ],
)
async def test_an_unknown_parameter_is_refused_and_nothing_is_done(
    segments: Standing, method: str, path: str, body: Any
) -> None:
    await segments.define("s", {"all": []})
    refused = await segments.call(method, path, body, status=422)
    name = path.partition("?")[2].partition("=")[0]
    assert refused["errors"][0]["loc"] == ["query", name]
    assert refused["detail"].startswith(f"{name}: is not known here; known: ")
    [left] = await segments.items("/v1/segments")
    assert (left["key"], left["newest_version"]) == ("s", 1)


@pytest.mark.parametrize(
    ("path", "body", "detail"),
    [
        (
            "/v1/segments",
            {"key": "s", "condition": {"all": [{"event": "A", "op": "=>", "value": "1"}]}},
            "condition.all.0.op: must be one of =, !=, <, <=, >, >= (1 more in `errors`).",
        ),
        (
            "/v1/segments",
            {"key": "s", "template": {"key": "vip", "parameters": {"ammount": 3}}},
            "template.parameters.ammount: is not known here.",
        ),
        (
            "/v1/changes",
            None,
            "give exactly one of profile_id, user_id, anonymous_id, email, phone, or a namespace of yours.",
        ),
    ],
)
async def test_the_detail_of_a_refusal_says_what_is_wrong_with_the_first(
    segments: Standing, path: str, body: Any, detail: str
) -> None:
    refused = await segments.call("GET" if body is None else "POST", path, body, status=422)
    assert (refused["detail"], refused["message"]) == (detail, detail)
