"""Feeds: order within a lane is commit order, without gaps, whoever writes at the same time."""

import asyncio
from collections.abc import Mapping

import asyncpg

from shared.plumbing.db import Database
from shared.plumbing.feed import Entry, FeedServer, Item, append, drop_passed, passed_by_all, read_feed
from shared.plumbing.ids import new_id
from shared.plumbing.lanes import lane_of
from tests.services.plumbing.conftest import Bench
from tests.support.waiting import until


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


async def test_that_a_consumer_is_further_is_written_down_and_said_once(bench: Bench) -> None:
    said: list[int] = []
    server = FeedServer(bench.db, bench.wake, consumers=["reader"], advanced=lambda: said.append(1))
    for cursors, times in (({2: 0}, 1), ({2: 0}, 1), ({2: 3, 4: 1}, 2), ({2: 3}, 2)):
        await server.pull("reader", cursors, limit=1, wait=0)
        await server.write_down()
        assert len(said) == times
    assert await passed_by_all(bench.db, ["reader"]) == {2: 3, 4: 1}


async def test_a_rolled_back_writer_leaves_no_gap(bench: Bench) -> None:
    try:
        async with bench.db.transaction() as tx:
            await append(tx, [Entry(4, None, "{}")], at=bench.clock.now())
            await tx.execute("SELECT 1 / 0")
    except asyncpg.DivisionByZeroError:
        pass
    async with bench.db.transaction() as tx:
        assert await append(tx, [Entry(4, None, "{}")], at=bench.clock.now()) == {4: 1}


async def test_what_is_known_not_to_be_there_is_not_asked_for_again(bench: Bench) -> None:
    asked: list[dict[int, int]] = []

    async def reading(db: Database, cursors: Mapping[int, int], limit: int) -> list[Item]:
        asked.append(dict(cursors))
        return await read_feed(db, cursors, limit)

    server = FeedServer(bench.db, bench.wake, consumers=["reader"], reading=reading)
    await bench.publish(1)
    [item] = await server.pull("reader", dict.fromkeys(range(64), 0), limit=100, wait=0)
    after = {**dict.fromkeys(range(64), 0), item.lane: item.seq}
    assert await server.pull("reader", after, limit=100, wait=0) == []
    assert len(asked) == 1
    await bench.publish(2)
    assert len(await server.pull("reader", after, limit=100, wait=0)) == 1
    assert len(asked) == 2


async def test_after_a_full_lane_more_is_looked_for(bench: Bench) -> None:
    profile = new_id()
    async with bench.db.transaction() as tx:
        await append(tx, [Entry(lane_of(profile), profile, "{}") for _ in range(5)], at=bench.clock.now())
    cursors, found = dict.fromkeys(range(64), 0), 0
    while items := await bench.server.pull("reader", cursors, limit=2, wait=0):
        found += len(items)
        cursors |= {item.lane: item.seq for item in items}
    assert found == 5


async def test_a_commit_without_a_hint_is_found_after_a_while(bench: Bench) -> None:
    server = FeedServer(bench.db, bench.wake, consumers=["reader"], fallback=0.05)
    cursors = dict.fromkeys(range(64), 0)
    assert await server.pull("reader", cursors, limit=100, wait=0) == []
    async with bench.db.transaction() as tx:
        profile = new_id()
        await append(tx, [Entry(lane_of(profile), profile, "{}")], at=bench.clock.now())
    assert len(await server.pull("reader", cursors, limit=100, wait=10)) == 1


async def test_who_lingers_takes_what_comes_behind_the_first_along(bench: Bench) -> None:
    cursors = dict.fromkeys(range(64), 0)
    pulling = asyncio.create_task(bench.server.pull("reader", cursors, limit=100, wait=30, linger=1))
    await until(lambda: bench.wake.next_hint()._waiters)  # it has looked and found nothing
    await bench.publish(1)
    await bench.publish(2)
    assert len(await pulling) == 2
