"""`kill -9` of anything at random moments under load: what was answered with 200 is there, once, with all that follows."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.plumbing import json
from tests.flow.story import consenting, order, thank_spenders
from tests.support.deployment import Deployment
from tests.support.waiting import until

USERS = [f"user{number}" for number in range(40)]
VICTIMS = ("events", "profiles", "segments", "messaging", "postgres")


class Shop:
    """A client that behaves as an SDK does: it sends a batch again until it is answered with 200."""

    def __init__(self, deployment: Deployment, *, seed: int) -> None:
        self._deployment = deployment
        self._dice = random.Random(seed)
        self._name = f"shop{seed}"
        self._number = 0
        self.stopped = False
        self.accepted: list[dict[str, Any]] = []

    async def run(self) -> None:
        """Send batches until stopped; the last one is always seen through."""
        async with httpx.AsyncClient(timeout=5, auth=(self._deployment.write_key, "")) as client:
            while not self.stopped:
                batch = [self._order() for _ in range(10)]
                await self._until_accepted(client, batch)
                self.accepted += batch
                await asyncio.sleep(0.02)

    def _order(self) -> dict[str, Any]:
        self._number += 1
        return order(self._dice.choice(USERS), f"{self._name}-{self._number}", self._dice.randrange(1, 4))

    async def _until_accepted(self, client: httpx.AsyncClient, batch: list[dict[str, Any]]) -> None:
        for _ in range(600):
            with suppress(httpx.HTTPError):
                answer = await client.post(
                    self._deployment.urls["events"] + "/v1/batch", content=json.dumps({"batch": batch})
                )
                assert answer.status_code in (200, 429, 503), f"a passing fault was answered with {answer.status_code}"
                if answer.status_code == 200:
                    return
            await asyncio.sleep(0.1)
        raise AssertionError("no answer for a minute")


async def _everything_is_as_if_nothing_had_happened(deployment: Deployment, shops: list[Shop]) -> None:
    await deployment.settle(seconds=60)
    sent = [message for shop in shops for message in shop.accepted]
    spent: dict[str, Decimal] = defaultdict(Decimal)
    for message in sent:
        spent[message["userId"]] += message["properties"]["total"]
    for user in USERS:
        profile = await deployment.profile(user)
        path = f"/v1/events?profile_id={profile['id']}&name=Order%20Completed&limit=1000"
        stored = [event["message_id"] for event in await deployment.items("events", path)]
        assert sorted(stored) == sorted(m["messageId"] for m in sent if m["userId"] == user)
    expected = {user for user, total in spent.items() if total >= 100}
    assert await deployment.members("spenders") == expected
    mails = sorted(mail["to"] for mail in await deployment.items("messaging", "/v1/mailbox?limit=1000"))
    assert mails == sorted(f"{user}@example.com" for user in expected)


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncIterator[Deployment]:
    async with Deployment(tmp_path / "home") as running:
        await thank_spenders(running)
        await asyncio.gather(*(consenting(running, user) for user in USERS))
        yield running


async def _kill_one_after_the_other(deployment: Deployment) -> None:
    dice = random.Random()
    for victim in dice.sample(VICTIMS, len(VICTIMS)):
        await asyncio.sleep(dice.uniform(0.2, 1.5))
        deployment.kill(victim)
        await asyncio.sleep(dice.uniform(0, 0.5))


@pytest.mark.once
@pytest.mark.slow
@pytest.mark.timeout(280)
async def test_neither_stopping_nor_killing_anything_at_random_moments_loses_or_doubles_what_was_accepted(
    deployment: Deployment,
) -> None:
    shops = [Shop(deployment, seed=seed) for seed in range(3)]
    async with asyncio.TaskGroup() as tasks:
        for shop in shops:
            tasks.create_task(shop.run())
        await _until_each_was_answered(shops)
        assert await deployment.stop() == 0
        await deployment.start()
        await _until_each_was_answered(shops)
        await _kill_one_after_the_other(deployment)
        await _until_each_was_answered(shops)
        await deployment.kill_everything()
        await deployment.start()
        await _until_each_was_answered(shops)
        for shop in shops:
            shop.stopped = True
    await _everything_is_as_if_nothing_had_happened(deployment, shops)


async def _until_each_was_answered(shops: list[Shop]) -> None:
    """Some more batches of each, so that what comes next comes in the middle of traffic."""
    before = [len(shop.accepted) for shop in shops]

    def all_went_on() -> bool:
        return all(len(shop.accepted) >= then + 50 for shop, then in zip(shops, before, strict=True))

    await until(all_went_on, "every shop has more of its batches answered")
