"""API keys are events' business, and known to the others also when they start while it is away."""

from typing import Any

import pytest

from shared.plumbing import json
from tests.support.waiting import until
from tests.support.world import World

LISTS = {"profiles": "/v1/parked", "segments": "/v1/segments", "messaging": "/v1/campaigns"}


async def _restart(world: World) -> None:
    """The three others, which forget all that they had in memory."""
    for name in LISTS:
        await world.stop(name)
        await world.start(name)


async def _answers(world: World, key: str) -> list[int]:
    asked = (f"http://{name}{path}" for name, path in LISTS.items())
    answers = [await world.http.get(url, headers={"Authorization": f"Bearer {key}"}) for url in asked]
    return [answer.status_code for answer in answers]


async def _make_key(world: World, role: str) -> Any:
    return await world.call("POST", "events", "/v1/keys", {"name": "k", "role": role}, status=201)


@pytest.mark.slow
async def test_a_service_that_starts_while_events_is_away_knows_the_keys(world: World) -> None:
    good, revoked = await _make_key(world, "read"), await _make_key(world, "read")
    assert await _answers(world, good["key"]) == [200, 200, 200]
    await world.stop("events")
    await _restart(world)
    assert await _answers(world, good["key"]) == [200, 200, 200]
    assert await _answers(world, "never made") == [401, 401, 401]
    body = json.dumps({"key": "x"})
    refused = await world.http.post(
        "http://messaging/v1/templates", content=body, headers={"Authorization": f"Bearer {good['key']}"}
    )
    assert refused.status_code == 403

    await world.start("events")
    await world.call("DELETE", "events", f"/v1/keys/{revoked['id']}", status=204)

    async def nobody_takes_it() -> bool:
        return await _answers(world, revoked["key"]) == [401, 401, 401]

    await until(nobody_takes_it, "a revoked key is good for nothing")
    assert await _answers(world, good["key"]) == [200, 200, 200]
    await world.stop("events")
    await _restart(world)
    assert await _answers(world, revoked["key"]) == [401, 401, 401]
    assert await _answers(world, good["key"]) == [200, 200, 200]
