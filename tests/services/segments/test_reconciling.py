"""What is kept is compared with what the history says, and where it differs the leaf is named."""

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from services.segments.service.reconciling import Reconciler
from shared.plumbing.lanes import LANES, lane_of
from tests.services.segments.standing import Standing
from tests.services.segments.test_generated import CONDITIONS, Life, live_through
from tests.services.segments.told import changed, did, person
from tests.support.logged import logged

BOUGHT = {"event": "Order Completed", "op": ">=", "value": 2}
PRO = {"trait": "plan", "op": "=", "value": "pro"}


def reconciler(segments: Standing, *, hour: int = -1, sample: int = 100) -> Reconciler:
    worker = segments.worker
    return Reconciler(
        segments.db, worker.book, worker.work_leases, segments.clock, hour=hour, sample=sample, due=asyncio.Event()
    )


async def reconciled(segments: Standing) -> Any:
    """What a comparison finds."""
    await segments.worker.renew()
    asked = await segments.call("POST", "/v1/reconciliations", {"sample": 100}, status=202)
    assert (asked["status"], asked["progress"], asked["day"]) == ("running", 0, None)
    at_work = reconciler(segments)
    while await at_work.step():
        pass
    newest = (await segments.items("/v1/reconciliations"))[0]
    assert (newest["id"], newest["status"], newest["progress"]) == (asked["id"], "finished", 1)
    return newest


def counted(segment: str) -> float:
    return REGISTRY.get_sample_value("regulars_segment_drift_total", {"segment": segment}) or 0


@pytest.mark.parametrize("seed", [11, 12])
async def test_after_a_generated_life_nothing_differs(segments: Standing, seed: int) -> None:
    life = Life()
    for key, condition in CONDITIONS.items():
        await segments.define(key, condition)
    await live_through(segments, life, random.Random(seed), steps=15)
    segments.clock.step(hours=5)  # time has passed that nobody has looked at yet
    found = await reconciled(segments)
    assert found["profiles"] == len(life.snapshots)
    assert found["drift"] == []


async def test_a_state_that_was_tampered_with_is_found_and_its_leaf_named(
    segments: Standing,
) -> None:
    await segments.define("pros", PRO)
    await segments.define(
        "regulars", {"all": [{"segment": "pros"}, {"any": [BOUGHT, {"event": "Invited", "op": ">", "value": 0}]}]}
    )
    await segments.define("friends", {"not": {"segment": "regulars"}})
    await segments.take(changed("ann", plan="pro"), changed("bob", plan="pro"))
    await segments.take(*(did("ann", "Order Completed") for _ in range(2)), did("bob", "Order Completed"))
    assert (await reconciled(segments))["drift"] == []
    before = counted("regulars")

    other = await segments.db.fetchval("SELECT states FROM profiles WHERE profile_id = $1", person("bob"))
    await segments.db.execute("UPDATE profiles SET states = $2 WHERE profile_id = $1", person("ann"), other)
    with logged() as log:
        found = await reconciled(segments)
    where = {"version": 1, "profiles": 1}
    assert found["drift"] == [
        {"segment": "friends", "leaf": "regulars: all.1.any.0", **where},
        {"segment": "regulars", "leaf": "all.1.any.0", **where},
    ]
    assert counted("regulars") == before + 1
    said = log.getvalue()
    assert '"leaf": "all.1.any.0", "profiles": 1, "event": "segment_drift"' in said
    assert str(person("ann")) not in said


async def test_a_truth_that_its_leaves_do_not_make_is_found(segments: Standing) -> None:
    await segments.define("pros", PRO)
    await segments.define("others", {"not": {"segment": "pros"}})
    await segments.take(changed("ann", plan="pro"))
    await segments.db.execute("UPDATE profiles SET truths = '{}'")
    drift = (await reconciled(segments))["drift"]
    assert drift == [
        {"segment": "pros", "version": 1, "leaf": "membership", "profiles": 1},
        {"segment": "pros", "version": 1, "leaf": "truth", "profiles": 1},
    ]


async def test_a_member_who_is_none_is_found(segments: Standing) -> None:
    await segments.define("pros", PRO)
    await segments.take(changed("ann", plan="pro"), changed("bob", plan="free"))
    await segments.db.execute("DELETE FROM memberships")
    assert [one["leaf"] for one in (await reconciled(segments))["drift"]] == ["membership"]


async def test_it_changes_nothing_and_goes_on_where_another_was_killed(segments: Standing) -> None:
    await segments.define("regulars", BOUGHT)
    await segments.take(*(did(name, "Order Completed") for name in ("ann", "bob") for _ in range(2)))
    await segments.db.execute("UPDATE profiles SET truths = '{}'")
    kept = await segments.db.fetch("SELECT * FROM profiles ORDER BY profile_id")
    asked = await segments.call("POST", "/v1/reconciliations", {}, status=202)
    assert (await segments.call("POST", "/v1/reconciliations", {}, status=202))["id"] == asked["id"]
    at_work, place = reconciler(segments), lane_of(person("ann"))
    for _ in range(place):
        assert await at_work.step()
    heir = await segments.hire("heir")
    segments.worker = heir
    assert not await reconciler(segments).step(), "its lanes are the other's, as long as that one lives"
    segments.clock.step(seconds=11)
    await heir.renew()
    at_work = reconciler(segments)
    for _ in range(LANES - place):
        assert await at_work.step()
    assert not await at_work.step()
    [found] = await segments.items("/v1/reconciliations")
    assert (found["status"], found["profiles"]) == ("finished", 2)
    assert await segments.db.fetch("SELECT * FROM profiles ORDER BY profile_id") == kept


async def test_it_begins_by_itself_once_a_day_at_its_hour(segments: Standing) -> None:
    early, late = reconciler(segments, hour=13), reconciler(segments, hour=12)
    await early._begin_the_days_own()
    assert await segments.items("/v1/reconciliations") == []
    for _ in range(2):
        await late._begin_the_days_own()
    segments.clock.step(hours=24)
    await late._begin_the_days_own()
    await reconciler(segments)._begin_the_days_own()
    days = [one["day"] for one in await segments.items("/v1/reconciliations")]
    today = segments.clock.now().date()
    assert days == [str(today), str(today - timedelta(days=1))]
