"""Somebody asks to be forgotten: nothing is left, and what was still on its way does not bring them back."""

from typing import Any
from uuid import UUID

import pytest

from shared.plumbing import json
from shared.plumbing.db import Database
from shared.plumbing.errors import Unavailable
from shared.schemas.resolved import EventDropped, EventResolved, ProfileErased
from tests.services.profiles.standing import Standing

TRACES = ("zoe", "Zoelinde", "+4915112345678")


async def dump(db: Database) -> str:
    """Every row of every table of the schema."""
    tables = await db.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'profiles'")
    rows = [await db.fetch(f'SELECT row::text AS text FROM "{t["tablename"]}" AS row') for t in tables]
    return "\n".join(row["text"] for table in rows for row in table)


async def make_zoe(standing: Standing) -> str:
    """Somebody with everything a person can have, merged from three profiles."""
    await standing.take(anonymous_id="zoe-anon", properties={"who": "Zoelinde"})
    await standing.take(user_id="zoe")
    await standing.take("identify", user_id="zoe-old", traits={"first_name": "Zoelinde"})
    traits = {"email": "Zoe@Example.com", "phone": "+49 151 12345678", "birthday": "1990-02-28"}
    await standing.take("identify", user_id="zoe", anonymous_id="zoe-anon", traits=traits)
    await standing.take("alias", user_id="zoe", previous_id="zoe-old")
    profile_id = str(await standing.id_of(user_id="zoe"))
    path = f"/v1/profiles/{profile_id}"
    life_event = {"kind": "wedding", "date": "2020-05-01", "note": "Zoelinde"}
    await standing.call("POST", f"{path}/life-events", life_event)
    consent = {"purpose": "zoes", "channel": "email", "status": "granted", "source": "Zoelinde"}
    await standing.call("POST", f"{path}/consents", consent)
    await standing.call("PUT", f"{path}/preferences", {"topics": {"Zoelinde": True}})
    await standing.call("PUT", f"{path}/devices/zoe-token", {"platform": "ios"})
    await standing.take(anonymous_id="zoe-anon", user_id="zoe", identifiers={"loyalty_card": "zoe-card"})
    return profile_id


async def erase(standing: Standing, profile_id: Any) -> Any:
    return await standing.call("DELETE", f"/v1/profiles/{profile_id}", status=202)


async def status_of(standing: Standing, receipt: Any) -> str:
    answer = await standing.call("GET", f"/v1/erasures/{receipt['receipt_id']}")
    return str(answer["status"])


async def test_nothing_of_the_person_is_left_in_any_table(standing: Standing) -> None:
    await standing.take(user_id="ann")
    profile_id = await make_zoe(standing)
    receipt = await erase(standing, profile_id)
    assert receipt["status"] == "pending"
    for name in ({"user_id": "zoe"}, {"anonymous_id": "zoe-anon"}, {"email": "zoe@example.com"}):
        assert await standing.look_up(**name) is None
    await standing.call("GET", f"/v1/profiles/{profile_id}", status=404)
    await standing.complete()
    assert await status_of(standing, receipt) == "pending"
    await standing.all_pass()
    assert await status_of(standing, receipt) == "completed"
    text = await dump(standing.db)
    assert [trace for trace in TRACES if trace in text] == []
    assert await standing.look_up(user_id="ann") is not None


async def test_the_others_are_told_in_every_lane_of_the_person_and_what_to_look_for(standing: Standing) -> None:
    profile_id = await make_zoe(standing)
    before = [told for told in await standing.feed() if isinstance(told, EventResolved)]
    await erase(standing, profile_id)
    feed = await standing.feed()
    erased = [told for told in feed if isinstance(told, ProfileErased)]
    [ids] = {told.profile_ids for told in erased}
    assert len(ids) == 3
    rows = await standing.db.fetch("SELECT lane, seq, message FROM feed ORDER BY lane, seq")
    last = {row["lane"]: json.loads(row["message"])["kind"] for row in rows}
    assert set(last.values()) == {"erase"}
    named = {(name.namespace, name.value) for name in erased[0].identifiers}
    assert named == {
        ("user_id", "zoe"),
        ("user_id", "zoe-old"),
        ("anonymous_id", "zoe-anon"),
        ("loyalty_card", "zoe-card"),
    }
    reached = {(name.namespace, name.value) for name in erased[0].addresses}
    assert {("email", "zoe@example.com"), ("email", "Zoe@Example.com"), ("device", "zoe-token")} < reached
    assert ("phone", "+4915112345678") in reached
    dropped = {(told.log.lane, told.log.seq) for told in feed if isinstance(told, EventDropped)}
    assert dropped == {(told.log.lane, told.log.seq) for told in before}


async def test_what_was_received_before_is_dropped_and_what_comes_later_is_somebody_new(standing: Standing) -> None:
    await standing.take(user_id="zoe", anonymous_id="a1")
    profile_id = await standing.id_of(user_id="zoe")
    late = standing.clock.now()
    standing.clock.step(seconds=5)
    await erase(standing, profile_id)
    await standing.take(user_id="zoe", received_at=late, name="Late")
    await standing.take(anonymous_id="a1", received_at=late, name="Late too")
    assert await standing.look_up(user_id="zoe") is None
    assert await standing.rows("identifiers") == []
    feed = await standing.feed()
    assert [told for told in feed if isinstance(told, EventResolved)] == []
    assert len([told for told in feed if isinstance(told, EventDropped)]) == 3
    standing.clock.step(seconds=1)
    await standing.take(user_id="zoe", name="Back")
    new = await standing.id_of(user_id="zoe")
    assert new not in (None, profile_id)
    await standing.take(user_id="zoe", received_at=late, name="Very late")
    told = [told.event.name for told in await standing.feed() if isinstance(told, EventResolved)]
    assert told == ["Back"]


async def test_a_late_message_that_links_an_anonymous_profile_takes_it_along(standing: Standing) -> None:
    await standing.take(user_id="zoe")
    await standing.take(anonymous_id="zoe-phone", properties={"who": "Zoelinde"})
    late = standing.clock.now()
    standing.clock.step(seconds=5)
    await erase(standing, await standing.id_of(user_id="zoe"))
    await standing.take(user_id="zoe", anonymous_id="zoe-phone", received_at=late)
    assert await standing.look_up(anonymous_id="zoe-phone") is None
    await standing.take(user_id="zoe", anonymous_id="zoe-watch", received_at=late)
    await standing.take(anonymous_id="zoe-watch", received_at=late)
    assert await standing.rows("identifiers") == []
    for _ in range(2):
        await standing.all_pass()
    text = await dump(standing.db)
    assert [trace for trace in TRACES if trace in text] == []
    assert len((await standing.call("GET", "/v1/erasures"))["items"]) == 2


async def test_a_late_message_does_not_take_another_known_person_along(standing: Standing) -> None:
    await standing.take(user_id="zoe", anonymous_id="tablet")
    await standing.take(user_id="ann", anonymous_id="tablet")
    ann = await standing.id_of(user_id="ann")
    late = standing.clock.now()
    standing.clock.step(seconds=5)
    await erase(standing, await standing.id_of(user_id="zoe"))
    await standing.take(user_id="zoe", anonymous_id="tablet", received_at=late)
    assert await standing.id_of(anonymous_id="tablet") == ann


async def test_the_receipt_waits_for_what_is_still_on_its_way_and_for_every_service(standing: Standing) -> None:
    await standing.take(user_id="zoe")
    standing.put(user_id="zoe", properties={"who": "Zoelinde"})
    standing.clock.step(seconds=5)
    receipt = await erase(standing, await standing.id_of(user_id="zoe"))
    for _ in range(3):
        await standing.all_pass()
        assert await status_of(standing, receipt) == "pending"
    await standing.work()
    await standing.complete()
    assert await status_of(standing, receipt) == "pending"
    await standing.all_pass()
    assert await status_of(standing, receipt) == "completed"


async def test_asked_again_the_receipt_is_the_same(standing: Standing) -> None:
    one, other = await standing.make("zoe"), await standing.make("zoe-too")
    await standing.call("POST", "/v1/profiles/merge", {"profile_ids": [one, other]})
    receipts = [await erase(standing, profile_id) for profile_id in (one, one, other)]
    assert len({receipt["receipt_id"] for receipt in receipts}) == 1
    assert len(await standing.rows("erasures")) == 1


async def test_a_message_can_ask_for_it_too(standing: Standing) -> None:
    await standing.take(user_id="zoe", properties={"who": "Zoelinde"})
    standing.clock.step(seconds=1)
    standing.put("identify", user_id="zoe", traits={"first_name": "Zoelinde"})
    standing.put("erase", user_id="zoe")
    later = standing.clock.step(seconds=1)
    standing.put("identify", user_id="zoe", traits={"first_name": "Anna"}, timestamp=later)
    await standing.work()
    found = await standing.look_up(user_id="zoe")
    assert found["traits"] == {"first_name": "Anna"}
    text = await dump(standing.db)
    assert "Zoelinde" not in text
    [erased] = [told for told in await standing.feed() if isinstance(told, ProfileErased)]
    assert erased.profile_id != UUID(found["id"])


async def test_parked_messages_of_the_person_are_forgotten_and_the_log_is_told(standing: Standing) -> None:
    await standing.take(user_id="zoe", anonymous_id="z1")
    standing.put(anonymous_id="z1", user_id="zoe", properties={"who": "Zoelinde"})
    standing.put(anonymous_id="z1", previous_id="".join(map(chr, range(256, 6000))), user_id="zoe", type="alias")
    await standing.work()
    assert len(await standing.rows("parked")) == 1
    standing.clock.step(seconds=1)
    await erase(standing, await standing.id_of(user_id="zoe"))
    assert await standing.rows("parked") == []
    dropped = {told.log.seq for told in await standing.feed() if isinstance(told, EventDropped)}
    assert dropped == {1, 2, 3}


async def test_an_unfinished_erasure_waits_while_events_is_away(standing: Standing) -> None:
    receipt = await erase(standing, await standing.make("zoe"))
    standing.others.away.add("events")
    with pytest.raises(Unavailable):
        await standing.complete()
    assert await status_of(standing, receipt) == "pending"
    standing.others.away.clear()
    for _ in range(2):
        await standing.all_pass()
    assert await status_of(standing, receipt) == "completed"
