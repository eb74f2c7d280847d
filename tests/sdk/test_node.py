"""The SDKs for Node, as their callers use them."""

from typing import Any

import pytest

from tests.sdk.conftest import RunNode
from tests.sdk.running import RunningEvents, Source
from tests.sdk.story import EVERYTHING, STORY, Event, check, exact, library


async def tell(
    script: str, *kinds: str, events: RunningEvents, source: Source, run_node: RunNode, **more: Any
) -> dict[str, Event]:
    """What is found when the script has told the story, by type."""
    await run_node(script, **({"host": events.url, "key": source.write_key} | more))
    return check(await events.stored(source, len(kinds)), source, *kinds)


async def test_segment(events: RunningEvents, source: Source, run_node: RunNode) -> None:
    found = await tell("segment.mjs", *EVERYTHING, events=events, source=source, run_node=run_node)
    assert library(found["track"]) == "@segment/analytics-node"
    assert found["track"]["message_id"].startswith("node-next-")
    assert found["page"]["properties"]["category"] == STORY["page"]["category"]


async def test_rudder(events: RunningEvents, source: Source, run_node: RunNode) -> None:
    found = await tell("rudder.mjs", *EVERYTHING, events=events, source=source, run_node=run_node)
    assert library(found["track"]) == "analytics-node"
    assert found["track"]["sent_at"] is not None
    assert found["track"]["original_timestamp"] is not None


async def test_customerio(events: RunningEvents, source: Source, run_node: RunNode) -> None:
    found = await tell("customerio.mjs", *EVERYTHING, events=events, source=source, run_node=run_node)
    assert library(found["track"]) == "@customerio/cdp-analytics-node"
    assert found["track"]["sent_at"] is None
    assert found["track"]["timestamp"] == found["track"]["original_timestamp"]


@pytest.mark.parametrize(("s2s", "secret"), [(False, ""), (True, ":secret")])
async def test_jitsu(events: RunningEvents, source: Source, run_node: RunNode, s2s: bool, secret: str) -> None:
    kinds = ("identify", "track", "page", "group")
    given: dict[str, Any] = {"key": source.write_key + secret, "s2s": s2s}
    found = await tell("jitsu.mjs", *kinds, events=events, source=source, run_node=run_node, **given)
    assert library(found["track"]) == "@jitsu/js"
    assert found["track"]["context"]["traits"] == exact(STORY["traits"])


@pytest.mark.parametrize("scheme", ["", "Basic "])
async def test_dittofeed(events: RunningEvents, source: Source, run_node: RunNode, scheme: str) -> None:
    kinds, key = ("identify", "track", "page", "screen"), scheme + source.write_key
    found = await tell("dittofeed.mjs", *kinds, events=events, source=source, run_node=run_node, key=key)
    assert all(event["timestamp"] == event["received_at"] for event in found.values())
