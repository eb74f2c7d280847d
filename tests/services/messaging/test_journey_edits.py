"""Journeys that are edited, paused and deleted while people are inside, and people who merge or are erased there."""

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.services.messaging.conftest import Messaging
from tests.services.messaging.journeys import ENTRY, HOUR, PAID, begin, go, happen, runs, said, sign_up
from tests.services.messaging.test_people import two


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
    assert [one["version"] for one in await messaging.items("/v1/journeys/welcome/versions")] == [2, 1]
    older = await messaging.call("GET", "/v1/journeys/welcome/versions?limit=1")
    [first] = await messaging.items(f"/v1/journeys/welcome/versions?cursor={older['next']}")
    assert first["definition"]["steps"] == [{"wait": "PT1H"}, {"send": "old"}]
    assert {run["version"]: run["profile_id"] for run in await runs(messaging)} == {1: str(ada), 2: str(bob)}


async def test_a_number_in_an_entry_is_kept_however_large_it_may_be(messaging: Messaging) -> None:
    where = [{"property": "total", "op": "<", "value": Decimal("1e100")}]
    await begin(messaging, {"send": "vast"}, entry={**ENTRY, "where": where})
    await sign_up(messaging, messaging.near.add_person(user_id="ada"))
    [version] = await messaging.items("/v1/journeys/welcome/versions")
    shown = await messaging.call("GET", "/v1/journeys/welcome")
    for definition in (version["definition"], shown):
        written = {key: definition[key] for key in ("key", "entry", "steps")}
        assert (await messaging.call("PUT", "/v1/journeys/welcome", written))["entry"]["where"] == where


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
    await begin(messaging, {"send": "a"}, campaigns={"delay": "PT1H", "stale_after": "PT1H"})
    ada = messaging.near.add_person(user_id="ada")
    await sign_up(messaging, ada)
    await messaging.call("POST", "/v1/journeys/welcome/pause")
    await go(messaging, HOUR)
    [decision] = await messaging.decisions()
    assert (decision["decision"], decision["reason"]) == ("deferred", "journey_paused")
    for _ in range(3):
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
    assert kept["user_id"] == "survivor"
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
