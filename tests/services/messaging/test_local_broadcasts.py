"""Messages by the clock on people's walls, and campaigns that begin with those who are members already."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.services.messaging.conftest import Messaging
from tests.services.messaging.neighbours import consent
from tests.services.messaging.test_broadcasts import members

HOUR = timedelta(hours=1)


def living(messaging: Messaging, place: Any, **traits: Any) -> UUID:
    """Somebody there."""
    traits = {"email": f"{place}@example.com".replace("/", "."), "timezone": place} | traits
    return messaging.near.add_person(traits=traits)


async def step_to(messaging: Messaging, at: datetime) -> None:
    messaging.step(at - messaging.clock.now())
    await messaging.settle()


async def told(messaging: Messaging) -> set[str]:
    return {mail["to"].removesuffix("@example.com") for mail in await messaging.mailbox()}


async def test_each_is_told_when_their_own_clock_shows_the_time(messaging: Messaging) -> None:
    people = [
        living(messaging, p) for p in ("Pacific/Kiritimati", "Europe/Berlin", "Pacific/Pago_Pago", "Mars/Olympus")
    ]
    leaver = living(messaging, "America/New_York")
    members(messaging, *people, leaver)
    await messaging.campaign(trigger={"segment": "vip", "local": "2040-12-01T09:00"})
    first = datetime(2040, 11, 30, 19, tzinfo=UTC)
    await step_to(messaging, first - timedelta(seconds=1))
    assert await messaging.decisions() == []
    await step_to(messaging, first)
    assert await told(messaging) == {"Pacific.Kiritimati"}
    waiting = {one["profile_id"]: one for one in await messaging.decisions() if one["decision"] == "deferred"}
    assert {one["reason"] for one in waiting.values()} == {"local_time"}
    assert waiting[str(people[2])]["facts"]["until"] == "2040-12-01T20:00:00Z"
    messaging.near.change(leaver, "vip", messaging.clock.now(), "left")
    await step_to(messaging, datetime(2040, 12, 1, 8, tzinfo=UTC))
    assert await told(messaging) == {"Pacific.Kiritimati", "Europe.Berlin"}
    await step_to(messaging, datetime(2040, 12, 1, 9, tzinfo=UTC))
    assert await told(messaging) == {"Pacific.Kiritimati", "Europe.Berlin", "Mars.Olympus"}
    await step_to(messaging, datetime(2040, 12, 1, 20, tzinfo=UTC))
    assert len(await told(messaging)) == 4
    assert (await messaging.decided())[str(leaver)] == "not_qualified"


async def test_who_moves_on_meanwhile_is_told_by_the_clock_there(messaging: Messaging) -> None:
    ada = living(messaging, "Europe/Berlin")
    members(messaging, ada)
    await messaging.campaign(trigger={"segment": "vip", "local": "2040-12-01T09:00"})
    await step_to(messaging, datetime(2040, 12, 1, 7, tzinfo=UTC))
    messaging.near.people[ada]["traits"]["timezone"] = "America/New_York"
    await step_to(messaging, datetime(2040, 12, 1, 8, tzinfo=UTC))
    assert await messaging.mailbox() == []
    await step_to(messaging, datetime(2040, 12, 1, 14, tzinfo=UTC))
    assert len(await messaging.mailbox()) == 1


async def test_a_trigger_waits_for_the_time_of_the_day_and_its_goal_counts_from_then_on(messaging: Messaging) -> None:
    ada, bob = living(messaging, "Europe/Berlin"), living(messaging, "UTC")
    goal = {"event": "Order Completed", "within": "PT1H"}
    await messaging.campaign(local_time="09:00", goal=goal, trigger={"event": "Signed Up"})
    await step_to(messaging, datetime(2040, 12, 1, 6, tzinfo=UTC))
    messaging.near.event(ada, "Signed Up", messaging.clock.now())
    messaging.near.event(bob, "Signed Up", messaging.clock.now())
    await messaging.settle()
    messaging.near.event(ada, "Order Completed", messaging.clock.now() + timedelta(minutes=5))
    await step_to(messaging, datetime(2040, 12, 1, 8, tzinfo=UTC))
    assert await told(messaging) == {"Europe.Berlin"}
    await step_to(messaging, datetime(2040, 12, 1, 9, 30, tzinfo=UTC))
    assert len(await messaging.mailbox()) == 2
    messaging.near.event(bob, "Order Completed", messaging.clock.now())
    await messaging.settle()
    report = await messaging.call("GET", "/v1/campaigns/hello/report")
    assert report["sent"]["conversions"] == 1
    rows = await messaging.rows("SELECT converted_at, profile_id FROM sends")
    assert {row["profile_id"]: row["converted_at"] is not None for row in rows} == {ada: False, bob: True}


async def test_a_local_time_follows_a_merge(messaging: Messaging) -> None:
    loser, survivor = living(messaging, "Europe/Berlin"), messaging.near.add_person()
    await messaging.campaign(local_time="09:00")
    await step_to(messaging, datetime(2040, 12, 1, 6, tzinfo=UTC))
    await messaging.enter(loser)
    await messaging.settle()
    messaging.near.merge(loser, survivor, messaging.clock.now())
    await messaging.settle()
    rows = await messaging.rows("SELECT profile_id, first_due_at FROM sends")
    assert [tuple(row) for row in rows] == [(survivor, datetime(2040, 12, 1, 8, tzinfo=UTC))]


async def test_members_at_the_start_are_told_once_beside_who_enters_later(messaging: Messaging) -> None:
    ada, bob, eve = (messaging.near.add_person() for _ in range(3))
    nobody = messaging.near.add_person(consents=[consent("denied")])
    members(messaging, ada, bob, nobody)
    trigger = {"segment": "vip", "on": "entered", "existing": True}
    await messaging.campaign(trigger=trigger, reentry="always", start=False)
    messaging.step(HOUR)
    await messaging.call("POST", "/v1/campaigns/hello/start")
    await messaging.enter(eve)
    entered = {"profile_id": str(eve), "user_id": None, "entered_at": messaging.clock.now()}
    messaging.near.members["vip"].append(entered)
    await messaging.settle()
    expected = sorted([*((str(one), "sent") for one in (ada, bob, eve)), (str(nobody), "no_consent")])
    assert sorted((one["profile_id"], one["reason"]) for one in await messaging.decisions()) == expected
    await messaging.call("POST", "/v1/campaigns/hello/pause")
    await messaging.call("POST", "/v1/campaigns/hello/start")
    await messaging.settle()
    assert len(await messaging.decisions()) == 4
