"""Decisions against a real database: caps, windows, variants, neighbours that are away, and nothing twice."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from services.messaging.domain.drawing import in_control_group
from services.messaging.service.sender import Outdated
from shared.plumbing.leases import LeaseLost
from tests.services.messaging.chance import drawn, someone
from tests.services.messaging.conftest import Messaging, NewMessaging
from tests.services.messaging.neighbours import consent
from tests.services.messaging.senders import make_sender
from tests.support.logged import logged
from tests.support.waiting import until

HOUR = timedelta(hours=1)
CAP = {"frequency_caps": [{"purpose": "marketing", "channel": "email", "max": 2, "within": "P7D"}], "quiet_hours": None}


async def test_caps_hold_for_messages_claimed_side_by_side_and_lapse(messaging: Messaging) -> None:
    await messaging.call("PUT", "/v1/settings", CAP)
    for n in range(5):
        await messaging.campaign(f"c{n}")
    ada = messaging.near.add_person()
    await messaging.enter(ada)
    await messaging.settle()
    assert Counter(one["reason"] for one in await messaging.decisions()) == {"sent": 2, "frequency_cap": 3}
    capped = (await messaging.decisions("decision=skipped"))[0]
    assert capped["facts"] == {"cap": CAP["frequency_caps"][0], "sent": 2}  # type: ignore[index]
    messaging.step(timedelta(days=7))
    await messaging.campaign("later", trigger={"segment": "other", "on": "entered"})
    await messaging.enter(ada, segment="other")
    await messaging.settle()
    assert Counter(one["reason"] for one in await messaging.decisions("campaign=later")) == {"sent": 1}


async def test_transactional_messages_yield_to_no_cap_nor_hour_and_need_no_consent(messaging: Messaging) -> None:
    rules = {"frequency_caps": [{"purpose": "marketing", "max": 0, "within": "P1D"}]}
    await messaging.call("PUT", "/v1/settings", rules | {"quiet_hours": {"from": "00:00", "until": "23:59"}})
    await messaging.campaign(purpose="transactional", trigger={"event": "Order Completed"}, holdout=1)
    ada = messaging.near.add_person(consents=[consent("denied", channel="any")])
    messaging.near.event(ada, "Order Completed", messaging.clock.now())
    await messaging.settle()
    assert await messaging.decided() == {str(ada): "sent"}


async def test_quiet_hours_defer_and_everything_is_decided_again(messaging: Messaging) -> None:
    now = messaging.clock.now()
    messaging.step(datetime(now.year + 1, 7, 1, 22, tzinfo=UTC) - now)
    quiet = {"frequency_caps": [], "quiet_hours": {"from": "21:00", "until": "08:00"}}
    await messaging.call("PUT", "/v1/settings", quiet)
    await messaging.campaign(stale_after="PT1H")
    traits = {"email": "a@example.com", "timezone": "Europe/Berlin"}
    ada, bob = messaging.near.add_person(traits=traits), messaging.near.add_person(traits=traits)
    await messaging.enter(ada, bob)
    await messaging.settle()
    until = f"{now.year + 1}-07-02T06:00:00Z"
    for one in await messaging.decisions():
        assert (one["decision"], one["reason"], one["facts"]["until"]) == ("deferred", "quiet_hours", until)
    messaging.near.people[bob]["consents"] = []
    messaging.step(8 * HOUR)
    await messaging.settle()
    assert await messaging.decided() == {str(ada): "sent", str(bob): "no_consent"}


async def test_a_deferred_message_is_stale_counted_from_when_it_was_allowed(messaging: Messaging) -> None:
    now = messaging.clock.now()
    messaging.step(datetime(now.year + 1, 7, 1, 22, tzinfo=UTC) - now)
    await messaging.call("PUT", "/v1/settings", {"quiet_hours": {"from": "21:00", "until": "08:00"}})
    await messaging.campaign(stale_after="PT1H")
    ada = messaging.near.add_person()
    await messaging.enter(ada)
    await messaging.settle()
    await messaging.stop()
    messaging.clock.step(12 * HOUR)
    await messaging.start()
    await messaging.settle()
    assert await messaging.decided() == {str(ada): "stale"}


async def test_no_window_at_all_is_final(messaging: Messaging) -> None:
    await messaging.campaign()
    ada = messaging.near.add_person(preferences={"contact_windows": [{"days": [], "from": "10:00", "until": "11:00"}]})
    await messaging.enter(ada)
    await messaging.settle()
    assert await messaging.decided() == {str(ada): "no_window"}


async def test_a_template_that_fails_for_one_person_fails_for_nobody_else(messaging: Messaging) -> None:
    await messaging.campaign(template={"body": "{{ 10 | divided_by: profile.traits.n }}"})
    ada = messaging.near.add_person(traits={"email": "a@example.com", "n": 5})
    bob = messaging.near.add_person(traits={"email": "b@example.com", "n": 0})
    await messaging.enter(ada, bob)
    await messaging.settle()
    assert await messaging.decided() == {str(ada): "sent", str(bob): "template_error"}
    [failed] = await messaging.decisions("decision=failed")
    assert failed["facts"]["template"] == "hello"


async def test_while_profiles_is_away_messages_wait(messaging: Messaging) -> None:
    await messaging.campaign()
    ada = messaging.near.add_person()
    messaging.near.down.add("profiles")
    await messaging.enter(ada)

    async def it_waits() -> bool:
        return bool((await messaging.progress())["pending"] == 1)

    await until(it_waits, "the message waits")
    assert await messaging.decisions() == []
    messaging.near.down.clear()
    await messaging.settle()
    assert await messaging.decided() == {str(ada): "sent"}


async def test_variants_and_holdout_are_drawn_once_and_reported(messaging: Messaging) -> None:
    for key in ("a", "b"):
        body = {"key": key, "channel": "email", "subject": key, "body": key}
        await messaging.call("POST", "/v1/templates", body, status=201)
    made = await messaging.campaign(
        variants=[{"template": "a", "weight": 1}, {"template": "b", "weight": 1}],
        holdout=0.25,
        goal={"event": "Order Completed", "within": "P7D", "revenue": "total"},
    )
    people = [messaging.near.add_person(id=drawn(made, held=n % 4 == 0)) for n in range(60)]
    await messaging.enter(*people)
    await messaging.settle()
    for _ in range(2):  # the second order converts nobody again
        for one in people[:30]:
            messaging.near.event(one, "Order Completed", messaging.clock.now(), {"total": 10})
    messaging.near.event(people[40], "Order Completed", messaging.clock.now() + timedelta(days=8), {"total": 10})
    await messaging.settle()
    report = await messaging.call("GET", "/v1/campaigns/hello/report")
    assert report["triggers"] == 60
    assert (report["decisions"]["sent"], report["decisions"]["held_out"]) == (45, 15)
    assert {"a", "b"} == set(report["variants"])
    assert report["sent"]["conversions"] + report["holdout"]["conversions"] == 30
    assert report["sent"]["revenue"] + report["holdout"]["revenue"] == 300
    effect = report["effect"]
    told, held = effect["told"], effect["held_out"]
    assert (told["people"], held["people"]) == (report["sent"]["sent"], report["holdout"]["held_out"]) == (45, 15)
    assert (told["converted"], held["converted"]) == (22, 8)
    assert (told["average_order_value"], told["revenue_per_person"]) == (
        10,
        pytest.approx(Decimal(10 * told["converted"]) / told["people"], abs=Decimal("0.00001")),
    )
    assert sum(one["people"] for one in effect["variants"].values()) == told["people"]
    low, high = effect["difference_interval"]
    assert low <= effect["difference"] <= high
    assert effect["in_words"].startswith(f"Of {told['people']} told, {told['converted']} ")


def _is_in_control_group(wanted: bool, profile_id: UUID) -> bool:
    return in_control_group(Decimal("0.3"), profile_id) is wanted


async def test_the_control_group_hears_of_no_campaign_but_of_its_own_affairs(messaging: Messaging) -> None:
    goal = {"event": "Order Completed", "within": "P7D", "revenue": "total"}
    await messaging.call("PUT", "/v1/settings", {"control_group": 0.3})
    for key in ("hello", "again"):
        await messaging.campaign(key, goal=goal)
    await messaging.campaign("receipt", purpose="transactional")
    people = [messaging.near.add_person(id=someone(partial(_is_in_control_group, n % 4 == 0))) for n in range(40)]
    await messaging.enter(*people)
    await messaging.settle()
    quiet = {one["profile_id"] for one in await messaging.decisions("campaign=hello&decision=held_out")}
    assert quiet == {str(one) for one in people[::4]}
    assert {one["reason"] for one in await messaging.decisions("decision=held_out")} == {"control_group"}
    assert quiet == {one["profile_id"] for one in await messaging.decisions("campaign=again&decision=held_out")}
    assert len(await messaging.decisions("campaign=receipt&decision=sent")) == 40
    for one in people[:20]:
        messaging.near.event(one, "Order Completed", messaging.clock.now(), {"total": 10})
    await messaging.settle()
    report = await messaging.call("GET", "/v1/control-group/report")
    told, control = report["told"], report["control_group"]
    assert (told["people"], control["people"]) == (40 - len(quiet), len(quiet))
    assert told["converted"] + control["converted"] == 20
    assert told["average_order_value"] == 10, "one order that two campaigns hoped for is one"
    assert (await messaging.call("GET", "/v1/campaigns/hello/report"))["effect"]["held_out"]["people"] == 0
    later = (messaging.clock.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (await messaging.call("GET", f"/v1/control-group/report?since={later}"))["told"]["people"] == 0


async def test_what_started_a_message_is_not_its_success(messaging: Messaging) -> None:
    goal = {"event": "Order Completed", "within": "P7D", "revenue": "total"}
    await messaging.campaign(trigger={"event": "Order Completed"}, goal=goal, reentry="always")
    ada, ben = messaging.near.add_person(), messaging.near.add_person()
    for one in (ada, ben):
        messaging.near.event(one, "Order Completed", messaging.clock.now(), {"total": 10})
    await messaging.settle()
    messaging.step(timedelta(hours=1))
    messaging.near.event(ben, "Order Completed", messaging.clock.now(), {"total": 20})
    await messaging.settle()
    told = (await messaging.call("GET", "/v1/campaigns/hello/report"))["effect"]["told"]
    assert (told["people"], told["converted"], told["revenue_per_person"]) == (2, 1, 10)


async def test_the_goals_time_runs_from_when_the_message_was_due_whenever_it_goes_out(messaging: Messaging) -> None:
    """Held out people have no quiet hours: they are measured from the same instant."""
    start = messaging.clock.now()
    night = {"from": f"{start + HOUR / 2:%H:%M}", "until": f"{start + 9 * HOUR:%H:%M}"}
    await messaging.call("PUT", "/v1/settings", {"quiet_hours": night})
    await messaging.campaign(goal={"event": "Order Completed", "within": "P1D"}, delay="PT1H")
    ada, ben, cy = (messaging.near.add_person() for _ in range(3))
    await messaging.enter(ada, ben, cy)
    await messaging.settle()
    messaging.near.event(ada, "Order Completed", start + timedelta(minutes=30), {})
    messaging.near.event(ben, "Order Completed", start + timedelta(hours=3), {})
    messaging.near.event(cy, "Order Completed", start + timedelta(hours=24, minutes=59), {})
    messaging.step(timedelta(hours=12))
    await messaging.settle()
    assert set((await messaging.decided()).values()) == {"sent"}
    told = (await messaging.call("GET", "/v1/campaigns/hello/report"))["effect"]["told"]
    assert (told["people"], told["converted"]) == (3, 2), (
        "before it was due is too early; at night and a day later count"
    )


async def test_a_backlog_of_one_campaign_holds_back_no_other(new_messaging: NewMessaging) -> None:
    messaging = await new_messaging(send_batch=20)
    await messaging.campaign("big")
    await messaging.campaign("small", trigger={"segment": "other", "on": "entered"})
    await messaging.campaign("receipt", trigger={"event": "Order Completed"}, purpose="transactional")
    messaging.near.down.add("profiles/internal/recipients")
    crowd = [messaging.near.add_person() for _ in range(200)]
    await messaging.enter(*crowd)
    late = messaging.near.add_person()
    await messaging.enter(late, segment="other")
    buyer = messaging.near.add_person()
    messaging.near.event(buyer, "Order Completed", messaging.clock.now())

    async def all_are_due() -> bool:
        return len(await messaging.rows("SELECT 1 FROM sends")) == 202

    await until(all_are_due, "all are due")
    messaging.near.down.clear()
    await messaging.settle()
    order = [one["campaign"] for one in reversed(await messaging.mailbox())]
    assert len(order) == 202
    assert order.index("receipt") < 60
    assert order.index("small") < 60


async def test_two_senders_side_by_side_send_nothing_twice(messaging: Messaging) -> None:
    await messaging.campaign()
    await messaging.stop()
    people = [messaging.near.add_person() for _ in range(80)]
    await messaging.enter(*people)
    async with make_sender(messaging, "one") as one, make_sender(messaging, "two") as two:
        await one.take_in()
        await one.leases.renew()
        two.leases.held = dict(one.leases.held)  # as a worker that does not know yet that it lost its lanes
        results = await asyncio.gather(*(s.sender.step() for s in (one, two) * 6), return_exceptions=True)
        assert not [r for r in results if isinstance(r, Exception) and not isinstance(r, LeaseLost | Outdated)]
    await messaging.start()
    await messaging.settle()
    assert len(await messaging.mailbox()) == len(await messaging.decisions()) == 80


async def test_a_worker_that_lost_its_lanes_writes_nothing(messaging: Messaging) -> None:
    await messaging.campaign()
    await messaging.stop()
    await messaging.enter(messaging.near.add_person())
    async with make_sender(messaging, "one") as one:
        await one.take_in()
        await one.leases.renew()
        await messaging.rows("UPDATE work_lanes SET epoch = epoch + 1 WHERE work = 'sends'")
        with pytest.raises(LeaseLost):
            await one.sender.step()
    assert await messaging.rows("SELECT * FROM deliveries") == []


async def test_an_answer_of_profiles_older_than_two_seconds_is_asked_for_again(messaging: Messaging) -> None:
    await messaging.campaign()
    await messaging.stop()
    ada = messaging.near.add_person()
    await messaging.enter(ada)
    times = iter([0.0, 2.1])
    async with make_sender(messaging, "one", elapsed=lambda: next(times)) as one:
        await one.take_in()
        await one.leases.renew()
        with pytest.raises(Outdated):
            await one.sender.step()
    assert await messaging.rows("SELECT * FROM deliveries") == []
    await messaging.start()
    await messaging.settle()
    assert (messaging.near.asked, await messaging.decided()) == (2, {str(ada): "sent"})


async def test_nothing_of_a_person_gets_into_the_log(messaging: Messaging, capfd: pytest.CaptureFixture[str]) -> None:
    with logged() as log:
        await messaging.campaign(template={"body": "{{ profile.traits.nick | divided_by: 0 }}"})
        nobody: Any = {"email": "secret-address@example.com", "nick": "secret-nick"}
        await messaging.enter(messaging.near.add_person(user_id="secret-user", traits=nobody))
        messaging.near.down.add("profiles")
        messaging.near.tell(
            "segments", {"kind": "membership", "profile_id": str(messaging.near.add_person()), "x": "secret"}
        )
        await until(lambda: "message_parked" in log.getvalue())
        messaging.near.down.clear()
        await messaging.settle()
    said = capfd.readouterr()
    assert "secret" not in log.getvalue() + said.err + said.out
