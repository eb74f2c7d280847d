"""Everybody who is in a segment at a time, page by page, once."""

from datetime import timedelta
from typing import Any

from tests.services.messaging.conftest import Messaging

HOUR = timedelta(hours=1)


def members(messaging: Messaging, *profile_ids: Any) -> None:
    entered_at = messaging.clock.now() - timedelta(days=30)
    messaging.near.members["vip"] = [
        {"profile_id": str(one), "user_id": None, "entered_at": entered_at} for one in profile_ids
    ]


async def broadcast(messaging: Messaging, **fields: Any) -> None:
    at = (messaging.clock.now() + HOUR).isoformat()
    await messaging.campaign(trigger={"segment": "vip", "at": at}, **fields)


async def test_all_members_are_told_once_when_the_time_comes(messaging: Messaging) -> None:
    people = [messaging.near.add_person() for _ in range(5)]
    members(messaging, *people)
    await broadcast(messaging)
    await messaging.settle()
    assert await messaging.decisions() == []
    messaging.step(HOUR)
    await messaging.settle()
    assert {one["profile_id"] for one in await messaging.mailbox()} == {str(one) for one in people}
    messaging.step(HOUR)
    await messaging.settle()
    assert len(await messaging.decisions()) == 5


async def test_while_segments_is_away_it_waits_and_counts_as_pending(messaging: Messaging) -> None:
    members(messaging, *(messaging.near.add_person() for _ in range(3)))
    await broadcast(messaging)
    messaging.near.down.add("segments")
    messaging.step(HOUR)
    assert (await messaging.progress())["pending"] == 1
    messaging.near.down.clear()
    await messaging.settle()
    assert len(await messaging.mailbox()) == 3


async def test_it_waits_for_a_segment_that_is_being_built(messaging: Messaging) -> None:
    members(messaging, messaging.near.add_person())
    messaging.near.being_built.add("vip")
    await broadcast(messaging)
    messaging.step(HOUR)
    assert (await messaging.progress())["pending"] == 1
    assert await messaging.decisions() == []
    messaging.near.being_built.clear()
    members(messaging, *(messaging.near.add_person() for _ in range(3)))
    await messaging.settle()
    assert len(await messaging.mailbox()) == 3


async def test_a_pause_holds_it_up_and_whoever_left_meanwhile_is_not_told(messaging: Messaging) -> None:
    ada, bob, eve = (messaging.near.add_person() for _ in range(3))
    members(messaging, ada, bob, eve)
    await broadcast(messaging)
    await messaging.call("POST", "/v1/campaigns/hello/pause")
    messaging.step(HOUR)
    await messaging.settle()
    assert await messaging.decisions() == []
    messaging.near.change(bob, "vip", messaging.clock.now(), "left")
    await messaging.settle()
    await messaging.call("POST", "/v1/campaigns/hello/start")
    await messaging.settle()
    assert await messaging.decided() == {str(ada): "sent", str(bob): "not_qualified", str(eve): "sent"}


async def test_another_time_replaces_the_one_before(messaging: Messaging) -> None:
    members(messaging, messaging.near.add_person())
    await broadcast(messaging)
    later = (messaging.clock.now() + 3 * HOUR).isoformat()
    body = {"trigger": {"segment": "vip", "at": later}, "template": "hello", "purpose": "marketing"}
    await messaging.call("PUT", "/v1/campaigns/hello", body)
    messaging.step(HOUR * 2)
    await messaging.settle()
    assert await messaging.decisions() == []
    messaging.step(HOUR)
    await messaging.settle()
    assert len(await messaging.mailbox()) == 1


async def test_too_late_a_start_is_stale(messaging: Messaging) -> None:
    ada = messaging.near.add_person()
    members(messaging, ada)
    await broadcast(messaging, start=False)
    messaging.step(timedelta(days=2))
    await messaging.call("POST", "/v1/campaigns/hello/start")
    await messaging.settle()
    assert await messaging.decided() == {str(ada): "stale"}


async def test_a_merge_meanwhile_leads_to_the_survivor(messaging: Messaging) -> None:
    loser, survivor = messaging.near.add_person(), messaging.near.add_person()
    members(messaging, loser, survivor)
    await broadcast(messaging)
    messaging.near.merge(loser, survivor, messaging.clock.now())
    await messaging.settle()
    messaging.step(HOUR)
    await messaging.settle()
    assert [one["profile_id"] for one in await messaging.mailbox()] == [str(survivor)]
