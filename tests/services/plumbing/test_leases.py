"""Leases: lanes are shared evenly, a dead worker's are taken over, and one who lost a lease changes nothing."""

from datetime import timedelta

import pytest

from shared.plumbing.db import Database
from shared.plumbing.leases import LeaseLost, Leases
from tests.services.plumbing.conftest import Bench


async def test_one_worker_takes_all_lanes_and_two_share_them(bench: Bench) -> None:
    one, two = bench.leases("one"), bench.leases("two")
    await one.renew()
    assert len(one.held) == 64
    await two.renew()
    await one.renew()
    await two.renew()
    assert (len(one.held), len(two.held)) == (32, 32)
    assert not set(one.held) & set(two.held)


async def test_a_dead_workers_lanes_are_taken_over_after_its_lease(bench: Bench) -> None:
    dead, heir = bench.leases("dead"), bench.leases("heir")
    await dead.renew()
    await heir.renew()
    assert heir.held == {}
    bench.clock.step(timedelta(seconds=11))
    await heir.renew()
    assert len(heir.held) == 64


async def test_a_worker_started_again_under_its_name_takes_its_lanes_back_at_once(bench: Bench) -> None:
    await bench.leases("local").renew()
    again = bench.leases("local")
    await again.renew()
    assert len(again.held) == 64


async def test_who_lost_a_lease_can_neither_move_a_cursor_nor_pass_the_check(bench: Bench) -> None:
    hung, heir = bench.leases("hung"), bench.leases("heir")
    await hung.renew()
    bench.clock.step(timedelta(seconds=11))
    await heir.renew()
    with pytest.raises(LeaseLost):
        async with bench.db.transaction() as tx:
            await hung.advance(tx, {7: 5}, hung.held)
    with pytest.raises(LeaseLost):
        async with bench.db.transaction() as tx:
            await hung.check(tx, [7])
    async with bench.db.transaction() as tx:
        await heir.advance(tx, {7: 5}, heir.held)


async def test_a_released_lane_is_free_at_once(bench: Bench) -> None:
    leaving, staying = bench.leases("leaving"), bench.leases("staying")
    await leaving.renew()
    await staying.renew()
    await leaving.release()
    await staying.renew()
    assert len(staying.held) == 64


async def test_nobody_takes_more_than_a_share_however_the_database_looks_for_it(bench: Bench) -> None:
    first, second = bench.leases("first"), bench.leases("second")
    db = await Database.open(bench.db.url, schema="trial", size=1)
    third = Leases(db, work="trial", owner="third", clock=bench.clock)
    try:
        for way in ("enable_hashjoin", "enable_mergejoin", "enable_hashagg", "enable_sort"):
            await db.execute("SELECT set_config($1, 'off', false)", way)
        for one in (first, second, third, first, third):
            await one.renew()
    finally:
        await db.close()
    assert [len(one.held) for one in (first, second, third)] == [22, 0, 22]
