"""A dry run: who would get it and who not, and why, with nothing written or sent."""

from datetime import timedelta
from typing import Any

from services.messaging.models import metadata
from tests.services.messaging.chance import drawn
from tests.services.messaging.conftest import Messaging
from tests.services.messaging.neighbours import READER

CAP = {"frequency_caps": [{"purpose": "marketing", "max": 1, "within": "P7D"}]}


async def members(messaging: Messaging, *people: Any) -> None:
    at = messaging.clock.now().isoformat()
    messaging.near.members["vip"] = [{"profile_id": one, "user_id": None, "entered_at": at} for one in people]


async def counted(messaging: Messaging) -> dict[str, int]:
    tables = [name for name in metadata.tables if name not in ("known_keys", "work_lanes", "lane_heads")]
    return {name: (await messaging.rows(f"SELECT count(*) FROM {name}"))[0][0] for name in tables}


async def test_everybody_with_the_reason_and_nothing_written(messaging: Messaging) -> None:
    near = messaging.near
    await messaging.call("PUT", "/v1/settings", CAP)
    await messaging.campaign("other")
    told = near.add_person(user_id="told")
    await messaging.enter(told)
    await messaging.settle()
    text = {"body": "Hi {{ profile.traits.first_name }}", "strict": True}
    await messaging.campaign(start=False, template=text)
    ada, refused, nowhere, nameless, stopped, broken, gone = (near.add_person() for _ in range(7))
    near.people[refused]["consents"] = []
    near.people[nowhere]["traits"] = {"first_name": "Ben"}
    near.people[nameless]["traits"] = {"email": "c@example.com"}
    near.people[stopped]["traits"] = {"email": "stopped@example.com", "first_name": "Dan"}
    near.people[broken]["consents"] = 5
    del near.people[gone]
    body = {"channel": "email", "address": "stopped@example.com"}
    await messaging.call("POST", "/v1/suppressions", body, status=201)
    await members(messaging, told, ada, refused, nowhere, nameless, stopped, broken, gone)
    before = await counted(messaging)

    answer = await messaging.call("POST", "/v1/campaigns/hello/dry-run")

    assert {one["profile_id"]: one["reason"] for one in answer["items"]} == {
        str(told): "frequency_cap",
        str(ada): "sent",
        str(refused): "no_consent",
        str(nowhere): "no_address",
        str(nameless): "template_error",
        str(stopped): "suppressed",
        str(broken): "unreadable_profile",
        str(gone): "no_profile",
    }
    assert answer["decisions"] == {"skipped": 4, "failed": 2, "sent": 1, "suppressed": 1}
    assert (answer["looked_at"], answer["of"], answer["next"]) == (8, 8, None)
    assert await counted(messaging) == before


async def test_what_it_says_is_what_then_happens(messaging: Messaging) -> None:
    await messaging.call("PUT", "/v1/settings", {"quiet_hours": {"from": "21:00", "until": "08:00"}})
    at = (messaging.clock.now() + timedelta(days=1)).replace(hour=22, minute=0)
    made = await messaging.campaign(trigger={"segment": "vip", "at": at.isoformat()}, holdout=0.5, delay="PT30M")
    people = [
        messaging.near.add_person(id=drawn(made, held=held), traits={"email": "a@example.com", "timezone": zone})
        for zone in ("UTC", "Asia/Tokyo", "America/New_York", "No/Where")
        for held in (True, False)
    ]
    await members(messaging, *people)
    answer = await messaging.call("POST", "/v1/campaigns/hello/dry-run")
    foreseen = {one["profile_id"]: one["reason"] for one in answer["items"]}
    assert [foreseen[str(one)] for one in people[::2]] == ["holdout"] * 4
    assert [foreseen[str(one)] for one in people[1::2]] == ["quiet_hours", "quiet_hours", "sent", "quiet_hours"]
    messaging.step(at + timedelta(minutes=30, seconds=1) - messaging.clock.now())
    await messaging.settle()
    assert await messaging.decided() == foreseen


async def test_a_local_time_is_looked_at_when_it_comes(messaging: Messaging) -> None:
    await messaging.call("PUT", "/v1/settings", {"quiet_hours": {"from": "21:00", "until": "08:00"}})
    day = (messaging.clock.now() + timedelta(days=2)).date().isoformat()
    for key, hour, reason in (("noon", "12:00", "sent"), ("night", "22:00", "quiet_hours")):
        trigger = {"segment": "vip", "local": f"{day}T{hour}"}
        await messaging.campaign(key=key, start=False, trigger=trigger)
        willing, refused = messaging.near.add_person(), messaging.near.add_person()
        messaging.near.people[refused]["consents"] = []
        await members(messaging, willing, refused)
        answer = await messaging.call("POST", f"/v1/campaigns/{key}/dry-run")
        assert [one["reason"] for one in answer["items"]] == [reason, "no_consent"]


async def test_page_by_page_and_by_readers(messaging: Messaging) -> None:
    await messaging.campaign()
    people = [messaging.near.add_person() for _ in range(5)]
    await members(messaging, *people)
    first = await messaging.call("POST", "/v1/campaigns/hello/dry-run", {"limit": 3})
    assert (first["looked_at"], first["of"]) == (3, 5)
    rest = await messaging.call("POST", "/v1/campaigns/hello/dry-run", {"cursor": first["next"]})
    assert [one["profile_id"] for one in first["items"] + rest["items"]] == [str(one) for one in people]
    assert rest["next"] is None
    answer = await messaging.http.post("/v1/campaigns/hello/dry-run", headers={"Authorization": f"Bearer {READER}"})
    assert answer.status_code == 200


async def test_where_nobody_can_be_foreseen_it_says_so(messaging: Messaging) -> None:
    await messaging.campaign(trigger={"event": "Order Completed"})
    await messaging.call("POST", "/v1/campaigns/hello/dry-run", status=422)
    await messaging.call("POST", "/v1/campaigns/none/dry-run", status=404)
    await messaging.call("POST", "/v1/campaigns/hello/dry-run", {"cursor": "nonsense"}, status=422)
