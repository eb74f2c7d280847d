"""The whole service with its loops, as it is started."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx

from services.segments.app import create_app
from shared.plumbing import json
from shared.plumbing.clock import ShiftedClock
from tests.services.segments.standing import KEY, Others, settings_of
from tests.services.segments.told import did, known
from tests.support.kept import open_kept


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await holds():  # noqa: ASYNC110 (another service sets no event of ours)
            await asyncio.sleep(0.02)


async def test_it_follows_the_feed_builds_and_lets_time_pass_by_itself(url: str) -> None:
    others, clock = Others(), ShiftedClock()
    app = create_app(settings_of(url, role="all"), clock=clock, transport=others, open_database=open_kept)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://segments", headers=headers) as http:
            condition = {"event": "A", "within": "PT1H", "op": ">=", "value": 1}
            made = await http.post("/v1/segments", json={"key": "recent", "condition": condition})
            assert made.status_code == 201

            async def shows(status: str, size: int) -> bool:
                shown = json.loads((await http.get("/v1/segments/recent")).content)
                return (shown["status"], shown["size"]) == (status, size)

            await _until(lambda: shows("live", 0))
            others.tell(did("ann", "A", clock.now(), profile=known("ann")))
            await _until(lambda: shows("live", 1))
            clock.step(timedelta(hours=1))
            await _until(lambda: shows("live", 0))
            docs = json.loads((await http.get("/openapi.json")).content)
            assert "/v1/segments/{key}/explain" in docs["paths"]
            assert b"regulars_feed_items_total" in (await http.get("/metrics")).content
