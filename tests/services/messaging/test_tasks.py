"""Tasks of staff: made once, taken by one, escalated while nobody has taken them, and never after that."""

import asyncio
from datetime import datetime
from uuid import UUID

import httpx

from services.messaging.service.tasks import take_task
from tests.services.messaging.conftest import Messaging
from tests.services.messaging.neighbours import consent
from tests.services.messaging.senders import make_sender
from tests.services.messaging.staff import HEAD, MINUTE, call_back, ordered, tasks_of
from tests.services.messaging.test_smtp import outcome_names


async def test_an_order_is_a_task_which_one_takes_and_finishes(messaging: Messaging) -> None:
    await call_back(messaging)
    quiet = {"from": f"{messaging.clock.now() - MINUTE:%H:%M}", "until": f"{messaging.clock.now() + 9 * MINUTE:%H:%M}"}
    await messaging.call("PUT", "/v1/settings", {"quiet_hours": quiet, "control_group": 1})
    task = await ordered(messaging, consents=[consent("denied")])
    assert (task["title"], task["team"], task["state"], task["overdue"]) == (
        "Call Ada about 1003",
        "phone",
        "open",
        False,
    )
    [decision] = [one for one in await messaging.decisions() if one["reason"] == "task_created"]
    assert (decision["decision"], decision["facts"]["task_id"]) == ("sent", task["id"])
    taken = await messaging.call("POST", f"/v1/tasks/{task['id']}/take", {"by": "eva"})
    assert (taken["state"], taken["taken_by"]) == ("taken", "eva")
    done = await messaging.call("POST", f"/v1/tasks/{task['id']}/done", {"outcome": "reached"})
    assert [one["what"] for one in done["history"]] == ["created", "taken", "done"]
    assert await messaging.call("GET", f"/v1/tasks/{task['id']}") == done
    messaging.step(20 * MINUTE)
    await messaging.settle()
    assert await messaging.mailbox() == []
    assert await outcome_names(messaging) == ["Task Created", "Task Taken", "Task Done"]
    assert "task_done" in {one["reason"] for one in await messaging.decisions()}


async def test_it_is_escalated_at_its_instant_and_not_before(messaging: Messaging) -> None:
    await call_back(messaging, escalate=[HEAD, {**HEAD, "after": "PT1H"}])
    task = await ordered(messaging)
    [first, second] = [one for one in await messaging.decisions() if one["decision"] == "deferred"][::-1]
    assert first["facts"]["until"] == task["due_at"], "to the instant"
    assert datetime.fromisoformat(second["facts"]["until"]) == datetime.fromisoformat(task["due_at"]) + 45 * MINUTE
    messaging.step(13 * MINUTE)
    await messaging.settle()
    assert await messaging.mailbox() == []
    messaging.step(2 * MINUTE)
    await messaging.settle()
    [mail] = await messaging.mailbox()
    assert (mail["to"], mail["text"]) == ("boss@shop.example", "Call Ada about 1003 (step 1)")
    shown = await messaging.call("GET", f"/v1/tasks/{task['id']}")
    assert shown["overdue"]
    assert shown["history"][1] | {"at": None} == {"what": "escalated", "at": None, "step": 1, "to": "boss@shop.example"}
    messaging.step(45 * MINUTE)
    await messaging.settle()
    assert [one["text"][-8:] for one in await messaging.mailbox()] == ["(step 2)", "(step 1)"]
    names = await outcome_names(messaging)
    assert sorted(names) == sorted(["Task Created", *["Task Escalated", "Staff Email Sent"] * 2])


async def test_of_many_who_take_it_at_once_one_has_it(messaging: Messaging) -> None:
    await call_back(messaging)
    path = f"/v1/tasks/{(await ordered(messaging))['id']}"
    names = [f"agent-{number}" for number in range(8)]
    answers = await asyncio.gather(
        *(messaging.http.post(f"{path}/take", content=f'{{"by": "{name}"}}') for name in names)
    )
    [won] = [answer for answer in answers if answer.status_code == 200]
    who = won.json()["taken_by"]
    for lost in (answer for answer in answers if answer is not won):
        assert (lost.status_code, lost.json()["code"], lost.json()["taken_by"]) == (409, "task_taken", who)
    again = await messaging.call("POST", f"{path}/take", {"by": who})
    assert (again["taken_at"], len(again["history"])) == (won.json()["taken_at"], 2), "told twice, it is theirs once"


async def test_what_was_taken_meanwhile_is_told_nobody(messaging: Messaging) -> None:
    """Between the look at what is due and its claim."""
    await call_back(messaging)
    task = await ordered(messaging)
    await messaging.stop()
    messaging.step(20 * MINUTE)

    class TakenMeanwhile(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path == "/internal/recipients":
                await take_task(db, UUID(task["id"]), by="eva", at=messaging.clock.now())
            return await near.handle_async_request(request)

    near = messaging.near
    messaging.near = TakenMeanwhile()  # type: ignore[assignment]
    async with make_sender(messaging, "one") as one:
        db = one.db
        await one.leases.renew()
        assert await one.sender.step() == 1
    messaging.near = near
    await messaging.start()
    assert await messaging.mailbox() == []
    last = (await messaging.decisions())[0]
    assert (last["decision"], last["reason"], last["facts"]["taken_by"]) == ("skipped", "task_taken", "eva")


async def test_who_gives_a_task_back_lets_the_others_be_told_and_no_one_twice(messaging: Messaging) -> None:
    await call_back(messaging, escalate=[{**HEAD, "after": "PT0S"}, HEAD, {**HEAD, "after": "PT1H"}])
    path = f"/v1/tasks/{(await ordered(messaging))['id']}"
    assert len(await messaging.mailbox()) == 1
    await messaging.call("POST", f"{path}/done", {}, status=409)
    await messaging.call("POST", f"{path}/take", {"by": "eva"})
    messaging.step(20 * MINUTE)
    await messaging.settle()
    assert len(await messaging.mailbox()) == 1
    free = await messaging.call("POST", f"{path}/release")
    assert (free["state"], free["taken_by"], free["history"][-1]["what"]) == ("open", None, "released")
    await messaging.settle()
    assert [one["text"][-8:] for one in await messaging.mailbox()] == ["(step 2)", "(step 1)"]
    await messaging.call("POST", f"{path}/release")
    await messaging.call("POST", f"{path}/take", {"by": "max"})
    await messaging.call("POST", f"{path}/done", {})
    messaging.step(60 * MINUTE)
    await messaging.settle()
    assert len(await messaging.mailbox()) == 2
    for action, body in (("take", {"by": "eva"}), ("release", None), ("done", {"outcome": "else"})):
        refusal = await messaging.call("POST", f"{path}/{action}", body, status=409)
        assert refusal["code"] == "task_done"
    await messaging.call("POST", f"{path}/done", {})


async def test_lists_are_soonest_due_first_and_know_what_time_does(messaging: Messaging) -> None:
    await call_back(messaging, expires_after="PT1H")
    await tasks_of(messaging, "slow", within="P1D", team="desk", escalate=[])
    ada, _ = await ordered(messaging, "1"), await ordered(messaging, "2")
    everything = await messaging.call("GET", "/v1/tasks?limit=3")
    rest = await messaging.call("GET", f"/v1/tasks?limit=3&cursor={everything['next']}")
    assert [one["campaign"] for one in everything["items"] + rest["items"]] == ["call-back"] * 2 + ["slow"] * 2
    assert len({one["id"] for one in everything["items"] + rest["items"]}) == 4
    await messaging.call("POST", f"/v1/tasks/{ada['id']}/take", {"by": "eva"})
    messaging.step(80 * MINUTE)

    async def counts() -> dict[str, int]:
        states = ("open", "taken", "done", "expired")
        return {one: len(await messaging.items(f"/v1/tasks?state={one}")) for one in states}

    assert await counts() == {"open": 1, "taken": 1, "done": 0, "expired": 2}
    assert [one["state"] for one in await messaging.items("/v1/tasks?team=desk")] == ["taken", "open"]
    [expired, *_] = await messaging.items("/v1/tasks?state=expired&campaign=call-back")
    assert not expired["overdue"]
    refusal = await messaging.call("POST", f"/v1/tasks/{expired['id']}/take", {"by": "max"}, status=409)
    assert refusal["code"] == "task_expired"
