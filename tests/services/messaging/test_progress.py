"""A broadcast under way: how far it is, held up, gone on, called off, at a rate."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from services.messaging.domain.drawing import in_test, pick
from tests.services.messaging.chance import someone
from tests.services.messaging.conftest import Messaging
from tests.services.messaging.neighbours import consent
from tests.services.messaging.senders import make_sender
from tests.services.messaging.test_broadcasts import HOUR, broadcast, members
from tests.support.waiting import until


def crowd(messaging: Messaging, count: int, **fields: Any) -> list[UUID]:
    return [messaging.near.add_person(**fields) for _ in range(count)]


async def progress(messaging: Messaging, key: str = "hello") -> Any:
    found = await messaging.call("GET", f"/v1/campaigns/{key}/progress")
    assert sum(found["outcomes"].values()) + found["remaining"] == found["taken"]
    assert sum(found["waiting"].values()) == found["remaining"]
    assert sum(found["reasons"].values()) == sum(found["outcomes"].values())
    return found


async def test_the_outcomes_add_up_to_the_audience(messaging: Messaging) -> None:
    people = [*crowd(messaging, 4), *crowd(messaging, 2, consents=[consent("denied")])]
    late = messaging.near.add_person(traits={"email": "x@example.com", "timezone": "Pacific/Pago_Pago"})
    members(messaging, *people, late)
    await messaging.campaign(trigger={"segment": "vip", "local": "2040-12-01T09:00"}, reentry="always")
    before = await progress(messaging)
    assert (before["audience"], before["expected"], before["taken"]) == (None, 7, 0)
    first = await messaging.call("GET", "/v1/campaigns/hello")
    assert first["status"] == "running"
    messaging.step(timedelta(days=365 * 14 + 15))  # into that November
    messaging.step(_until_utc_nine(messaging))
    await messaging.settle()
    found = await progress(messaging)
    assert (found["audience"], found["expected"], found["taken"]) == (7, None, 7)
    assert found["outcomes"] == {"sent": 4, "skipped": 2}
    assert found["waiting"] == {"local_time": 1}
    assert found["reasons"] == {"sent": 4, "no_consent": 2}


def _until_utc_nine(messaging: Messaging) -> timedelta:
    """From now to 09:00 UTC on the day that is meant."""
    nine = messaging.clock.now().replace(year=2040, month=12, day=1, hour=9, minute=0, second=0, microsecond=0)
    return nine - messaging.clock.now()


async def test_who_is_not_told_yet_waits_through_a_pause(messaging: Messaging) -> None:
    people = crowd(messaging, 5)
    members(messaging, *people)
    messaging.near.down.add("profiles/internal/recipients")
    await broadcast(messaging)
    messaging.step(HOUR)

    async def all_are_taken() -> bool:
        return bool((await progress(messaging))["audience"] == 5)

    await until(all_are_taken)
    await messaging.call("POST", "/v1/campaigns/hello/pause")
    messaging.near.down.clear()
    await messaging.settle()  # what waits for a start is not pending
    found = await progress(messaging)
    assert (found["status"], found["remaining"], found["outcomes"]) == ("paused", 5, {})
    await messaging.call("POST", "/v1/campaigns/hello/start")
    await messaging.settle()
    assert (await progress(messaging))["outcomes"] == {"sent": 5}
    assert len(await messaging.mailbox()) == 5


async def test_what_is_not_sent_when_it_is_cancelled_never_is(messaging: Messaging) -> None:
    ada, bob = crowd(messaging, 2)
    there = {"email": "x@example.com", "timezone": "Pacific/Pago_Pago"}
    eve = messaging.near.add_person(traits=there)
    members(messaging, ada, bob, eve)
    await messaging.campaign(trigger={"segment": "vip", "at": messaging.clock.now().isoformat()}, local_time="09:00")
    await messaging.settle()
    messaging.near.people[ada]["traits"]["timezone"] = "UTC"
    found = await progress(messaging)
    assert found["waiting"] == {"local_time": 3}
    cancelled = await messaging.call("POST", "/v1/campaigns/hello/cancel")
    assert cancelled["status"] == "cancelled"
    found = await progress(messaging)
    assert (found["outcomes"], found["reasons"], found["audience"]) == ({"skipped": 3}, {"cancelled": 3}, 3)
    for action in ("start", "pause"):
        refusal = await messaging.call("POST", f"/v1/campaigns/hello/{action}", status=409)
        assert refusal["code"] == "cancelled"
    body = {"trigger": {"event": "x"}, "template": "hello", "purpose": "marketing"}
    await messaging.call("PUT", "/v1/campaigns/hello", body, status=409)
    await messaging.call("POST", "/v1/campaigns/hello/cancel")
    messaging.step(timedelta(days=2))
    await messaging.settle()
    assert await messaging.mailbox() == []
    await messaging.call("DELETE", "/v1/campaigns/hello", status=204)


async def test_one_that_is_cancelled_before_its_time_takes_nobody_and_a_draft_is_no_matter(
    messaging: Messaging,
) -> None:
    members(messaging, *crowd(messaging, 2))
    await broadcast(messaging, start=False)
    refusal = await messaging.call("POST", "/v1/campaigns/hello/cancel", status=409)
    assert refusal["code"] == "not_started"
    await messaging.call("POST", "/v1/campaigns/hello/start")
    await messaging.call("POST", "/v1/campaigns/hello/cancel")
    messaging.step(HOUR)
    await messaging.settle()
    assert (await progress(messaging))["taken"] == 0


async def test_one_that_is_cancelled_while_members_are_taken_has_an_outcome_for_all(messaging: Messaging) -> None:
    members(messaging, *crowd(messaging, 5))
    await broadcast(messaging)
    messaging.near.down.add("segments/internal/segments/vip/members")
    messaging.step(HOUR)
    await messaging.rows("UPDATE broadcasts SET cursor = '0'")  # as after a first page
    await messaging.call("POST", "/v1/campaigns/hello/cancel")
    messaging.near.down.clear()

    async def all_have_one() -> bool:
        found = await progress(messaging)
        return bool(found["audience"] == 5 and found["reasons"] == {"cancelled": 5})

    await until(all_have_one)


async def test_a_triggered_campaign_is_cancelled_for_what_happens_later_too(messaging: Messaging) -> None:
    await messaging.campaign(trigger={"event": "Signed Up"})
    await messaging.call("POST", "/v1/campaigns/hello/cancel")
    messaging.near.event(messaging.near.add_person(), "Signed Up", messaging.clock.now())
    await messaging.settle()
    assert [one["reason"] for one in await messaging.decisions()] == ["cancelled"]


async def test_a_rate_holds_back_what_is_due(messaging: Messaging) -> None:
    await messaging.campaign(rate=30, trigger={"event": "Signed Up"})
    for one in crowd(messaging, 3):
        messaging.near.event(one, "Signed Up", messaging.clock.now())
    await messaging.stop()
    now = 1000.0
    async with make_sender(messaging, "sender", elapsed=lambda: now) as standing:
        await standing.take_in()
        await standing.leases.renew()
        sent = []
        for _ in range(4):
            sent.append(await standing.sender.step())
            now += 3
    assert sent == [0, 1, 1, 1]  # nothing is saved up at first, and then no more than one, as none comes in each second
    await messaging.start()
    assert (await progress(messaging))["outcomes"] == {"sent": 3}


async def test_the_others_get_what_did_best_in_the_test(messaging: Messaging) -> None:
    for key in ("a", "b"):
        content = {"key": key, "channel": "email", "subject": key, "body": key}
        await messaging.call("POST", "/v1/templates", content, status=201)
    at = messaging.clock.now()
    made = await messaging.campaign(
        start=False,
        trigger={"segment": "vip", "at": at.isoformat()},
        variants=[{"template": "a"}, {"template": "b"}],
        goal={"event": "Order Completed", "within": "P7D"},
        winner={"test_share": 0.5, "after": "PT1H", "by": "conversions"},
    )
    fates = [(tested, variant) for tested in (True, False) for variant in ("a", "b")]
    people = [someone(partial(_is_drawn, UUID(made["id"]), *fate)) for fate in fates * 6]
    members(messaging, *(messaging.near.add_person(id=one) for one in people))
    await messaging.call("POST", "/v1/campaigns/hello/start")
    await messaging.settle()
    tested = await messaging.mailbox()
    assert Counter(mail["subject"] for mail in tested) == {"a": 6, "b": 6}
    found = await progress(messaging)
    assert found["waiting"] == {"testing": 24 - len(tested)}
    liked = next(mail["subject"] for mail in tested)
    for mail in tested:
        if mail["subject"] == liked:
            messaging.near.event(UUID(mail["profile_id"]), "Order Completed", messaging.clock.now())
    await messaging.settle()
    messaging.step(HOUR)
    await until(lambda: _winner(messaging))
    messaging.step(timedelta(seconds=10))
    await messaging.settle()
    others = [mail for mail in await messaging.mailbox() if mail not in tested]
    assert len(others) == 24 - len(tested)
    assert {mail["subject"] for mail in others} == {liked}
    winner = await _winner(messaging)
    assert winner["variant"] == liked
    assert "is used for everybody else" in winner["in_words"]


def _is_drawn(campaign_id: UUID, tested: bool, variant: str, profile_id: UUID) -> bool:
    drawn = pick([("a", Decimal(1)), ("b", Decimal(1))], campaign_id, profile_id)
    return (in_test(Decimal("0.5"), campaign_id, profile_id), drawn) == (tested, variant)


async def _winner(messaging: Messaging) -> Any:
    return (await messaging.call("GET", "/v1/campaigns/hello/report"))["winner"]
