"""Plans: carried out without a look at the profile, and settled by whoever gets hold of it."""

import asyncio
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID

from services.segments.service.passing import carry_out_plans
from services.segments.store.plans import Plan, write_plans
from services.segments.store.profiles import lock_profiles
from shared.plumbing.db import Connection
from shared.plumbing.lanes import lane_of
from tests.services.segments.standing import NOW, Standing
from tests.services.segments.test_reconciling import reconciled
from tests.services.segments.told import changed, did, known, merged, person
from tests.support.waiting import until

BOUGHT = {"event": "Order Completed", "op": ">=", "value": 1}
RECENT = {**BOUGHT, "within": "PT1M"}
ANN = person("ann")
CAME_AND_WENT = [("entered", "event"), ("left", "time")]


async def _one_has_left(segments: Standing) -> None:
    """As was planned."""
    await segments.define("recent", RECENT)
    await segments.take(did("ann", "Order Completed", profile=known("ann")))
    await segments.later(minutes=2)


async def _kinds(segments: Standing, key: str = "recent") -> list[tuple[str, str]]:
    return [change[:2] for change in await segments.changes(key, ANN)]


async def _row(segments: Standing) -> dict[str, Any]:
    return dict(await segments.db.fetchrow("SELECT * FROM profiles WHERE profile_id = $1", ANN) or {})


async def _waiting_for_a_lock(segments: Standing, count: int = 1) -> None:
    async def are_waiting() -> bool:
        waiting: int = await segments.db.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return waiting == count

    await until(are_waiting)


async def test_an_instant_leaves_the_rows_of_profiles_as_they_are(segments: Standing) -> None:
    await segments.define("recent", RECENT)
    await segments.take(did("ann", "Order Completed", profile=known("ann")))
    before = await _row(segments)
    assert before["plan_at"] == NOW + timedelta(minutes=1)
    segments.clock.step(minutes=2)
    await segments.worker.renew()
    assert await segments.worker.timers.step() == 1
    assert await _row(segments) == before
    assert await segments.db.fetchval("SELECT count(*) FROM plans") == 0
    assert await _kinds(segments) == CAME_AND_WENT
    assert await segments.worker.timers.step() == 0
    assert (await reconciled(segments))["drift"] == []


async def test_what_was_carried_out_is_not_told_again(segments: Standing) -> None:
    await _one_has_left(segments)
    await segments.take(did("ann", "Product Viewed", at=segments.clock.now()))
    assert await _kinds(segments) == CAME_AND_WENT
    await segments.take(did("ann", "Order Completed", at=segments.clock.now()))
    assert await _kinds(segments) == [*CAME_AND_WENT, ("entered", "event")]
    await segments.later(minutes=2)
    assert await _kinds(segments) == CAME_AND_WENT * 2
    assert (await reconciled(segments))["drift"] == []


async def test_who_bought_again_before_the_instant_does_not_leave_at_it(segments: Standing) -> None:
    await segments.define("recent", RECENT)
    await segments.take(did("ann", "Order Completed", profile=known("ann")))
    segments.clock.step(seconds=50)
    segments.tell(did("ann", "Order Completed", at=segments.clock.now()))
    await segments.worker.reader.step()
    assert await segments.db.fetchval("SELECT count(*) FROM plans") == 0
    await segments.later(seconds=20)
    assert await segments.members("recent") == {ANN}
    await segments.later(seconds=60)
    assert [change[2] for change in await segments.changes("recent")] == [NOW, NOW + timedelta(seconds=110)]


async def test_an_event_waits_for_the_plan_that_is_being_carried_out(segments: Standing) -> None:
    await segments.define("recent", RECENT)
    await segments.take(did("ann", "Order Completed", profile=known("ann")))
    now, lane, worker = segments.clock.step(minutes=2), lane_of(ANN), segments.worker
    await worker.renew()
    carry_out = partial(carry_out_plans, book=worker.book, leases=worker.work_leases, lane=lane, now=now, limit=10)
    segments.tell(did("ann", "Order Completed", at=now))
    async with segments.db.transaction() as other:
        await other.execute("SELECT FROM memberships WHERE lane = $1 FOR UPDATE", lane)
        carrying = asyncio.create_task(segments.db.run(carry_out))
        await _waiting_for_a_lock(segments)
        taking = asyncio.create_task(worker.reader.step())
        await _waiting_for_a_lock(segments, 2)
    assert await carrying == 1
    await taking
    assert await _kinds(segments) == [*CAME_AND_WENT, ("entered", "event")]
    assert await segments.members("recent") == {ANN}


async def test_a_build_waits_for_the_plan_that_is_being_carried_out_with_no_counter_in_hand(segments: Standing) -> None:
    """Who carries it out wants that counter, too."""
    neighbour = next(name for name in map(str, count()) if lane_of(person(name)) == lane_of(ANN))
    await segments.define("recent", RECENT)
    await segments.take(
        did("ann", "Order Completed", profile=known("ann")), did(neighbour, "Page Viewed", profile=known(neighbour))
    )
    await segments.define("everybody", {"all": []}, build=False)
    now, lane, worker = segments.clock.step(minutes=2), lane_of(ANN), segments.worker
    await worker.renew()
    carry_out = partial(carry_out_plans, book=worker.book, leases=worker.work_leases, lane=lane, now=now, limit=10)
    await segments.db.execute("UPDATE plans SET revision = revision + 1")  # as if it was made since
    async with segments.db.transaction() as other:
        await other.execute("SELECT FROM memberships WHERE lane = $1 FOR UPDATE", lane)
        carrying = asyncio.create_task(segments.db.run(carry_out))
        await _waiting_for_a_lock(segments)
        building = asyncio.create_task(worker.builder.step())
        await _waiting_for_a_lock(segments, 2)
        free = await segments.db.fetch("SELECT 1 FROM lane_heads WHERE lane = $1 FOR UPDATE SKIP LOCKED", lane)
    assert (await carrying, len(free)) == (1, 1)
    await building
    await worker.work()
    assert await segments.members("everybody") == {ANN, person(neighbour)}
    assert await _kinds(segments) == CAME_AND_WENT
    assert await _kinds(segments, "everybody") == [("entered", "backfill")]


async def test_a_plan_made_while_one_waits_for_the_profile_is_not_taken_for_one_carried_out(segments: Standing) -> None:
    await segments.define("bought", BOUGHT)
    await segments.take(did("ann", "Order Completed", profile=known("ann")))
    before, at = await _row(segments), NOW + timedelta(hours=1)
    plan = Plan(lane_of(ANN), ANN, "ann", at, before["revision"], [], [], before["truths"], None)

    async def hold(tx: Connection) -> Any:
        return (await lock_profiles(tx, [ANN]))[ANN]

    async with segments.db.transaction() as planning:
        await lock_profiles(planning, [ANN])
        await write_plans(planning, [plan])
        holding = asyncio.create_task(segments.db.run(hold))
        await _waiting_for_a_lock(segments)
    held = await holding
    assert (held.truths, held.evaluated_at, held.next_due_at) == (before["truths"], before["evaluated_at"], at)
    assert await segments.db.fetchval("SELECT count(*) FROM plans") == 0


async def test_plans_of_rules_that_are_gone_are_made_anew_or_left_to_the_engine(segments: Standing) -> None:
    await segments.define("recent", RECENT)
    await segments.take(*(did(name, "Order Completed", profile=known(name)) for name in ("ann", "bob")))
    revisions = "SELECT DISTINCT revision FROM plans"
    [first] = [row[0] for row in await segments.db.fetch(revisions)]
    await segments.define("other", {"trait": "plan", "op": "exists"}, build=False)
    segments.clock.step(seconds=1)
    await segments.worker.work()
    [second] = [row[0] for row in await segments.db.fetch(revisions)]
    assert second > first
    await segments.define("third", {"trait": "plan", "op": "exists"}, build=False)
    segments.clock.step(minutes=2)
    await segments.worker.renew()
    while await segments.worker.timers.step():
        pass
    assert await segments.members("recent") == set()
    assert await segments.db.fetchval("SELECT count(*) FROM plans") == 0
    assert await _kinds(segments) == CAME_AND_WENT


async def test_new_and_edited_segments_begin_with_what_plans_have_made(segments: Standing) -> None:
    """And with what they have yet to make."""
    await segments.define("lately", {**BOUGHT, "within": "PT1H"})
    await _one_has_left(segments)
    await segments.take(did("bob", "Order Completed", at=segments.clock.now(), profile=known("bob")))
    await segments.define("not-recent", {"not": RECENT})
    assert await segments.members("not-recent") == {ANN}
    await segments.call("PUT", "/v1/segments/lately", {"condition": RECENT})
    await segments.worker.work()
    assert await segments.members("lately") == await segments.members("recent") == {person("bob")}
    await segments.call("PUT", "/v1/segments/recent", {"condition": {**BOUGHT, "within": "P1D"}})
    await segments.worker.work()
    assert await segments.members("recent") == {ANN, person("bob")}
    await segments.later(minutes=2)
    assert await segments.members("lately") == set()
    assert await segments.members("not-recent") == {ANN, person("bob")}
    assert (await reconciled(segments))["drift"] == []


async def test_a_merge_after_the_instant_counts_from_what_it_made(segments: Standing) -> None:
    await _one_has_left(segments)
    await segments.take(changed("old", user_id=None))
    await segments.take(merged("old", "ann"))
    assert await segments.members("recent") == set()
    assert await _kinds(segments) == CAME_AND_WENT


async def test_explain_knows_what_a_plan_has_made(segments: Standing) -> None:
    await _one_has_left(segments)
    told = await segments.call("GET", f"/v1/segments/recent/explain?profile_id={ANN}")
    assert (told["value"], told["last_change"]["cause"]["kind"]) == (False, "time")
    assert UUID(told["profile_id"]) == ANN


async def test_what_has_lasted_is_remembered_through_plans_and_new_segments(url: str) -> None:
    async with Standing(url, plans_ahead=timedelta(minutes=10)) as segments:
        silent = {"event": "Order Completed", "within": "PT1H", "op": "=", "value": 0}
        await segments.define("silent", {"for": "PT2H", "of": silent})
        await segments.take(did("ann", "Order Completed", profile=known("ann")))
        await segments.later(minutes=55)
        await segments.later(minutes=6)
        assert (await _row(segments))["plan_at"] == NOW + timedelta(hours=1)
        await segments.define("other", {"event": "Product Viewed", "op": ">=", "value": 0})
        await segments.later(minutes=30)
        await segments.take(did("ann", "Product Viewed", at=segments.clock.now()))
        await segments.later(minutes=90)
        assert await segments.changes("silent", ANN) == [("entered", "time", NOW + timedelta(hours=3))]


async def test_who_goes_over_after_a_plan_does_so_then_and_not_at_its_instant(segments: Standing) -> None:
    await segments.define("bought", {**BOUGHT, "value": 2})
    await segments.define("recent", RECENT)
    await segments.call("PUT", "/v1/segments/bought", {"condition": BOUGHT})
    worker = segments.worker
    segments.tell(did("ann", "Order Completed", profile=known("ann")))
    await worker.reader.step()
    assert await worker.planner.step() == 1
    segments.clock.step(minutes=2)
    await worker.renew()
    assert await worker.timers.step() == 1
    while await segments.db.fetchval("SELECT count(*) FROM settlings") == 0:
        await worker.builder.step()
    now = segments.clock.step(seconds=5)
    segments.tell(did("ann", "Order Completed", at=now))
    await worker.reader.step()
    assert await segments.changes("bought", ANN) == [("entered", "edit", now)]


async def test_a_look_by_a_clock_that_is_behind_brings_nobody_back(segments: Standing) -> None:
    await segments.define("recent", RECENT)
    await segments.take(did("ann", "Order Completed", profile=known("ann")))
    await segments.later(minutes=1, seconds=2)
    await segments.define("lately", {**BOUGHT, "within": "PT5M"}, build=False)
    segments.clock.step(seconds=-5)
    while await segments.worker.builder.step():
        pass
    assert await segments.members("lately") == {ANN}
    assert (await _row(segments))["evaluated_at"] >= NOW + timedelta(minutes=1)


async def test_nobody_is_planned_for_over_and_over_by_what_is_no_more(url: str) -> None:
    async with Standing(url, plans_ahead=timedelta(minutes=10)) as segments:
        await segments.define("lately", {**BOUGHT, "within": "PT1H"})
        await segments.take(did("ann", "Order Completed", profile=known("ann")))
        await segments.define("recent", RECENT, build=False)
        while await segments.worker.builder.step():
            pass
        await segments.call("DELETE", "/v1/segments/recent", status=204)
        assert await segments.worker.planner.step() == 1
        assert await segments.worker.planner.step() == 0
