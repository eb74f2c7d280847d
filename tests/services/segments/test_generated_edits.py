"""Generated lives beside edits, with two workers at everything at once and now and then stopped: all agree in the end."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.segments.store.catalogue import RevisionChanged
from shared.plumbing.leases import LeaseLost
from tests.services.segments.standing import Standing, Worker
from tests.services.segments.test_generated import CONDITIONS, EDITS, Life, agree, lives
from tests.support.seeds import seeds

KEYS = ["count", "never", "sum", "spent", "trait", "absent", "ref", "viewed-today"]
ROUNDS = 6


async def _keep(worker: Worker, step: Callable[[], Awaitable[object]]) -> None:
    """Until there is nothing to do."""
    while True:
        try:
            if not await step():
                return
        except LeaseLost:
            await worker.renew()
        except RevisionChanged:
            await asyncio.sleep(0)


async def _tell(segments: Standing, life: Life, rng: random.Random, worker: Worker) -> None:
    """Some at a time, while time passes."""
    for _ in range(8):
        segments.tell(*lives(rng, life, segments.clock.now()))
        await _keep(worker, worker.reader.step)
        if rng.random() < 0.3:
            segments.clock.step(minutes=rng.choice([1, 30, 150]))
        await asyncio.sleep(0)


async def _edit(segments: Standing, conditions: dict[str, Any], rng: random.Random) -> None:
    """One segment or two, more than once."""
    for key, edited in rng.sample(EDITS, 2):
        for condition in rng.sample([edited, CONDITIONS[key], {"not": edited}], rng.choice([1, 2])):
            await segments.call("PUT", f"/v1/segments/{key}", {"condition": condition})
            conditions[key] = condition
            await asyncio.sleep(rng.choice([0, 0.05]))


async def _replace(segments: Standing, conditions: dict[str, Any]) -> None:
    """Another segment takes the key of one that goes."""
    await segments.call("DELETE", "/v1/segments/absent", status=204)
    await segments.define("absent", conditions["absent"], build=False)


async def _build(worker: Worker, rng: random.Random) -> None:
    """What the builder does, cut off again and again."""
    for _ in range(rng.randint(2, 5)):
        building = asyncio.create_task(_keep(worker, worker.builder.step))
        await asyncio.wait([building], timeout=rng.uniform(0, 0.1))
        building.cancel()
        await asyncio.wait([building])
    await _keep(worker, worker.builder.step)


@pytest.mark.parametrize("seed", seeds(1, 2, 3))
async def test_edits_beside_events_and_time_come_to_what_the_whole_history_says(url: str, seed: int) -> None:
    rng, life = random.Random(seed), Life()
    conditions = {key: CONDITIONS[key] for key in KEYS}
    async with Standing(url, batch=20, backfill_batch=3) as segments:
        for key, condition in conditions.items():
            await segments.define(key, condition)
        for _ in range(ROUNDS):
            workers = [segments.worker, await segments.hire("two")]
            async with asyncio.TaskGroup() as at_once:
                at_once.create_task(_edit(segments, conditions, rng))
                at_once.create_task(_tell(segments, life, rng, workers[0]))
                for worker in workers:
                    at_once.create_task(_build(worker, rng))
                    for step in (worker.reader.step, worker.timers.step, worker.planner.step):
                        at_once.create_task(_keep(worker, step))
                if rng.random() < 0.5:
                    at_once.create_task(_replace(segments, conditions))
            segments.clock.step(minutes=1)  # the second is gone, and its leases with it
            await agree(segments, life, conditions)
        edits = await segments.db.fetchval("SELECT count(*) FROM changes WHERE cause ->> 'kind' = 'edit'")
        assert edits > 0
