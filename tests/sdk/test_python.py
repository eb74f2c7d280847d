"""The SDKs for Python, as their callers use them."""

import asyncio
from typing import Any

import pytest
from rudderstack.analytics.client import Client as RudderClient
from segment.analytics.client import Client as SegmentClient

from tests.sdk.running import RunningEvents, Source
from tests.sdk.story import EVERYTHING, STORY, check, exact, library


def tell(client: Any) -> None:
    """The story, and wait until it has been sent."""
    user, page, group = STORY["user"], STORY["page"], STORY["group"]
    client.identify(user, STORY["traits"])
    client.track(user, STORY["event"], STORY["properties"])
    client.page(user, page["category"], page["name"], page["properties"])
    client.screen(user, None, STORY["screen"]["name"], STORY["screen"]["properties"])
    client.group(user, group["id"], group["traits"])
    client.alias(STORY["before"], user)
    client.flush()
    client.join()


@pytest.mark.parametrize("gzip", [False, True])
async def test_segment(events: RunningEvents, source: Source, gzip: bool) -> None:
    errors: list[Any] = []
    client = SegmentClient(source.write_key, host=events.url, gzip=gzip, on_error=lambda *said: errors.append(said))
    await asyncio.to_thread(tell, client)
    assert not errors
    found = check(await events.stored(source, 6), source, *EVERYTHING)
    assert library(found["track"]) == "analytics-python"
    assert found["page"]["properties"]["category"] == STORY["page"]["category"]
    assert found["track"]["sent_at"] is not None


async def test_rudder(events: RunningEvents, source: Source) -> None:
    errors: list[Any] = []
    client = RudderClient(source.write_key, host=events.url, on_error=lambda *said: errors.append(said))
    assert client.gzip
    await asyncio.to_thread(tell, client)
    assert not errors
    found = check(await events.stored(source, 6), source, *EVERYTHING)
    assert library(found["identify"]) == "analytics-python"
    assert found["identify"]["context"]["traits"] == exact(STORY["traits"])
