"""What is accepted is kept once, durable before the answer, and handed on."""

import asyncio
from typing import TypeAlias

import asyncpg

from tests.services.events.conftest import Events, track

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def test_a_batch_is_kept_and_handed_on(events: Events) -> None:
    answer = await events.send(track(properties={"total": 10, "tax": 1}), track("Product Viewed", "bea"))
    assert answer["success"] is True
    assert [item["status"] for item in answer["results"]] == ["accepted", "accepted"]
    messages = {message["user_id"]: message for message in await events.messages()}
    assert messages["ann"]["properties"] == {"total": 10, "tax": 1}
    assert messages["ann"]["name"] == "Order Completed"
    assert messages["ann"]["source"] == "default"
    assert messages["bea"]["name"] == "Product Viewed"


async def test_the_same_batch_from_eight_clients_ten_times_is_kept_once(events: Events, database: Connection) -> None:
    batch = {"batch": [track(messageId=f"m{n}", user=f"u{n % 7}") for n in range(50)]}

    async def client() -> None:
        for _ in range(10):
            assert (await events.post("/v1/batch", batch))["success"]

    await asyncio.gather(*(client() for _ in range(8)))
    assert await database.fetchval("SELECT count(*) FROM log") == 50
    assert len(await events.messages()) == 50


async def test_an_unknown_key_is_refused(events: Events) -> None:
    problem = await events.post("/v1/batch", {"batch": []}, key="cunknown", status=401)
    assert problem["code"] == "unauthorized"
