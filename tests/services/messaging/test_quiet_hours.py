"""Quiet hours and caps as the sender keeps them: on every path, where zones are missing or none, over a change of clocks, with merges."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from tests.services.messaging.chance import in_july
from tests.services.messaging.conftest import NewMessaging
from tests.services.messaging.test_broadcasts import members

HOUR = timedelta(hours=1)
SPRING = datetime(2027, 3, 27, 12, tzinfo=UTC)
"""Half a day before clocks go forward in Europe."""
ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Mars/Olympus", None]
BERLIN = "Europe/Berlin"


def traits(zone: Any, name: str) -> dict[str, Any]:
    return {"email": f"{name}@example.com"} | ({} if zone is None else {"timezone": zone})


def time_of_day(at: datetime) -> str:
    return at.astimezone(ZoneInfo(BERLIN)).strftime("%H:%M")


async def test_every_path_waits_and_no_broken_zone_drops_anybody(new_messaging: NewMessaging) -> None:
    messaging = await new_messaging(default_timezone=BERLIN)
    in_july(messaging)
    now = messaging.clock.now()
    quiet = {"from": time_of_day(now - HOUR), "until": time_of_day(now + 3 * HOUR)}
    await messaging.call("PUT", "/v1/settings", {"quiet_hours": quiet})
    people = [
        messaging.near.add_person(traits=traits(zone, f"p{place}")) for place, zone in enumerate((BERLIN, "", None, 7))
    ]
    members(messaging, *people)
    await messaging.campaign("entered")
    await messaging.campaign("event", trigger={"event": "Order Completed"})
    await messaging.campaign("broadcast", trigger={"segment": "vip", "at": (now + HOUR).isoformat()})
    await messaging.campaign("receipt", trigger={"event": "Order Completed"}, purpose="transactional")
    messaging.step(HOUR)
    await messaging.enter(*people)
    for one in people:
        messaging.near.event(one, "Order Completed", messaging.clock.now())
    await messaging.settle()
    decided = {(one["campaign"], one["reason"]) for one in await messaging.decisions()}
    assert decided == {
        ("entered", "quiet_hours"),
        ("event", "quiet_hours"),
        ("broadcast", "quiet_hours"),
        ("receipt", "sent"),
    }
    assert len(await messaging.decisions()) == 16
    messaging.step(3 * HOUR)
    await messaging.settle()
    assert len(await messaging.mailbox()) == 16


def is_quiet(zone: Any, at: datetime) -> bool:
    place = zone if zone in ZONES[:3] else BERLIN
    local = at.astimezone(ZoneInfo(place))
    return local.hour >= 21 or local.hour < 8


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_night_of_changing_clocks_and_merges_violates_nothing(new_messaging: NewMessaging, seed: int) -> None:
    messaging = await new_messaging(default_timezone=BERLIN)
    messaging.step(SPRING - messaging.clock.now())
    cap = {"purpose": "marketing", "max": 2, "within": "PT12H"}
    quiet = {"from": "21:00", "until": "08:00"}
    await messaging.call("PUT", "/v1/settings", {"frequency_caps": [cap], "quiet_hours": quiet})
    trigger = {"event": "Order Completed"}
    await messaging.campaign("event", trigger=trigger, reentry="always", stale_after="P7D")
    chance, zone_of = Random(seed), {}
    for place, zone in enumerate(ZONES * 2):
        profile_id = messaging.near.add_person(user_id=f"p{place}", traits=traits(zone, f"p{place}"))
        zone_of[profile_id] = zone
    merged: dict[UUID, UUID] = {}
    told = 0
    for step in range(20):
        living = [one for one in zone_of if one not in merged]
        for one in chance.sample(living, 3):
            messaging.near.event(one, "Order Completed", messaging.clock.now())
            told += 1
        if step in (5, 11):
            loser, survivor = chance.sample(living, 2)
            merged[loser] = survivor
            messaging.near.merge(loser, survivor, messaging.clock.now())
        await messaging.settle()
        messaging.step(timedelta(minutes=100))
    await messaging.settle()
    decisions = await messaging.decisions()
    assert len(decisions) == told, "nobody is forgotten"
    mails = await messaging.mailbox()
    assert {one["reason"] for one in decisions} <= {"sent", "frequency_cap", "quiet_hours"}
    assert mails
    sent: dict[str, list[datetime]] = {}
    owner = {f"p{place}@example.com": profile_id for place, profile_id in enumerate(zone_of)}
    for mail in sorted(mails, key=lambda one: str(one["at"])):
        at = datetime.fromisoformat(mail["at"])
        assert not is_quiet(zone_of[owner[mail["to"]]], at), mail
        lately = [one for one in sent.setdefault(mail["to"], []) if one > at - timedelta(hours=12)]
        assert len(lately) < 2, mail
        sent[mail["to"]].append(at)
