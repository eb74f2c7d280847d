"""What SDKs do when there is trouble, and that nothing is lost and nothing is stored twice by it."""

import asyncio
import re
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from rudderstack.analytics.client import Client as RudderClient
from segment.analytics.client import Client as SegmentClient

from tests.sdk.conftest import RunNode, migrate
from tests.sdk.front import Front
from tests.sdk.running import RunningEvents, Source
from tests.sdk.story import EVERYTHING, check
from tests.sdk.test_python import tell
from tests.support.postgres import MakeDatabase

NO_ROOM = {"REGULARS_DISK_PATH": "/", "REGULARS_DISK_RESERVE_MB": str(10**9)}
REFUSED = re.compile(r"^regulars_ingest_refused_total (\d+)", re.MULTILINE)
PYTHON: dict[str, Callable[..., Any]] = {"segment": SegmentClient, "rudder": RudderClient}


async def _until(done: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(600):
        if await done():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come to that")


@pytest.mark.parametrize("vendor", PYTHON)
async def test_an_answer_that_got_lost_stores_nothing_twice(events: RunningEvents, source: Source, vendor: str) -> None:
    async with Front("127.0.0.1", events.port, losing=2) as front:
        client = PYTHON[vendor](source.write_key, host=f"http://127.0.0.1:{front.port}")
        await asyncio.to_thread(tell, client)
        assert front.losing == 0
    check(await events.stored(source, 6), source, *EVERYTHING)


@pytest.mark.parametrize("script", ["segment.mjs", "rudder.mjs"])
async def test_an_answer_that_got_lost_on_the_way_to_node_stores_nothing_twice(
    events: RunningEvents, source: Source, run_node: RunNode, script: str
) -> None:
    async with Front("127.0.0.1", events.port, losing=1) as front:
        await run_node(script, host=f"http://127.0.0.1:{front.port}", key=source.write_key)
        assert front.losing == 0
    check(await events.stored(source, 6), source, *EVERYTHING)


async def test_a_full_disk_and_a_restart_lose_nothing(own_events: RunningEvents, run_node: RunNode) -> None:
    """429 with Retry-After, then nobody there at all, then room: all SDKs send until it has been taken."""
    sources = {name: await own_events.new_source() for name in ("python", "node")}
    await own_events.end(signal.SIGTERM)
    assert await own_events.start(**NO_ROOM)
    client = SegmentClient(sources["python"].write_key, host=own_events.url)

    async def refused() -> bool:
        found = REFUSED.search((await own_events.http.get(own_events.url + "/metrics")).text)
        return found is not None and int(found[1]) >= 2

    async with asyncio.TaskGroup() as telling:
        telling.create_task(asyncio.to_thread(tell, client))
        telling.create_task(run_node("segment.mjs", host=own_events.url, key=sources["node"].write_key))
        await _until(refused)
        assert not await own_events.items("events", "/v1/events")
        await own_events.end(signal.SIGKILL)
        assert await own_events.start()
    for source in sources.values():
        check(await own_events.stored(source, 6), source, *EVERYTHING)


async def test_a_database_that_was_away_loses_nothing(make_database: MakeDatabase, tmp_path: Path) -> None:
    """503 with Retry-After; what was sent in the meantime is sent again."""
    url = urlsplit(await make_database(migrate))
    if url.hostname is None or url.port is None:
        pytest.skip("the database is not reached over TCP; nothing can stand in between")
    async with Front(url.hostname, url.port) as front:
        between = url._replace(netloc=f"{url.username}:{url.password}@127.0.0.1:{front.port}")
        async with RunningEvents(urlunsplit(between), tmp_path) as events:
            source = await events.new_source()
            client = SegmentClient(source.write_key, host=events.url)
            await front.cut()
            sending = asyncio.create_task(asyncio.to_thread(tell, client))
            await _until(lambda: _is_told_to_wait(client))
            await front.mend()
            await sending
            check(await events.stored(source, 6), source, *EVERYTHING)


async def _is_told_to_wait(client: Any) -> bool:
    return client.consumers[0].rate_limited_until is not None
