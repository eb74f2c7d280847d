"""Tasks of staff: made once, taken by one, escalated while nobody has taken them, and never after that."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import httpx
import pytest

from services.messaging.clients.smtp import Server, SmtpProvider
from services.messaging.service.forgetting import Forgetter
from services.messaging.service.sender import Outdated
from services.messaging.service.tasks import take_task
from services.messaging.store.tasks import count_tasks
from tests.services.messaging.conftest import Messaging, NewMessaging
from tests.services.messaging.neighbours import consent
from tests.services.messaging.post import Post
from tests.services.messaging.senders import make_sender
from tests.services.messaging.staff import HEAD, MINUTE, call_back, order, ordered, tasks_of
from tests.services.messaging.test_smtp import outcome_names
from tests.support.ports import free_ports
from tests.support.waiting import until


async def test_an_order_is_a_task_which_one_takes_and_finishes(messaging: Messaging) -> None:
    await call_back(messaging)
    quiet = {"from": f"{messaging.clock.now() - MINUTE:%H:%M}", "until": f"{messaging.clock.now() + 9 * MINUTE:%H:%M}"}
    await messaging.call("PUT", "/v1/settings", {"quiet_hours": quiet, "control_group": 1})
    task = await ordered(messaging, user_id="ada", consents=[consent("denied")])
    assert (task["user_id"], task["title"], task["team"], task["state"], task["overdue"]) == (
        "ada",
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
    refusal = await messaging.call("GET", "/v1/tasks?teams=desk", status=422)
    assert refusal["detail"].startswith("teams: is not known here; known: campaign, ")
    [expired, *_] = await messaging.items("/v1/tasks?state=expired&campaign=call-back")
    assert not expired["overdue"]
    refusal = await messaging.call("POST", f"/v1/tasks/{expired['id']}/take", {"by": "max"}, status=409)
    assert refusal["code"] == "task_expired"


async def test_a_sender_that_dies_before_its_commit_leaves_nothing_and_one_task_is_made(messaging: Messaging) -> None:
    await call_back(messaging)
    await messaging.stop()
    order(messaging, messaging.near.add_person())
    times = iter([0.0, 2.1])  # too late: the claim is rolled back at its very end
    async with make_sender(messaging, "one", elapsed=lambda: next(times)) as one:
        await one.take_in()
        await one.leases.renew()
        with pytest.raises(Outdated):
            await one.sender.step()
    assert await messaging.rows("SELECT 1 FROM tasks") == []
    async with make_sender(messaging, "one") as one, make_sender(messaging, "two") as two:
        await one.leases.renew()
        two.leases.held = dict(one.leases.held)  # as a worker that does not know yet that it lost its lanes
        await asyncio.gather(*(s.sender.step() for s in (one, two) * 3), return_exceptions=True)
    assert len(await messaging.rows("SELECT 1 FROM tasks")) == 1
    assert len(await messaging.rows("SELECT 1 FROM sends WHERE trigger ? 'task'")) == 1
    assert await outcome_names(messaging) == ["Task Created"]
    await messaging.start()


async def test_an_escalation_that_a_dying_sender_had_given_away_is_not_told_twice(new_messaging: NewMessaging) -> None:
    started = asyncio.Event()

    async def never(_post: Post, _address: str) -> str:
        started.set()
        await asyncio.sleep(30)
        return "250 OK"

    async with Post(data=never).open() as post:
        messaging = await new_messaging(**post.settings)
        await call_back(messaging, escalate=[{**HEAD, "after": "PT0S"}])
        await messaging.stop()
        order(messaging, messaging.near.add_person())
        smtp = SmtpProvider(Server("127.0.0.1", post.port), timeout=20, room=4)
        async with make_sender(messaging, "messaging-test", carriers={"email": smtp}) as one:
            await one.take_in()
            await one.leases.renew()
            assert [await one.sender.step(), await one.sender.step()] == [1, 1]
            await started.wait()
            await one.providers.finish(within=0)  # as kill -9: the answer is never recorded
        await messaging.start()
        await messaging.settle()
        assert [one["decision"] for one in await messaging.decisions()] == ["unknown", "sent"]
        assert post.tries == 1
        assert await outcome_names(messaging) == ["Task Created", "Task Escalated", "Staff Email Unconfirmed"]


async def test_a_task_is_made_while_the_provider_of_its_steps_is_away(new_messaging: NewMessaging) -> None:
    messaging = await new_messaging(smtp_host="127.0.0.1", smtp_port=free_ports(1)[0])
    await call_back(messaging, escalate=[{**HEAD, "after": "PT0S"}])
    for number in range(12):  # more than it takes for the provider to be left alone
        order(messaging, messaging.near.add_person(), str(number))

    async def all_are_made() -> bool:
        return len(await messaging.items("/v1/tasks?state=open")) == 12

    await until(all_are_made)


async def test_old_tasks_are_forgotten_and_those_that_wait_are_counted(messaging: Messaging) -> None:
    await call_back(messaging, escalate=[])
    old, _ = await ordered(messaging), await ordered(messaging)
    await messaging.call("POST", f"/v1/tasks/{old['id']}/take", {"by": "eva"})
    await messaging.call("POST", f"/v1/tasks/{old['id']}/done", {})
    db = messaging.app.state.frame.db
    assert await count_tasks(db, list(range(64)), now=messaging.clock.now() + 15 * MINUTE) == (1, 0, 1)
    messaging.step(timedelta(days=8))
    fresh = await ordered(messaging)
    messaging.step(timedelta(days=400))
    await messaging.stop()
    async with make_sender(messaging, "one") as one:
        await one.leases.renew()
        await Forgetter(one.db, leases=one.leases, clock=messaging.clock, kept=timedelta(days=400)).step()
    await messaging.start()
    assert [one["id"] for one in await messaging.items("/v1/tasks")] == [fresh["id"]]
    assert [row["state"] for row in await messaging.rows("SELECT state FROM tasks")] == ["expired"]
