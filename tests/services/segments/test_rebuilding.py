"""States, truths and memberships are made anew from the history; where nothing was wrong nothing changes."""

import asyncio
import random
from typing import Any

import pytest

from services.segments.service.rebuilding import Rebuilder
from services.segments.store.profiles import PRESENT
from shared.plumbing.lanes import LANES, lane_of
from tests.services.segments.standing import Standing
from tests.services.segments.test_generated import CONDITIONS, Life, live_through
from tests.services.segments.test_reconciling import BOUGHT, PRO, reconciled
from tests.services.segments.told import changed, did, person
from tests.support.seeds import seeds

TABLES = (f"(SELECT {PRESENT} FROM profiles) AS profiles", "memberships", "changes", "history")


def rebuilder(segments: Standing) -> Rebuilder:
    worker = segments.worker
    return Rebuilder(segments.db, worker.book, worker.work_leases, segments.clock, due=asyncio.Event(), at_once=2)


async def rebuilt(segments: Standing, **asked: Any) -> Any:
    """What a rebuild says in the end."""
    await segments.worker.renew()
    begun = await segments.call("POST", "/v1/rebuilds", asked, status=202)
    at_work = rebuilder(segments)
    while await at_work.step():
        pass
    newest = (await segments.items("/v1/rebuilds"))[0]
    assert (newest["id"], newest["status"], newest["progress"]) == (begun["id"], "finished", 1)
    return newest


async def rows(segments: Standing) -> dict[str, Any]:
    """What is kept, whether or not there is a plan of what comes next."""
    found = {table: await segments.db.fetch(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in TABLES}
    return {table: [{**row, "plan_at": None} for row in rows] for table, rows in found.items()}


@pytest.mark.parametrize("seed", seeds(21, 22))
async def test_after_a_generated_life_a_rebuild_changes_nothing_and_tampering_is_put_right(
    segments: Standing, seed: int
) -> None:
    life = Life()
    for key, condition in CONDITIONS.items():
        await segments.define(key, condition)
    await live_through(segments, life, random.Random(seed), steps=15)
    await segments.worker.work()
    before = await rows(segments)
    found = await rebuilt(segments)
    assert (found["profiles"], found["repaired"]) == (len(life.snapshots), 0)
    assert await rows(segments) == before

    await segments.db.execute(
        "UPDATE profiles SET truths = '{}', next_due_at = NULL, states = (SELECT min(states::text)::json FROM profiles)"
    )
    await segments.db.execute("DELETE FROM memberships WHERE lane % 2 = 0")
    assert (await rebuilt(segments))["repaired"] > 0
    for hours in (0, 7, 50):
        await segments.later(hours=hours)
        for key in CONDITIONS:
            assert await segments.members(key) == life.members(CONDITIONS, key, segments.clock.now()), key
    assert (await reconciled(segments))["drift"] == []


async def test_what_is_put_right_has_a_cause_that_no_campaign_speaks_of(segments: Standing) -> None:
    await segments.define("regulars", BOUGHT)
    await segments.take(*(did("ann", "Order Completed") for _ in range(2)))
    await segments.db.execute("UPDATE profiles SET truths = '{}'")
    await segments.db.execute("DELETE FROM memberships")
    await segments.db.execute("DELETE FROM changes")
    assert (await rebuilt(segments))["repaired"] == 1
    assert [(change, kind) for change, kind, _ in await segments.changes("regulars")] == [("entered", "backfill")]
    assert await segments.members("regulars") == {person("ann")}


async def test_what_is_due_by_time_is_still_times_doing(segments: Standing) -> None:
    await segments.define("recent", {"event": "A", "within": "PT1H", "op": ">=", "value": 1})
    await segments.take(did("ann", "A"))
    at = segments.clock.now()
    segments.clock.step(hours=2)
    await rebuilt(segments)
    changes = await segments.changes("recent")
    assert [(change, kind) for change, kind, _ in changes] == [("entered", "event"), ("left", "time")]
    assert (changes[1][2] - at).total_seconds() == 3600


async def test_only_those_who_are_named_are_made_anew(segments: Standing) -> None:
    await segments.define("pros", PRO)
    await segments.take(changed("ann", plan="pro"), changed("bob", plan="pro"))
    await segments.db.execute("UPDATE profiles SET truths = '{}'")
    await segments.db.execute("DELETE FROM memberships")
    found = await rebuilt(segments, profile_ids=[str(person("ann"))])
    assert (found["profiles"], found["repaired"]) == (1, 1)
    assert await segments.members("pros") == {person("ann")}
    assert await segments.db.fetchval("SELECT profile_ids FROM rebuilds") is None, "nobody is remembered"


async def test_another_worker_goes_on_where_one_was_killed(segments: Standing) -> None:
    await segments.define("pros", PRO)
    names = [f"person-{n}" for n in range(12)]
    await segments.take(*(changed(name, plan="pro") for name in names))
    await segments.db.execute("UPDATE profiles SET truths = '{}'")
    await segments.db.execute("DELETE FROM memberships")
    await segments.call("POST", "/v1/rebuilds", {}, status=202)
    at_work = rebuilder(segments)
    for _ in range(LANES // 2):
        assert await at_work.step()
    assert 0 < len(await segments.members("pros")) < len(names)
    segments.worker = await segments.hire("heir")
    segments.clock.step(seconds=11)
    await segments.worker.renew()
    at_work = rebuilder(segments)
    while await at_work.step():
        pass
    [found] = await segments.items("/v1/rebuilds")
    assert (found["profiles"], found["repaired"]) == (len(names), len(names))
    assert await segments.members("pros") == {person(name) for name in names}
    assert len({lane_of(person(name)) for name in names}) > 1
