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
