"""The mover by hand: several at once, ended in the middle, and what it forgets."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from typing import TypeVar

import pytest

from services.messaging.clients.neighbours import Profiles, Segments
from services.messaging.service.forgetting import Forgetter
from services.messaging.service.mover import Mover
from shared.plumbing.db import Connection, Database
from shared.plumbing.http import Neighbour
from shared.plumbing.leases import LeaseLost
from tests.services.messaging.chance import at_hour
from tests.services.messaging.conftest import Messaging
from tests.services.messaging.journeys import HOUR, begin, go, happen, runs, sign_up
from tests.services.messaging.senders import Standing, make_sender
from tests.support.waiting import until

T = TypeVar("T")
STEPS = ({"send": "a"}, {"wait": "PT1H"}, {"send": "b"})


class Killed(Exception):
    """The worker is gone."""


class Dying(Database):
    """Of three transactions one is cut off before its commit, one right after it."""

    turns = 0

    async def run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        self.turns += 1
        if self.turns % 3 == 1:
            async with self.transaction() as tx:
                await work(tx)
                raise Killed
        answer = await super().run(work)
        if self.turns % 3 == 2:
            raise Killed
        return answer


def mover_of(one: Standing, messaging: Messaging, stack: AsyncExitStack, db: Database | None = None) -> Mover:
    near = {name: Neighbour(f"http://{name}", token="x", transport=messaging.near) for name in ("profiles", "segments")}
    for neighbour in near.values():
        stack.push_async_callback(neighbour.close)
    return Mover(
        db or one.db,
        profiles=Profiles(near["profiles"]),
        segments=Segments(near["segments"]),
        leases=one.leases,
        clock=messaging.clock,
        default_zone="UTC",
        batch=5,
    )


async def standing(messaging: Messaging, people: int) -> None:
    """A stopped service, and so many people who wait an hour between two messages and whose hour is over."""
    await begin(messaging, *STEPS)
    await sign_up(messaging, *(messaging.near.add_person() for _ in range(people)))
    await messaging.stop()
    messaging.clock.step(HOUR)


async def test_four_movers_that_die_at_every_turn_let_each_step_be_passed_once(messaging: Messaging) -> None:
    await standing(messaging, 30)
    deaths = 0

    async def work(one: Standing, stack: AsyncExitStack) -> None:
        nonlocal deaths
        mover = mover_of(one, messaging, stack, Dying(one.db.pool, one.db.url, one.db.schema))
        idle = 0
        while idle < 3:
            idle += 1
            try:
                await one.leases.renew()
                idle = 0 if await mover.step() else idle
            except (Killed, LeaseLost) as error:
                deaths += isinstance(error, Killed)
                idle = 0

    async with AsyncExitStack() as stack:
        ones = [await stack.enter_async_context(make_sender(messaging, f"mover-{n}")) for n in range(4)]
        await asyncio.gather(*(work(one, stack) for one in ones))
    assert deaths > 1
    await messaging.start()
    await messaging.settle()
    assert {run["reason"] for run in await runs(messaging)} == {"finished"}
    told = [(mail["to"], mail["campaign"]) for mail in await messaging.mailbox()]
    assert len(told) == len(set(told)) == 60


async def test_a_mover_whose_lane_is_anothers_moves_nobody(messaging: Messaging) -> None:
    await standing(messaging, 1)
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(make_sender(messaging, "slow"))
        await one.leases.renew()
        await messaging.rows("UPDATE work_lanes SET epoch = epoch + 1")
        with pytest.raises(LeaseLost):
            await mover_of(one, messaging, stack).step()
    rows = await messaging.rows("SELECT place FROM journey_runs")
    assert [row["place"] for row in rows] == ["1"]


async def test_a_backlog_that_waits_for_others_holds_up_no_other_journey(messaging: Messaging) -> None:
    at_hour(messaging, 3)
    await begin(messaging, {"wait": "PT1H"}, {"wait_until": "09:00"})
    plain = {"key": "plain", "entry": {"event": "Visited"}, "steps": [{"wait": "PT1H"}]}
    await messaging.call("POST", "/v1/journeys", plain)
    await messaging.call("POST", "/v1/journeys/plain/start")
    await sign_up(messaging, *(messaging.near.add_person() for _ in range(20)))
    await happen(messaging, messaging.near.add_person(), "Visited")
    await messaging.stop()
    messaging.clock.step(HOUR)
    messaging.near.down.add("profiles/internal/recipients")
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(make_sender(messaging, "mover"))
        await one.leases.renew()
        assert await mover_of(one, messaging, stack).step() == 1


async def test_what_is_passed_on_while_progress_is_looked_at_is_not_missed(messaging: Messaging) -> None:
    await standing(messaging, 1)
    messaging.clock.step(HOUR)  # so late, the message is due from the move on
    await messaging.start(role="api")
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(make_sender(messaging, "mover"))
        await one.leases.renew()
        async with one.db.transaction() as tx:
            await tx.execute("LOCK TABLE preference_outbox")
            looking = asyncio.ensure_future(messaging.progress())
            await until(partial(messaging.waits, "relation"), "it waits for the table")
            assert await mover_of(one, messaging, stack).step() == 1
        assert (await looking)["pending"] == 1


@pytest.mark.parametrize(("reentry", "left"), [("once", 1), ("always", 0), ("P500D", 1)])
async def test_old_runs_are_forgotten_unless_re_entry_looks_at_them(
    messaging: Messaging, reentry: str, left: int
) -> None:
    await begin(messaging, *STEPS, reentry=reentry)
    await sign_up(messaging, messaging.near.add_person())
    await go(messaging, HOUR)
    await messaging.stop()
    messaging.clock.step(timedelta(days=401))
    async with make_sender(messaging, "one") as one:
        await one.leases.renew()
        await Forgetter(one.db, leases=one.leases, clock=messaging.clock, kept=timedelta(days=400)).step()
    assert len(await messaging.rows("SELECT 1 FROM journey_runs")) == left
