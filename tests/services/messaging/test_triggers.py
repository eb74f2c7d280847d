"""What makes a campaign speak, and that each trigger does so once."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.messaging.service.take_in import TakeIn
from shared.plumbing import json
from shared.plumbing.db import Database
from shared.plumbing.lanes import lane_of
from shared.plumbing.reader import Incoming
from tests.services.messaging.conftest import Messaging

HOUR = timedelta(hours=1)
EVENT = {"event": "Order Completed", "where": [{"property": "total", "op": ">=", "value": 50}]}


async def test_only_entries_by_event_profile_or_time_speak(messaging: Messaging) -> None:
    await messaging.campaign()
    for cause in ("event", "profile", "time", "merge", "backfill", "edit", "import"):
        one = messaging.near.add_person(user_id=cause)
        messaging.near.change(one, "vip", messaging.clock.now(), cause=cause)
    other = messaging.near.add_person()
    messaging.near.change(other, "other", messaging.clock.now())
    messaging.near.change(other, "vip", messaging.clock.now(), "left")
    await messaging.settle()
    assert {mail["to"].split("@")[0] for mail in await messaging.mailbox()} == {"event", "profile", "time"}
    assert len(await messaging.decisions()) == 3


async def test_other_causes_speak_where_they_are_asked_for(messaging: Messaging) -> None:
    await messaging.campaign(trigger={"segment": "vip", "on": "entered", "causes": ["import", "edit"]})
    for cause in ("event", "profile", "time", "merge", "backfill", "edit", "import"):
        one = messaging.near.add_person(user_id=cause)
        messaging.near.change(one, "vip", messaging.clock.now(), cause=cause)
    await messaging.settle()
    assert {mail["to"].split("@")[0] for mail in await messaging.mailbox()} == {"edit", "import"}


async def test_imported_events_speak_where_they_are_asked_for_but_never_a_replay(messaging: Messaging) -> None:
    await messaging.campaign(trigger={"event": "Order Completed", "imported": True})
    ada, bob = (messaging.near.add_person() for _ in range(2))
    now = messaging.clock.now()
    messaging.near.event(ada, "Order Completed", now, {}, imported=True)
    messaging.near.event(bob, "Order Completed", now, {}, imported=True, replayed=True)
    await messaging.settle()
    assert await messaging.decided() == {str(ada): "sent"}


async def test_what_happened_before_the_start_does_not_speak(messaging: Messaging) -> None:
    await messaging.campaign(start=False)
    ada = messaging.near.add_person()
    messaging.near.change(ada, "vip", messaging.clock.now())
    await messaging.settle()
    before = messaging.clock.now()
    await messaging.call("POST", "/v1/campaigns/hello/start")
    messaging.near.change(ada, "vip", before - timedelta(seconds=1))
    await messaging.settle()
    assert await messaging.decisions() == []
    messaging.near.change(ada, "vip", messaging.clock.now())
    await messaging.settle()
    assert len(await messaging.mailbox()) == 1


async def test_an_event_speaks_where_its_properties_say_so(messaging: Messaging) -> None:
    body = "Order {{ trigger.order_id }} of {{ trigger.properties.total }}, {{ trigger.event }}"
    await messaging.campaign(trigger=EVENT, template={"body": body})
    ada, bob, eve = (messaging.near.add_person() for _ in range(3))
    now = messaging.clock.now()
    messaging.near.event(ada, "Order Completed", now, {"total": 50, "order_id": "7"})
    messaging.near.event(bob, "Order Completed", now, {"total": 49.99})
    messaging.near.event(eve, "Order Completed", now, {"total": 99}, imported=True)
    messaging.near.event(eve, "Order Viewed", now, {"total": 99})
    await messaging.settle()
    [mail] = await messaging.mailbox()
    assert mail["text"] == "Order 7 of 50, Order Completed"


async def test_a_number_in_a_trigger_is_kept_however_large_it_may_be(messaging: Messaging) -> None:
    where = [{"property": "total", "op": ">", "value": Decimal("5e60")}]
    await messaging.campaign("vast", trigger={"event": "Order Completed", "where": where})
    ada, bob = messaging.near.add_person(), messaging.near.add_person()
    messaging.near.event(ada, "Order Completed", messaging.clock.now(), {"total": Decimal("4e60")})
    messaging.near.event(bob, "Order Completed", messaging.clock.now(), {"total": Decimal("6e60")})
    await messaging.settle()
    assert [mail["profile_id"] for mail in await messaging.mailbox()] == [str(bob)]
    shown = await messaging.call("GET", "/v1/campaigns/vast")
    written = {key: shown[key] for key in ("key", "trigger", "template", "purpose")}
    assert (await messaging.call("PUT", "/v1/campaigns/vast", written))["trigger"]["where"] == where


async def test_a_property_named_paused_pauses_nothing(messaging: Messaging) -> None:
    await messaging.campaign(trigger={"event": "Video Stopped"}, template={"body": "{{ trigger.properties.paused }}"})
    ada = messaging.near.add_person()
    messaging.near.event(ada, "Video Stopped", messaging.clock.now(), {"paused": True})
    await messaging.settle()
    assert [mail["text"].strip() for mail in await messaging.mailbox()] == ["true"]


async def test_a_campaign_does_not_answer_its_own_outcome(messaging: Messaging) -> None:
    await messaging.campaign(trigger={"event": "Email Sent"}, reentry="always")
    ada = messaging.near.add_person()
    now = messaging.clock.now()
    messaging.near.event(ada, "Email Sent", now, {"campaign": "hello"}, source="messaging")
    messaging.near.event(ada, "Email Sent", now, {"campaign": "other"}, source="messaging")
    await messaging.settle()
    assert len(await messaging.mailbox()) == 1


async def test_one_trigger_met_again_and_again_is_one_message(messaging: Messaging) -> None:
    await messaging.campaign(reentry="always")
    ada = messaging.near.add_person()
    change = messaging.near.change(ada, "vip", messaging.clock.now())
    for _ in range(5):
        messaging.near.tell("segments", change)
    await messaging.settle()
    assert len(await messaging.mailbox()) == len(await messaging.decisions()) == 1


async def test_one_event_is_one_trigger_also_from_another_profiles_lane(messaging: Messaging) -> None:
    await messaging.campaign(trigger=EVENT, reentry="always")
    ada, eve = messaging.near.add_person(user_id="ada"), messaging.near.add_person(user_id="eve")
    now = messaging.clock.now()
    event = messaging.near.event(eve, "Order Completed", now, {"total": 60})
    await messaging.settle()
    messaging.near.merge(eve, ada, now)
    await messaging.settle()
    messaging.near.tell("profiles", event)
    messaging.near.tell("profiles", event | {"profile_id": ada})
    await messaging.settle()
    assert len(await messaging.mailbox()) == len(await messaging.decisions()) == 1


async def test_a_delay_shows_as_deferred_and_stale_runs_from_its_end(messaging: Messaging) -> None:
    await messaging.campaign(delay="P2D", stale_after="PT1H")
    ada, bob = messaging.near.add_person(user_id="ada"), messaging.near.add_person(user_id="bob")
    await messaging.enter(ada)
    await messaging.settle()
    [waiting] = await messaging.decisions()
    assert (waiting["decision"], waiting["reason"]) == ("deferred", "delay")
    messaging.step(timedelta(days=2))
    await messaging.settle()
    assert [mail["to"] for mail in await messaging.mailbox()] == ["ada@example.com"]
    messaging.near.change(bob, "vip", messaging.clock.now() - timedelta(days=2) - 2 * HOUR)
    await messaging.settle()
    assert await messaging.decided() == {str(ada): "sent"}  # it happened before the start


async def test_late_and_future_events(messaging: Messaging) -> None:
    await messaging.campaign(trigger={"event": "Signed Up"})
    late, future = messaging.near.add_person(), messaging.near.add_person()
    now = messaging.clock.now()
    messaging.near.event(late, "Signed Up", now, timestamp=now - timedelta(days=3))
    messaging.near.event(future, "Signed Up", now, timestamp=now + timedelta(days=3))
    await messaging.settle()
    assert await messaging.decided() == {str(late): "stale", str(future): "delay"}
    messaging.step(timedelta(days=3))
    await messaging.settle()
    assert (await messaging.decided())[str(future)] == "sent"


async def test_a_paused_campaign_says_nothing_of_what_happens_meanwhile(messaging: Messaging) -> None:
    await messaging.campaign(delay="PT1H")
    ada, bob, eve = (messaging.near.add_person() for _ in range(3))
    await messaging.enter(ada)
    await messaging.settle()
    await messaging.call("POST", "/v1/campaigns/hello/pause")
    await messaging.enter(bob)
    messaging.step(HOUR)
    await messaging.settle()
    await messaging.call("POST", "/v1/campaigns/hello/start")
    await messaging.enter(eve)
    await messaging.settle()
    messaging.step(HOUR)
    await messaging.settle()
    not_running = "campaign_not_running"
    assert await messaging.decided() == {str(ada): not_running, str(bob): not_running, str(eve): "sent"}


async def test_a_deleted_campaign_says_nothing_and_its_key_is_free(messaging: Messaging) -> None:
    await messaging.campaign(delay="PT1H")
    ada = messaging.near.add_person()
    await messaging.enter(ada)
    await messaging.settle()
    await messaging.call("DELETE", "/v1/campaigns/hello", status=204)
    messaging.step(HOUR)
    await messaging.settle()
    assert await messaging.decided() == {str(ada): "campaign_not_running"}
    await messaging.campaign(template={"key": "hello-2"}, variants=[{"template": "hello"}])
    await messaging.enter(ada)
    await messaging.settle()
    assert len(await messaging.mailbox()) == 1


async def test_whoever_left_again_before_it_was_due_is_not_told(messaging: Messaging) -> None:
    await messaging.campaign(delay="PT1H")
    ada, bob = messaging.near.add_person(), messaging.near.add_person()
    await messaging.enter(ada, bob)
    messaging.near.change(bob, "vip", messaging.clock.now(), "left")
    await messaging.settle()
    messaging.step(HOUR)
    await messaging.settle()
    assert await messaging.decided() == {str(ada): "sent", str(bob): "not_qualified"}


async def test_a_message_that_cannot_be_taken_in_is_parked_and_the_others_go_on(messaging: Messaging) -> None:
    await messaging.campaign()
    ada = messaging.near.add_person()
    messaging.near.tell("segments", {"kind": "membership", "profile_id": str(ada), "id": "nonsense"})
    messaging.near.tell("segments", {"kind": "of a newer release", "profile_id": str(ada)})
    await messaging.enter(ada)
    await messaging.settle()
    assert len(await messaging.mailbox()) == 1
    [parked] = await messaging.items("/v1/parked")
    assert parked["feed"] == "changes"


@pytest.mark.parametrize("feed", ["changes", "resolved"])
async def test_what_is_rolled_back_is_done_again_with_one_effect(messaging: Messaging, feed: str) -> None:
    await messaging.campaign(trigger=EVENT if feed == "resolved" else {"segment": "vip", "on": "entered"})
    ada = messaging.near.add_person()
    now = messaging.clock.now()
    told: Any = messaging.near.event(ada, "Order Completed", now, {"total": 60})
    if feed == "changes":
        told = messaging.near.change(ada, "vip", now)
    take_in = TakeIn(messaging.clock, address_secret="x")
    db = await Database.open(messaging.url, schema="messaging", size=2)
    message = messaging.near.feeds["segments" if feed == "changes" else "profiles"][lane_of(ada)][-1]
    item = Incoming(lane_of(ada), 1, json.Raw(json.dumps(message)))
    for _ in range(3):
        async with db.transaction() as tx:
            await getattr(take_in, feed)(tx, [item, item])
    await db.close()
    await messaging.settle()
    assert told["profile_id"] == ada
    assert len(await messaging.mailbox()) == 1
