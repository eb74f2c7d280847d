"""Reading a feed: every message has its effect once, whatever fails in between; a poisonous one stops nobody."""

import random
from collections import Counter
from collections.abc import Sequence

import asyncpg
import pytest

from shared.plumbing import json
from shared.plumbing.db import Connection
from shared.plumbing.feed import Entry, append
from shared.plumbing.leases import Leases
from shared.plumbing.reader import Apply, FeedReader, Incoming, apply_parked
from tests.services.plumbing.conftest import Bench


class Effects:
    """An effect that can be counted afterwards; raises for the numbers in `poison`, and at random `shaky` of the time.
    `pages`: the lanes of each."""

    def __init__(self, poison: Sequence[int] = (), *, shaky: float = 0) -> None:
        self.poison = set(poison)
        self.pages: list[set[int]] = []
        self._shaky = shaky
        self._dice = random.Random(7)

    async def apply(self, tx: Connection, items: Sequence[Incoming]) -> bool:
        self.pages.append({item.lane for item in items})
        for item in items:
            number = json.loads(item.message)["n"]
            await tx.execute("INSERT INTO effects VALUES ($1, $2, $3)", item.lane, item.seq, number)
            if number in self.poison:
                raise ZeroDivisionError("poison")
        if self._dice.random() < self._shaky:
            raise asyncpg.DeadlockDetectedError
        return True


def _reader(bench: Bench, leases: Leases, effects: Effects, *, apply: Apply | None = None) -> FeedReader:
    return FeedReader(
        bench.db,
        feed="trial",
        consumer="reader",
        pull=bench.pull,
        leases=leases,
        apply=apply or effects.apply,
        committed=lambda: None,
        clock=bench.clock,
        batch=50,
    )


@pytest.fixture
async def effects_table(bench: Bench) -> None:
    await bench.db.execute("CREATE TABLE effects (lane int, seq bigint, n int)")


async def _numbers(bench: Bench) -> list[int]:
    return [row["n"] for row in await bench.db.fetch("SELECT n FROM effects ORDER BY n")]


@pytest.mark.usefixtures("effects_table")
async def test_two_readers_with_passing_faults_take_in_everything_once(bench: Bench) -> None:
    await bench.publish(*range(500))
    one, two = bench.leases("one"), bench.leases("two")
    readers = [(lease, _reader(bench, lease, Effects(shaky=0.3))) for lease in (one, two)]
    for _ in range(60):
        for lease, reader in readers:
            await lease.renew()
            await reader.step()
    assert await _numbers(bench) == list(range(500))


@pytest.mark.usefixtures("effects_table")
async def test_a_poisonous_message_is_parked_and_the_others_go_on(bench: Bench) -> None:
    await bench.publish(*range(100))
    lease, effects = bench.leases(), Effects(poison=[41, 77])
    await lease.renew()
    reader = _reader(bench, lease, effects)
    while await reader.step():
        pass
    assert await _numbers(bench) == [n for n in range(100) if n not in (41, 77)]
    parked = await bench.db.fetch("SELECT id, message, reason FROM parked")
    assert Counter(row["message"]["n"] for row in parked) == Counter([41, 77])
    assert all("ZeroDivisionError" in row["reason"] for row in parked)

    effects.poison.clear()
    assert await apply_parked(bench.db, parked_id=parked[0]["id"], apply=effects.apply)
    assert not await apply_parked(bench.db, parked_id=parked[0]["id"], apply=effects.apply)
    assert len(await _numbers(bench)) == 99


@pytest.mark.usefixtures("effects_table")
async def test_messages_of_a_lane_are_taken_in_in_their_order(bench: Bench) -> None:
    for start in range(0, 300, 30):
        await bench.publish(*range(start, start + 30))
    lease = bench.leases()
    await lease.renew()
    reader = _reader(bench, lease, Effects(poison=[100]))
    while await reader.step():
        pass
    rows = await bench.db.fetch("SELECT lane, seq FROM effects ORDER BY ctid")
    for lane in range(64):
        seqs = [row["seq"] for row in rows if row["lane"] == lane]
        assert seqs == sorted(seqs)


@pytest.mark.usefixtures("effects_table")
async def test_behind_lanes_are_read_some_at_a_time_and_none_is_left_waiting(bench: Bench) -> None:
    await bench.publish(*range(2000))
    leases, effects = bench.leases(), Effects()
    reader, pages = _reader(bench, leases, effects), effects.pages
    await leases.renew()
    while await reader.step():
        pass
    assert await _numbers(bench) == list(range(2000))
    assert len(pages[0]) > 32 > max(len(lanes) for lanes in pages[1:17])
    assert len(set[int]().union(*pages[1:17])) == 64


@pytest.mark.usefixtures("effects_table")
async def test_a_lease_that_is_lost_while_a_poisonous_message_is_looked_for_loses_nothing(bench: Bench) -> None:
    numbers = [(3, n) for n in range(5)] + [(9, n) for n in range(5, 20)]
    async with bench.db.transaction() as tx:
        await append(tx, [Entry(lane, None, f'{{"n": {n}}}') for lane, n in numbers], at=bench.clock.now())
    leases, effects = bench.leases(), Effects(poison=[19])
    tries = 0

    async def apply(tx: Connection, items: Sequence[Incoming]) -> bool:
        nonlocal tries
        tries += 1
        if tries == 2:  # the first half: another worker takes a lane of it over
            await bench.db.execute("UPDATE work_lanes SET epoch = epoch + 1, owner = NULL WHERE lane = 3")
        return await effects.apply(tx, items)

    reader = _reader(bench, leases, effects, apply=apply)
    for _ in range(10):
        await leases.renew()
        await reader.step()
    assert await _numbers(bench) == list(range(19))
    assert await bench.db.fetchval("SELECT array_agg(seq) FROM parked") == [15]
