"""Edits taking over in shops that go over to them in one step, beside everything else that goes on."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from hashlib import md5
from uuid import UUID

import pytest

from services.segments.service.passing import carry_out_plans
from services.segments.store.catalogue import change_catalogue
from services.segments.worker import Timers
from shared.plumbing.db import Connection
from shared.plumbing.lanes import lane_of
from tests.services.segments.standing import Standing
from tests.services.segments.told import changed, did, known, person

BOUGHT = {"event": "Order Completed", "op": ">=", "value": 1}
PEOPLE = [f"p{number}" for number in range(40)]


async def test_what_happens_meanwhile_counts_once(segments: Standing) -> None:
    """Truths of both versions turn back and forth while one takes over from the other."""
    await segments.take(*(changed(name, n=number) for number, name in enumerate(PEOPLE)))
    await segments.define("s", {"trait": "n", "op": ">=", "value": 0})
    await segments.define("others", {"not": {"segment": "s"}})
    for turn in range(8):
        condition = {"trait": "n", "op": "<" if turn % 2 else ">=", "value": 20 + turn}
        await segments.call("PUT", "/v1/segments/s", {"condition": condition})
        built = [await segments.worker.builder.step()]
        segments.tell(*(changed(name, version=turn + 2, n=(turn * 7 + n) % 40) for n, name in enumerate(PEOPLE)))
        await asyncio.gather(segments.worker.builder.step(), segments.worker.reader.step())
        await segments.worker.work()
        traits = {person(name): (turn * 7 + n) % 40 for n, name in enumerate(PEOPLE)}
        expected = {each for each, n in traits.items() if (n < 20 + turn if turn % 2 else n >= 20 + turn)}
        assert built == [True]
        assert await segments.members("s") == await segments.replayed("s") == expected
        assert await segments.members("others") == await segments.replayed("others") == traits.keys() - expected
    ids = await segments.db.fetch("SELECT id FROM changes")
    assert len({row["id"] for row in ids}) == len(ids)
    causes = {item["cause"]["kind"] for item in await segments.items("/v1/segments/s/changes")}
    assert causes == {"backfill", "edit", "profile"}


async def test_a_change_by_an_edit_is_known_by_what_it_is(segments: Standing) -> None:
    await segments.take(*(changed(name) for name in PEOPLE))
    await segments.define("s", {"not": {"all": []}})
    await segments.call("PUT", "/v1/segments/s", {"condition": {"all": []}})
    await segments.worker.work()
    version = await segments.db.fetchval("SELECT max(id) FROM segment_versions")
    made = {UUID(md5(f"edit {version} {person(name)}".encode()).hexdigest()) for name in PEOPLE}
    assert {row["id"] for row in await segments.db.fetch("SELECT id FROM changes")} == made


async def test_who_lets_time_pass_waits_for_the_catalogue_with_nothing_in_hand(segments: Standing) -> None:
    """Otherwise it could wait for the catalogue, and who has confirmed that for the lane's counter."""
    carry_out, lane = await _let_a_minute_pass(segments)
    async with segments.db.transaction() as changing:
        await change_catalogue(changing)
        passing = asyncio.create_task(segments.db.run(carry_out))
        await _until(passing, segments, WAITS)
        await changing.execute("SELECT FROM lane_heads WHERE lane = $1 FOR UPDATE NOWAIT", lane)
    assert await passing == 0  # it was planned by rules that are gone
    await segments.worker.work()
    assert [change[:2] for change in await segments.changes("recent")] == [("entered", "event"), ("left", "time")]


async def test_who_lets_time_pass_takes_the_lane_s_counter_when_all_else_is_written(segments: Standing) -> None:
    """Whatever happens to others in the lane is to be counted meanwhile."""
    carry_out, lane = await _let_a_minute_pass(segments)
    async with segments.db.transaction() as other:
        await other.execute("SELECT FROM memberships WHERE lane = $1 FOR UPDATE", lane)
        passing = asyncio.create_task(segments.db.run(carry_out))
        await _until(passing, segments, LEAVES)
        await other.execute("SELECT FROM lane_heads WHERE lane = $1 FOR UPDATE NOWAIT", lane)
    assert await passing == 1
    assert await segments.members("recent") == set()


@pytest.mark.parametrize(("gently", "leaving"), [(60.0, 1), (0.0, 2)])
async def test_a_processor_is_left_to_others_but_not_for_ever(segments: Standing, gently: float, leaving: int) -> None:
    await segments.define("recent", {**BOUGHT, "within": "PT1M"})
    await segments.take(*(did(name, "Order Completed", profile=known(name)) for name in PEOPLE))
    segments.clock.step(minutes=2)
    worker = segments.worker
    await worker.renew()
    timers = Timers(worker.db, worker.book, worker.work_leases, segments.clock, committed=lambda: None, gently=gently)
    async with segments.db.transaction() as other:
        await other.execute("SELECT FROM memberships FOR UPDATE")
        passing = asyncio.create_task(timers.step())
        await _until(passing, segments, f"SELECT {_LEAVING} = {leaving} AND {_LEAVING} + {_BEGUN} = {leaving}")
    assert await passing > 1


async def _let_a_minute_pass(
    segments: Standing,
) -> tuple[Callable[[Connection], Awaitable[int]], int]:
    """Somebody has been in a segment for it, as was planned. Returns what carries that out, and their lane."""
    await segments.define("recent", {**BOUGHT, "within": "PT1M"})
    await segments.take(did("ann", "Order Completed", profile=known("ann")))
    now, lane, worker = segments.clock.step(minutes=2), lane_of(person("ann")), segments.worker
    await worker.renew()
    book, leases = worker.book, worker.work_leases
    return partial(carry_out_plans, book=book, leases=leases, lane=lane, now=now, limit=10), lane


async def _until(passing: "asyncio.Task[int]", segments: Standing, state: str) -> None:
    while not await segments.db.fetchval(state):
        assert not passing.done()
        await asyncio.sleep(0.01)


async def test_events_are_taken_in_while_segments_are_changed_all_the_time(segments: Standing) -> None:
    await segments.define("s", BOUGHT)

    async def change_again_and_again() -> None:
        while True:
            async with segments.db.transaction() as tx:
                await change_catalogue(tx)

    changing = [asyncio.create_task(change_again_and_again()) for _ in range(2)]
    for name in PEOPLE[:8]:
        segments.tell(did(name, "Order Completed", profile=known(name)))
        await asyncio.wait_for(segments.worker.reader.step(), 30)
    for task in changing:
        task.cancel()
    await asyncio.wait(changing)
    assert await segments.members("s") == {person(name) for name in PEOPLE[:8]}


_ACTIVITY = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
_LEAVING = f"({_ACTIVITY} AND wait_event_type = 'Lock' AND query LIKE '%WITH carried AS%')"
_BEGUN = f"({_ACTIVITY} AND state = 'idle in transaction' AND query LIKE '%catalogue%FOR SHARE')"
LEAVES = f"SELECT {_LEAVING} > 0"
WAITS = """SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                          AND query LIKE '%catalogue%FOR SHARE')"""
