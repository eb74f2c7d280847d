"""The SDKs for browsers in Chromium, on a page of another origin."""

import asyncio
import functools
import http.server
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from shared.plumbing import json
from tests.sdk.conftest import FOLDER, StartNode
from tests.sdk.running import RunningEvents, Source
from tests.sdk.story import EVERYTHING, STORY, Event, check, library

pytestmark = pytest.mark.browser
LOADS_WITHIN = 60  # seconds
BATCHING = {"Segment.io": {"deliveryStrategy": {"strategy": "batching", "config": {"size": 10, "timeout": 300}}}}
Tell = Callable[..., Awaitable[dict[str, Event]]]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves the pages, and the SDKs as they lie in node_modules."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name is given)
        pass


@pytest.fixture(scope="module")
def pages() -> Iterator[str]:
    handler = functools.partial(Quiet, directory=str(FOLDER))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/browser"
        server.shutdown()
        thread.join()


@asynccontextmanager
async def open_page(start_node: StartNode, **given: Any) -> AsyncIterator[None]:
    """Chromium on the page, when that has told its story; afterwards nothing may have gone wrong in it."""
    async with start_node("browse.mjs", **given) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        told = await asyncio.wait_for(process.stdout.readline(), LOADS_WITHIN)
        assert told == b"told\n", told + await process.stdout.read()
        yield
        process.stdin.close()
        assert json.loads(await process.stdout.read()) == []


@pytest.fixture
def tell(
    events: RunningEvents, source: Source, start_node: StartNode, chromium: str, pages: str, short_path: Path
) -> Tell:
    """`await tell("rudder.html", *kinds, options=…)`: what is found when the page has told the story, by type."""

    async def run(page: str, *kinds: str, **more: Any) -> dict[str, Event]:
        given = {"chromium": chromium, "profile": str(short_path / "profile"), "host": events.url, "options": {}}
        async with open_page(start_node, page=f"{pages}/{page}", key=source.write_key, **(given | more)):
            found = check(await events.stored(source, len(kinds)), source, *kinds)
        assert len({event["anonymous_id"] for event in found.values() if event["type"] != "alias"}) == 1
        assert found["track"]["context"]["userAgent"]
        assert found["page"]["context"]["page"]["url"] == f"{pages}/{page}"
        return found

    return run


@pytest.mark.parametrize("integrations", [{}, BATCHING], ids=["one by one", "in batches"])
async def test_segment(tell: Tell, integrations: Any) -> None:
    found = await tell("segment.html", *EVERYTHING, options={"integrations": integrations})
    assert library(found["track"]) == "analytics.js"
    assert found["page"]["properties"]["category"] == STORY["page"]["category"]
    assert found["track"]["message_id"].startswith("ajs-next-")


async def test_segment_by_its_snippet(tell: Tell) -> None:
    """The script comes from the service; what was called before it had come is not lost."""
    found = await tell("snippet.html", "identify", "track", "page")
    assert library(found["track"]) == "analytics.js"


@pytest.mark.parametrize(
    ("options", "leave"),
    [
        ({}, False),
        ({"queueOptions": {"batch": {"enabled": True, "flushInterval": 300}}}, False),
        ({"useBeacon": True}, True),
    ],
    ids=["one by one", "in batches", "by beacon when the page is left"],
)
async def test_rudder(tell: Tell, options: Any, leave: bool) -> None:
    kinds = ("identify", "track", "page", "group", "alias")
    found = await tell("rudder.html", *kinds, options=options, leave=leave)
    assert library(found["track"]) == "RudderLabs JavaScript SDK"
