"""People in journeys: over HTTP, with a stepped clock."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.services.messaging.conftest import Messaging
from tests.services.messaging.test_people import two

HOUR = timedelta(hours=1)
PAID = {"event": "Order Completed"}
ENTRY = {"event": "Signed Up"}


async def begin(messaging: Messaging, *steps: Any, campaigns: Any = None, **fields: Any) -> Any:
    """A running journey by which people go who sign up, with the campaigns that it sends."""
    body = {"key": "welcome", "entry": ENTRY, "steps": list(steps)} | fields
    await messaging.call("POST", "/v1/journeys", body, status=201)
    for key in _sent_by(list(steps)):
        await messaging.campaign(key, trigger={"journey": "welcome"}, **(campaigns or {}))
    return await messaging.call("POST", "/v1/journeys/welcome/start")


def _sent_by(steps: Any) -> list[str]:
    if isinstance(steps, dict):
        return [steps["send"]] if "send" in steps else [key for one in steps.values() for key in _sent_by(one)]
    return [key for one in steps for key in _sent_by(one)] if isinstance(steps, list) else []


async def sign_up(messaging: Messaging, *people: UUID, **properties: Any) -> None:
    for one in people:
        messaging.near.event(one, "Signed Up", messaging.clock.now(), properties)
    await messaging.settle()


async def happen(messaging: Messaging, who: UUID, name: str = "Order Completed", **properties: Any) -> None:
    messaging.near.event(who, name, messaging.clock.now(), properties)
    await messaging.settle()


async def go(messaging: Messaging, by: timedelta) -> None:
    messaging.step(by)
    await messaging.settle()


async def said(messaging: Messaging) -> list[tuple[str, str]]:
    """Who was told what, in its order."""
    return [(mail["to"].split("@")[0], mail["campaign"]) for mail in reversed(await messaging.mailbox())]


async def runs(messaging: Messaging, query: str = "") -> Any:
    return await messaging.items(f"/v1/journeys/welcome/runs?{query}")


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
    assert report["places"] == [{"version": 1, "step": "1", "runs": 1}]
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


async def test_who_is_inside_walks_on_by_the_version_with_which_they_entered(messaging: Messaging) -> None:
    await begin(messaging, {"wait": "PT1H"}, {"send": "old"})
    ada, bob = messaging.near.add_person(user_id="ada"), messaging.near.add_person(user_id="bob")
    await sign_up(messaging, ada)
    await messaging.campaign("new", trigger={"journey": "welcome"})
    body = {"entry": ENTRY, "steps": [{"send": "new"}]}
    assert (await messaging.call("PUT", "/v1/journeys/welcome", body))["version"] == 2
    await sign_up(messaging, bob)
    await go(messaging, HOUR)
    assert await said(messaging) == [("bob", "new"), ("ada", "old")]
    assert {run["version"]: run["profile_id"] for run in await runs(messaging)} == {1: str(ada), 2: str(bob)}


async def test_a_pause_keeps_people_where_they_are_and_waits_that_were_over_are_over(messaging: Messaging) -> None:
    await begin(messaging, {"wait": "PT1H"}, {"send": "a"}, {"wait": "PT1H"}, {"send": "b"}, goal=PAID)
    ada, bob, eve = (messaging.near.add_person(user_id=name) for name in ("ada", "bob", "eve"))
    await sign_up(messaging, ada, bob)
    await messaging.call("POST", "/v1/journeys/welcome/pause")
    await sign_up(messaging, eve)
    await happen(messaging, bob)
    await go(messaging, 48 * HOUR)
    assert await said(messaging) == []
    assert {run["profile_id"]: (run["step"], run["reason"]) for run in await runs(messaging)} == {
        str(ada): ("0", None),
        str(bob): (None, "goal"),
    }
    await messaging.call("POST", "/v1/journeys/welcome/start")
    await messaging.settle()
    assert await said(messaging) == [("ada", "a")]
    await go(messaging, HOUR)
    assert await said(messaging) == [("ada", "a"), ("ada", "b")]


async def test_what_waits_to_be_sent_is_held_up_by_a_pause_and_sent_after_it(messaging: Messaging) -> None:
    await begin(messaging, {"send": "a"}, campaigns={"delay": "PT1H"})
    ada = messaging.near.add_person(user_id="ada")
    await sign_up(messaging, ada)
    await messaging.call("POST", "/v1/journeys/welcome/pause")
    await go(messaging, HOUR)
    [decision] = await messaging.decisions()
    assert (decision["decision"], decision["reason"]) == ("deferred", "journey_paused")
    for _ in range(30):
        await go(messaging, HOUR)
    await messaging.call("POST", "/v1/journeys/welcome/start")
    await messaging.settle()
    assert await said(messaging) == [("ada", "a")]


@pytest.mark.parametrize("same_lane", [False, True])
async def test_of_two_who_are_one_the_run_that_began_first_goes_on(messaging: Messaging, same_lane: bool) -> None:
    await begin(messaging, {"send": "a"}, {"wait": "PT2H"}, {"send": "b"}, campaigns={"delay": "PT1H"})
    loser, survivor = two(messaging.near, same_lane=same_lane)
    await sign_up(messaging, loser)
    messaging.step(HOUR / 2)
    await sign_up(messaging, survivor)
    messaging.near.merge(loser, survivor, messaging.clock.now())
    await messaging.settle()
    kept, ended = sorted(await runs(messaging, f"profile_id={loser}"), key=lambda run: run["entered_at"])
    assert (kept["reason"], ended["reason"]) == (None, "merged")
    assert {kept["profile_id"], ended["profile_id"]} == {str(survivor)}
    for _ in range(3):
        await go(messaging, HOUR)
    assert await said(messaging) == [("survivor", "a"), ("survivor", "b")]
    assert sorted(one["reason"] for one in await messaging.decisions()) == ["journey_exited", "sent", "sent"]


async def test_a_merge_that_profiles_knows_first_does_not_end_a_run(messaging: Messaging) -> None:
    entry = {"segment": "vip", "on": "entered"}
    await begin(messaging, {"wait": "PT1H"}, {"send": "a"}, entry=entry, leave_with_segment=True)
    loser, survivor = two(messaging.near)
    await messaging.enter(loser)
    await messaging.settle()
    now = messaging.clock.now()
    messaging.near.change(loser, "vip", now, "left", cause="merge")
    messaging.near.change(survivor, "vip", now, cause="merge")
    messaging.near.merged[loser] = survivor
    await go(messaging, HOUR)
    messaging.near.merge(loser, survivor, messaging.clock.now())
    await messaging.settle()
    messaging.step(timedelta(seconds=2))
    await messaging.settle()
    assert await said(messaging) == [("survivor", "a")]


async def test_nothing_of_an_erased_person_remains(messaging: Messaging) -> None:
    await begin(messaging, {"wait": "PT1H"}, {"send": "a"})
    ada = messaging.near.add_person(user_id="ada")
    await sign_up(messaging, ada, note="ada's own")
    messaging.near.erase(ada, messaging.clock.now())
    await messaging.settle()
    assert await messaging.rows("SELECT * FROM journey_runs") == []
    await sign_up(messaging, ada)
    assert await runs(messaging) == []


async def test_a_deleted_journey_ends_its_runs_and_frees_its_key(messaging: Messaging) -> None:
    await begin(messaging, {"send": "a"}, {"wait": "PT1H"}, campaigns={"delay": "PT1H"})
    await sign_up(messaging, messaging.near.add_person())
    refused = await messaging.call("DELETE", "/v1/journeys/welcome", status=409)
    assert refused["code"] == "in_use"
    await messaging.call("DELETE", "/v1/campaigns/a", status=204)
    await messaging.call("DELETE", "/v1/journeys/welcome", status=204)
    while await messaging.rows("SELECT 1 FROM journey_runs WHERE ended_at IS NULL"):
        await messaging.progress()
    [row] = await messaging.rows("SELECT reason FROM journey_runs")
    assert row["reason"] == "deleted"
    await messaging.call("GET", "/v1/journeys/welcome", status=404)
    await messaging.call("POST", "/v1/journeys", {"key": "welcome", "entry": ENTRY, "steps": [{"wait": "P1D"}]})


async def test_a_journey_needs_its_segments_and_to_start_its_campaigns(messaging: Messaging) -> None:
    messaging.near.no_segments.add("nowhere")
    branch = {"branch": [{"if": {"segment": "nowhere"}, "steps": []}]}
    wrong = {"key": "welcome", "entry": ENTRY, "steps": [branch]}
    refused = await messaging.call("POST", "/v1/journeys", wrong, status=422)
    assert [fault["loc"] for fault in refused["errors"]] == [["body", "steps", 0, "branch", 0, "if", "segment"]]
    body = {"key": "welcome", "entry": ENTRY, "steps": [{"wait": "P1D"}, {"send": "a"}]}
    await messaging.call("POST", "/v1/journeys", body, status=201)
    await messaging.call("POST", "/v1/journeys", body, status=409)
    for made in (False, True):
        if made:
            await messaging.campaign("a", trigger={"journey": "welcome"}, start=False)
        refused = await messaging.call("POST", "/v1/journeys/welcome/start", status=422)
        assert [fault["loc"] for fault in refused["errors"]] == [["body", "steps", 1, "send"]]
    await messaging.call("POST", "/v1/campaigns/a/start")
    await messaging.call("POST", "/v1/journeys/welcome/start", status=200)
    body = {"key": "b", "trigger": {"journey": "nowhere"}, "template": "a", "purpose": "marketing"}
    refused = await messaging.call("POST", "/v1/campaigns", body, status=422)
    assert [fault["loc"] for fault in refused["errors"]] == [["body", "trigger", "journey"]]


async def test_a_campaign_that_is_paused_is_not_said_and_the_run_goes_on(messaging: Messaging) -> None:
    await begin(messaging, {"send": "a"}, {"send": "b"})
    await messaging.call("POST", "/v1/campaigns/a/pause")
    await sign_up(messaging, messaging.near.add_person(user_id="ada"))
    assert await said(messaging) == [("ada", "b")]
    assert sorted(one["reason"] for one in await messaging.decisions()) == ["campaign_not_running", "sent"]


async def test_segments_learns_which_journeys_name_a_segment(messaging: Messaging) -> None:
    step = {"wait_for": {"segment": "vip", "on": "entered"}, "at_most": "P1D"}
    await begin(messaging, step)
    await sign_up(messaging, messaging.near.add_person())
    headers = {"Authorization": f"Bearer {messaging.app.state.internal_token}"}
    await messaging.call("PUT", "/v1/journeys/welcome", {"entry": ENTRY, "steps": [{"wait": "P1D"}]})
    for key, expected in (("vip", ["welcome (journey)"]), ("other", [])):
        answer = await messaging.http.get(f"/internal/segments/{key}/uses", headers=headers)
        assert answer.json() == {"campaigns": expected}
