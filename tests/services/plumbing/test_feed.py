"""Feeds: order within a lane is commit order, without gaps, whoever writes at the same time."""

import asyncio

import asyncpg

from shared.plumbing.feed import Entry, FeedServer, append, drop_passed, read_feed
from tests.services.plumbing.conftest import Bench


async def test_writers_at_once_leave_no_gap_and_no_number_twice(bench: Bench) -> None:
    async def write(number: int) -> None:
        async with bench.db.transaction() as tx:
            entries = [Entry(lane, None, f'{{"n": {number}}}') for lane in (5, 1, 5)]
            await append(tx, entries, at=bench.clock.now())

    await asyncio.gather(*(write(number) for number in range(40)))
    items = await read_feed(bench.db, {1: 0, 5: 0}, 1000)
    assert [i.seq for i in items if i.lane == 1] == list(range(1, 41))
    assert [i.seq for i in items if i.lane == 5] == list(range(1, 81))


async def test_nothing_becomes_visible_behind_what_was_read(bench: Bench) -> None:
    """A writer that took its number first but commits last holds the later ones back."""
    first = await bench.db.pool.acquire()
    begun = first.transaction()
    await begun.start()
    await append(first, [Entry(3, None, "{}")], at=bench.clock.now())

    async def second() -> None:
        async with bench.db.transaction() as tx:
            await append(tx, [Entry(3, None, "{}")], at=bench.clock.now())

    waiting = asyncio.create_task(second())
    await asyncio.sleep(0.1)
    assert await read_feed(bench.db, {3: 0}, 10) == []
    await begun.commit()
    await bench.db.pool.release(first)
    await waiting
    assert [i.seq for i in await read_feed(bench.db, {3: 0}, 10)] == [1, 2]


async def test_a_waiting_pull_returns_as_soon_as_something_is_committed(bench: Bench) -> None:
    never = 3600.0  # a hint, not the fallback, must wake it
    server = FeedServer(bench.db, bench.wake, consumers=["reader"], fallback=never)
    pulling = asyncio.create_task(server.pull("reader", dict.fromkeys(range(64), 0), limit=10, wait=never))
    await asyncio.sleep(0.05)
    await bench.publish(1)
    async with asyncio.timeout(60):
        assert len(await pulling) == 1


async def test_no_lane_is_starved_by_a_long_one(bench: Bench) -> None:
    async with bench.db.transaction() as tx:
        await append(tx, [Entry(0, None, "{}")] * 500 + [Entry(9, None, "{}")], at=bench.clock.now())
    items = await read_feed(bench.db, {0: 0, 9: 0}, 100)
    assert {i.lane for i in items} == {0, 9}


async def test_rows_are_dropped_only_when_every_consumer_has_passed_them(bench: Bench) -> None:
    async with bench.db.transaction() as tx:
        await append(tx, [Entry(2, None, "{}")] * 3, at=bench.clock.now())
    await bench.server.pull("slow", {2: 1}, limit=1, wait=0)
    await bench.server.pull("fast", {2: 3}, limit=1, wait=0)
    await bench.server.write_down()
    assert await drop_passed(bench.db, ["fast", "slow"]) == 1
    assert await drop_passed(bench.db, ["fast", "slow", "unheard"]) == 0


async def test_a_rolled_back_writer_leaves_no_gap(bench: Bench) -> None:
    try:
        async with bench.db.transaction() as tx:
            await append(tx, [Entry(4, None, "{}")], at=bench.clock.now())
            await tx.execute("SELECT 1 / 0")
    except asyncpg.DivisionByZeroError:
        pass
    async with bench.db.transaction() as tx:
        assert await append(tx, [Entry(4, None, "{}")], at=bench.clock.now()) == {4: 1}
