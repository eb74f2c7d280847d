"""What staff are told: nothing of it is said to the person whom it is about, nor counts as theirs."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.services.messaging.conftest import Messaging, NewMessaging
from tests.services.messaging.neighbours import consent
from tests.services.messaging.receiver import Receiver
from tests.services.messaging.staff import BOSS, HEAD, MINUTE, ORDER, call_back, order, ordered
from tests.services.messaging.test_people import two
from tests.services.messaging.test_smtp import outcome_names

GERMAN = {"de": {"subject": "Hallo", "body": "Hallo Ada"}}


async def desk(messaging: Messaging, **changed: Any) -> None:
    """A campaign that tells the desk who became a good customer."""
    fields: dict[str, Any] = {"purpose": "operational", "recipient": {"email": "desk@shop.example"}}
    await messaging.campaign(template={"locales": GERMAN}, **(fields | changed))


async def test_the_desk_is_told_whatever_the_person_allowed_and_as_often_as_it_happens(messaging: Messaging) -> None:
    caps = {"frequency_caps": [{"purpose": "marketing", "max": 0, "within": "P1D"}], "control_group": 1}
    await messaging.call("PUT", "/v1/settings", caps)
    await desk(messaging)
    traits = {"email": "ada@example.com", "first_name": "Ada", "locale": "de"}
    ada = messaging.near.add_person(traits=traits, consents=[consent("denied")])
    for _ in range(2):
        await messaging.enter(ada)
        await messaging.settle()
    mails = await messaging.mailbox()
    assert [(one["to"], one["text"], one["locale"]) for one in mails] == [("desk@shop.example", "Hi Ada", None)] * 2
    assert {one["profile_id"] for one in mails} == {str(ada)}
    assert await outcome_names(messaging) == ["Staff Email Sent"] * 2
    shown = (await messaging.decisions())[0]["facts"]
    assert (shown["purpose"], shown["to"]) == ("operational", "staff")


async def test_who_unsubscribes_at_the_desk_is_the_desk(messaging: Messaging) -> None:
    await desk(messaging)
    await messaging.campaign("news")
    ada, ben = messaging.near.add_person(), messaging.near.add_person()
    await messaging.enter(ada)
    await messaging.settle()
    [link] = [one["headers"]["List-Unsubscribe"] for one in await messaging.mailbox() if one["campaign"] == "hello"]
    await messaging.http.post(link.strip("<>"), content="List-Unsubscribe=One-Click")
    await messaging.enter(ben)
    await messaging.settle()
    told = {one["campaign"]: one["reason"] for one in await messaging.decisions(f"profile_id={ben}")}
    assert told == {"hello": "suppressed", "news": "sent"}
    assert messaging.near.consents_told == []
    assert "Unsubscribed" not in await outcome_names(messaging)


async def test_a_system_is_told_by_a_signed_webhook(new_messaging: NewMessaging) -> None:
    async with Receiver(200).open() as system:
        secret = "whsec_" + "QUJD" * 12
        messaging = await new_messaging(webhook_url=system.url, webhook_secret=secret)
        await messaging.campaign(
            template={"channel": "webhook", "subject": None}, purpose="operational", recipient={"webhook": True}
        )
        ada = messaging.near.add_person(consents=[])
        await messaging.enter(ada)
        await messaging.settle()
        [posted] = system.posted
        assert (posted.body["data"]["profile_id"], posted.body["data"]["text"]) == (str(ada), "Hi Ada")
        assert [one["to"] for one in await messaging.items("/v1/deliveries")] == ["webhook"]


@pytest.mark.parametrize("same_lane", [False, True])
async def test_a_task_goes_along_with_a_merge_and_is_escalated_once(messaging: Messaging, same_lane: bool) -> None:
    await call_back(messaging)
    loser, survivor = two(messaging.near, same_lane=same_lane)
    order(messaging, loser)
    await messaging.settle()
    messaging.near.merge(loser, survivor, messaging.clock.now())
    await messaging.settle()
    [task] = await messaging.items(f"/v1/tasks?profile_id={loser}")
    assert (task["profile_id"], task["user_id"]) == (str(survivor), "survivor")
    messaging.step(15 * MINUTE)
    await messaging.settle()
    assert len(await messaging.mailbox()) == 1
    await messaging.call("POST", f"/v1/tasks/{task['id']}/take", {"by": "eva"})
    found = await messaging.call("GET", f"/v1/tasks/{task['id']}")
    assert [one["what"] for one in found["history"]] == ["created", "escalated", "taken"]


async def test_nothing_remains_of_the_tasks_about_who_is_erased(messaging: Messaging) -> None:
    await call_back(messaging)
    task = await ordered(messaging, user_id="ada")
    ada = UUID(task["profile_id"])
    messaging.near.erase(ada, messaging.clock.now())
    await messaging.settle()
    assert await messaging.rows("SELECT 1 FROM tasks") == []
    await messaging.call("GET", f"/v1/tasks/{task['id']}", status=404)
    await messaging.call("POST", f"/v1/tasks/{task['id']}/take", {"by": "eva"}, status=404)
    messaging.step(15 * MINUTE)
    await messaging.settle()
    assert await messaging.decisions(f"profile_id={ada}") == await messaging.mailbox() == []


async def test_templates_and_plans_are_checked(messaging: Messaging) -> None:
    await call_back(messaging)
    assert (await messaging.call("DELETE", "/v1/templates/alarm", status=409))["code"] == "in_use"
    body = {"key": "x", "trigger": {"event": ORDER}, "purpose": "operational"}
    plan = {"title": "x", "within": "PT15M"}
    for step, loc in (
        ({**HEAD, "template": "none"}, ["body", "task", "escalate", 0, "template"]),
        ({**HEAD, "recipient": {"webhook": True}}, ["body", "task", "escalate", 0, "recipient"]),
    ):
        refusal = await messaging.call(
            "POST", "/v1/campaigns", body | {"task": plan | {"escalate": [step]}}, status=422
        )
        assert [one["loc"] for one in refusal["errors"]] == [loc]
    other = body | {"key": "call-back", "recipient": BOSS, "template": "alarm"}
    refusal = await messaging.call("PUT", "/v1/campaigns/call-back", other, status=422)
    assert [one["loc"] for one in refusal["errors"]] == [["body", "task"]]


async def test_a_step_that_is_no_more_still_has_its_decision(messaging: Messaging) -> None:
    await call_back(messaging, escalate=[HEAD, {**HEAD, "after": "PT30M"}])
    await ordered(messaging)
    body = (await messaging.call("GET", "/v1/campaigns/call-back"))["task"]
    plan = {"trigger": {"event": ORDER}, "purpose": "operational", "task": body | {"escalate": [HEAD]}}
    await messaging.call("PUT", "/v1/campaigns/call-back", plan)
    messaging.step(timedelta(minutes=31))
    await messaging.settle()
    reasons = [one["reason"] for one in await messaging.decisions()]
    assert sorted(reasons) == ["campaign_not_running", "sent", "task_created"]
