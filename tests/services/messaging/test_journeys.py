"""People in journeys: over HTTP, with a stepped clock."""

from typing import Any

import pytest

from tests.services.messaging.chance import at_hour
from tests.services.messaging.conftest import Messaging
from tests.services.messaging.journeys import ENTRY, HOUR, PAID, begin, go, happen, runs, said, sign_up


async def test_people_walk_from_step_to_step(messaging: Messaging) -> None:
    await begin(
        messaging,
        {"send": "hello"},
        {"wait_for": PAID, "at_most": "P1D", "then": [{"send": "thanks"}], "else": [{"send": "reminder"}]},
    )
    ada, bob = messaging.near.add_person(user_id="ada"), messaging.near.add_person(user_id="bob")
    await sign_up(messaging, ada, bob)
    assert sorted(await said(messaging)) == [("ada", "hello"), ("bob", "hello")]
    await happen(messaging, ada)
    assert (await said(messaging))[2:] == [("ada", "thanks")]
    [run] = await runs(messaging, f"profile_id={bob}")
    assert (run["step"], run["version"], run["ended_at"]) == ("1", 1, None)
    assert [stop["step"] for stop in run["path"]] == ["0", "1"]
    report = await messaging.call("GET", "/v1/journeys/welcome/report")
    steps = [(one["step"], one.get("send"), one["reached"], one["here"]) for one in report["steps"]]
    assert steps == [
        ("0", "hello", 2, 0),
        ("1", None, 2, 1),
        ("1.then.0", "thanks", 1, 0),
        ("1.else.0", "reminder", 0, 0),
    ]
    assert (report["entered"], report["walking"], report["ended"]) == (2, 1, {"finished": 1})
    await go(messaging, 24 * HOUR)
    assert (await said(messaging))[3:] == [("bob", "reminder")]
    assert {run["reason"] for run in await runs(messaging)} == {"finished"}


async def test_messages_of_a_journey_may_say_what_brought_somebody_in(messaging: Messaging) -> None:
    await begin(messaging, {"send": "hello"})
    body = "Order {{ trigger.order_id }}, step {{ trigger.step }}"
    await messaging.call("PUT", "/v1/templates/hello", {"channel": "email", "subject": "Hi", "body": body})
    ada = messaging.near.add_person()
    await sign_up(messaging, ada, order_id="7")
    [mail] = await messaging.mailbox()
    assert mail["text"].strip() == "Order 7, step 0"


@pytest.mark.parametrize(("field", "reason"), [("goal", "goal"), ("exit_on", "exit_event")])
async def test_a_goal_takes_back_what_waits_also_behind_the_last_step(
    messaging: Messaging, field: str, reason: str
) -> None:
    fields: Any = {field: PAID, "campaigns": {"delay": "PT2H"}}
    await begin(messaging, {"send": "first"}, {"wait": "PT1H"}, {"send": "last"}, **fields)
    ada, bob = messaging.near.add_person(user_id="ada"), messaging.near.add_person(user_id="bob")
    await sign_up(messaging, ada, bob)
    await happen(messaging, ada)
    await go(messaging, HOUR)
    assert {run["reason"] for run in await runs(messaging)} == {reason, "finished"}
    await happen(messaging, bob)
    await go(messaging, 3 * HOUR)
    assert await said(messaging) == []
    skipped = [(one["profile_id"], one["reason"], one["facts"]) for one in await messaging.decisions()]
    exited = ("journey_exited", {"exit": reason})
    assert sorted(skipped) == sorted([(str(ada), *exited), (str(bob), *exited), (str(bob), *exited)])


async def test_leaving_the_segment_ends_it(messaging: Messaging) -> None:
    entry = {"segment": "vip", "on": "entered"}
    await begin(messaging, {"wait": "PT1H"}, {"send": "a"}, entry=entry, leave_with_segment=True)
    ada, bob, eve = (messaging.near.add_person(user_id=name) for name in ("ada", "bob", "eve"))
    await messaging.enter(ada, bob)
    messaging.near.change(eve, "vip", messaging.clock.now(), cause="backfill")
    await messaging.settle()
    messaging.near.change(bob, "vip", messaging.clock.now(), "left")
    await messaging.settle()
    await go(messaging, HOUR)
    assert await said(messaging) == [("ada", "a")]
    assert {run["profile_id"]: run["reason"] for run in await runs(messaging)} == {
        str(ada): "finished",
        str(bob): "not_qualified",
    }


async def test_whoever_is_not_in_the_segment_any_more_is_not_told_though_nobody_said_so(messaging: Messaging) -> None:
    entry = {"segment": "vip", "on": "entered"}
    await begin(messaging, {"wait": "PT1H"}, {"send": "a"}, entry=entry, leave_with_segment=True)
    ada = messaging.near.add_person()
    await messaging.enter(ada)
    await messaging.settle()
    messaging.near.inside["vip"].clear()
    await go(messaging, HOUR)
    assert [run["reason"] for run in await runs(messaging)] == ["not_qualified"]


async def test_branches_and_local_times_are_the_persons(messaging: Messaging) -> None:
    branch = {
        "branch": [
            {"if": {"segment": "vip"}, "steps": [{"send": "vip"}]},
            {"if": {"trait": "country", "op": "=", "value": "JP"}, "steps": [{"wait_until": "09:00"}, {"send": "jp"}]},
        ],
        "else": [{"wait_until": "09:00"}, {"send": "other"}],
    }
    at_hour(messaging, 3)
    await begin(messaging, branch)
    traits = {"email": "{}@example.com", "country": "JP", "timezone": "Asia/Tokyo"}
    ada = messaging.near.add_person(user_id="ada", traits=traits | {"email": "ada@example.com"})
    bob = messaging.near.add_person(user_id="bob", traits={"email": "bob@example.com", "timezone": "Nowhere"})
    eve = messaging.near.add_person(user_id="eve")
    messaging.near.inside["vip"].add(eve)
    await sign_up(messaging, ada, bob, eve)
    assert await said(messaging) == [("eve", "vip")]
    hours = {run["profile_id"]: run["next_at"][11:16] for run in await runs(messaging, "walking=true")}
    assert hours == {str(ada): "00:00", str(bob): "09:00"}
    await go(messaging, 24 * HOUR)
    assert sorted((await said(messaging))[1:]) == [("ada", "jp"), ("bob", "other")]


async def test_while_those_who_must_be_asked_are_away_others_walk(messaging: Messaging) -> None:
    at_hour(messaging, 3)
    await begin(messaging, {"wait_until": "09:00"}, {"send": "a"})
    await messaging.call("POST", "/v1/journeys", {"key": "plain", "entry": ENTRY, "steps": [{"wait": "PT1H"}]})
    await messaging.call("POST", "/v1/journeys/plain/start")
    messaging.near.down.add("profiles/internal/recipients")
    ada = messaging.near.add_person()
    messaging.near.event(ada, "Signed Up", messaging.clock.now())
    while not await messaging.rows("SELECT 1 FROM journey_runs WHERE resting"):
        assert (await messaging.progress())["pending"] <= 2
    assert [run["path"] for run in await runs(messaging)] == [[]]
    messaging.near.down.clear()
    await messaging.settle()
    [run] = await runs(messaging)
    assert run["step"] == "0"


async def test_a_run_for_each_key_and_only_its_events_are_heard(messaging: Messaging) -> None:
    await begin(
        messaging,
        {"wait": "PT1H"},
        {"send": "a"},
        instance="order_id",
        exit_on={"event": "Order Cancelled"},
        reentry="once",
    )
    ada = messaging.near.add_person(user_id="ada")
    await sign_up(messaging, ada, order_id="1")
    await sign_up(messaging, ada, order_id=2)
    await sign_up(messaging, ada, order_id="2")
    await sign_up(messaging, ada)
    assert sorted(run["instance"] for run in await runs(messaging)) == ["1", "2"]
    await happen(messaging, ada, "Order Cancelled", order_id=1)
    await go(messaging, HOUR)
    assert {run["instance"]: run["reason"] for run in await runs(messaging)} == {"1": "exit_event", "2": "finished"}
    assert await said(messaging) == [("ada", "a")]


async def test_who_enters_again_and_when(messaging: Messaging) -> None:
    await begin(messaging, {"send": "a"}, {"wait": "PT1H"}, reentry="P1D")
    ada = messaging.near.add_person()
    messaging.near.event(ada, "Signed Up", messaging.clock.now())
    messaging.near.event(ada, "Signed Up", messaging.clock.now())
    await sign_up(messaging, ada)
    await go(messaging, 2 * HOUR)
    await sign_up(messaging, ada)
    assert len(await runs(messaging)) == 1
    await go(messaging, 24 * HOUR)
    await sign_up(messaging, ada)
    assert len(await runs(messaging)) == len(await messaging.mailbox()) == 2


async def test_only_what_happens_after_the_start_brings_people_in(messaging: Messaging) -> None:
    before = messaging.clock.now() - HOUR
    await begin(messaging, {"send": "a"})
    ada, bob, eve = (messaging.near.add_person() for _ in range(3))
    messaging.near.event(ada, "Signed Up", before)
    messaging.near.event(bob, "Signed Up", messaging.clock.now(), imported=True)
    messaging.near.event(eve, "Signed Up", messaging.clock.now(), timestamp=before)
    await messaging.settle()
    assert [run["profile_id"] for run in await runs(messaging)] == [str(eve)]
