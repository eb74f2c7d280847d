"""Caps that hold for all who live together, whoever sends and wherever their rows lie."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.messaging.domain.answers import Accepted, Rejected
from services.messaging.service.forgetting import Forgetter
from shared.plumbing.db import TRY_AGAIN
from tests.services.messaging.conftest import Messaging
from tests.services.messaging.senders import Standing, make_sender
from tests.services.messaging.test_fallback import Carrier
from tests.services.messaging.test_people import two

DAY = timedelta(days=1)


async def capped(messaging: Messaging, most: int = 1, **cap: Any) -> None:
    one = {"purpose": "marketing", "max": most, "within": "P7D", "per": "household"} | cap
    await messaging.call("PUT", "/v1/settings", {"frequency_caps": [one]})


def at_home(messaging: Messaging, household: Any, **fields: Any) -> UUID:
    number = len(messaging.near.people)
    traits = {"email": f"p{number}@example.com", "household_id": household}
    return messaging.near.add_person(traits=traits, **fields)


async def test_one_message_for_all_who_live_together(messaging: Messaging) -> None:
    await capped(messaging)
    await messaging.campaign(reentry="always")
    together = [at_home(messaging, "mill lane 1") for _ in range(3)]
    numbered = [at_home(messaging, 7), at_home(messaging, "7")]
    alone = [at_home(messaging, None), at_home(messaging, ""), at_home(messaging, ["x"])]
    await messaging.enter(*together, *numbered, *alone)
    await messaging.settle()
    decided = await messaging.decided()
    assert sorted(decided[str(one)] for one in together) == ["frequency_cap", "frequency_cap", "sent"]
    assert sorted(decided[str(one)] for one in numbered) == ["frequency_cap", "sent"]
    assert {decided[str(one)] for one in alone} == {"sent"}
    await messaging.enter(*together, alone[0])
    await messaging.settle()
    assert len(await messaging.mailbox()) == 5, "somebody alone is a household of their own"
    [fact] = [one["facts"] for one in await messaging.decisions(f"profile_id={alone[0]}") if one["reason"] != "sent"]
    assert fact["cap"]["per"] == "household"


async def test_a_household_that_waits_gets_it_one_after_the_other(messaging: Messaging) -> None:
    await capped(messaging)
    await messaging.campaign(when_capped={"wait": "P30D"}, stale_after="P1D")
    await messaging.enter(*(at_home(messaging, "h") for _ in range(3)))
    await messaging.settle()
    for week in range(1, 4):
        assert len(await messaging.mailbox()) == week
        messaging.step(7 * DAY)
        await messaging.settle()
    assert {one["decision"] for one in await messaging.decisions()} == {"sent"}


async def test_senders_at_once_keep_the_cap_and_leave_nobody_out(messaging: Messaging) -> None:
    await capped(messaging, 2)
    for key in ("one", "two"):
        await messaging.campaign(key)
    homes = {at_home(messaging, f"home {n % 12}"): f"home {n % 12}" for n in range(96)}
    await messaging.stop()
    for profile_id in homes:
        messaging.near.change(profile_id, "vip", messaging.clock.now())
    async with AsyncExitStack() as stack:
        senders = [await stack.enter_async_context(make_sender(messaging, f"sender-{n}")) for n in range(4)]
        for _ in range(3):
            for one in senders:
                await one.leases.renew()
        assert {len(one.leases.held) for one in senders} == {16}
        for one in senders:
            await one.take_in()
        await asyncio.gather(*(until_done(one) for one in senders))
    rows = await messaging.rows("SELECT profile_id, decision, reason FROM sends")
    sent = Counter(homes[row["profile_id"]] for row in rows if row["decision"] == "sent")
    assert set(sent.values()) == {2}, "all of them as much as is allowed, and no more"
    assert len(rows) == 2 * len(homes)
    assert {row["reason"] for row in rows} == {"sent", "frequency_cap"}


async def until_done(one: Standing) -> None:
    idle = 0
    while idle < 2:
        try:
            idle = 0 if await one.sender.step() else idle + 1
        except TRY_AGAIN:
            idle = 0


async def test_who_moves_takes_nothing_along(messaging: Messaging) -> None:
    await capped(messaging)
    await messaging.campaign(reentry="always")
    ada, ben, eve = (at_home(messaging, "old") for _ in range(3))
    await messaging.enter(ada)
    await messaging.settle()
    messaging.near.people[ada]["traits"]["household_id"] = "new"
    await messaging.enter(ada, ben)
    await messaging.settle()
    messaging.near.people[eve]["traits"]["household_id"] = "new"
    await messaging.enter(eve)
    await messaging.settle()
    reasons = [one["reason"] for one in await messaging.decisions(f"profile_id={ada}")]
    assert reasons == ["sent", "sent"]
    decided = await messaging.decided()
    assert (decided[str(ben)], decided[str(eve)]) == ("frequency_cap", "frequency_cap")


async def test_what_was_not_sent_is_not_counted(messaging: Messaging) -> None:
    await capped(messaging)
    await messaging.campaign(reentry="always")
    ada, ben = at_home(messaging, "h"), at_home(messaging, "h")
    await messaging.stop()
    carrier = Carrier("smtp", Rejected("554 5.7.1 spam"), Accepted("250"))
    async with make_sender(messaging, "one", carriers={"email": carrier}) as standing:
        for one in (ada, ben):
            messaging.near.change(one, "vip", messaging.clock.now())
            await standing.take_in()
            await standing.leases.renew()
            await standing.sender.step()
            await standing.providers.finish(5)
    await messaging.start()
    assert await messaging.decided() == {str(ada): "provider_error", str(ben): "sent"}


@pytest.mark.parametrize("same_lane", [False, True])
async def test_a_merge_and_an_erasure_leave_what_is_right(messaging: Messaging, same_lane: bool) -> None:
    await capped(messaging)
    await messaging.campaign(reentry="always")
    traits = {"email": "a@example.com", "household_id": "h"}
    loser, survivor = two(messaging.near, same_lane=same_lane, traits=traits)
    other = at_home(messaging, "h")
    await messaging.enter(loser)
    await messaging.settle()
    messaging.near.merge(loser, survivor, messaging.clock.now())
    await messaging.enter(survivor, other)
    await messaging.settle()
    assert len(await messaging.mailbox()) == 1
    messaging.near.erase(survivor, messaging.clock.now(), loser)
    await messaging.settle()
    assert await messaging.rows("SELECT * FROM household_messages") == []
    kept = await messaging.rows("SELECT * FROM households")
    assert all(row["household"] != "h" for row in kept), "only a keyed hash of the name"
    await messaging.enter(other)
    await messaging.settle()
    assert len(await messaging.mailbox()) == 1, "what the forgotten one had counts no more, and is gone"


async def test_what_no_cap_counts_any_more_is_forgotten(messaging: Messaging) -> None:
    await messaging.campaign()
    await messaging.enter(at_home(messaging, "h"))
    await messaging.settle()
    await messaging.stop()
    assert len(await messaging.rows("SELECT * FROM household_messages")) == 1
    messaging.clock.step(401 * DAY)
    async with make_sender(messaging, "one") as one:
        await one.leases.renew()
        await Forgetter(one.db, leases=one.leases, clock=messaging.clock, kept=400 * DAY).step()
    assert await messaging.rows("SELECT * FROM household_messages") == []
