"""What was received is taken in again: what is missing in profiles and segments comes back, and nothing else happens."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from tests.flow.story import consenting, mails_to, order, thank_spenders, until_live
from tests.support.waiting import until
from tests.support.world import World

TWICE = {"event": "Order Completed", "op": "=", "value": 2}
PRO = {"trait": "plan", "op": "=", "value": "pro"}
KEPT = (
    "profiles.profiles", "profiles.profile_identifiers", "profiles.identifiers", "profiles.contacts", "profiles.merges",
    "profiles.consents", "profiles.devices", "events.log", "events.profile_events", "events.merged_profiles",
    "segments.profiles", "segments.memberships", "segments.changes", "segments.history", "segments.event_names",
    "messaging.sends", "messaging.deliveries", "messaging.memberships_seen",
)  # fmt: skip


async def rows(world: World, *tables: str) -> dict[str, list[str]]:
    connection = await asyncpg.connect(world.url)
    try:
        return {
            table: sorted(str(row) for row in await connection.fetch(f"SELECT * FROM {table}"))
            for table in tables or KEPT
        }
    finally:
        await connection.close()


async def behind_their_back(world: World, *statements: str) -> None:
    connection = await asyncpg.connect(world.url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def asked(world: World, since: datetime, before: datetime | None = None) -> str:
    body = {"from": since.isoformat(), "to": (before or world.clock.now()).isoformat(), "reason": "a test"}
    return str((await world.call("POST", "profiles", "/v1/replays", body, status=202))["id"])


async def finished(world: World, replay_id: str) -> Any:
    async def is_finished() -> Any:
        found = await world.call("GET", "profiles", f"/v1/replays/{replay_id}")
        return found if found["status"] == "finished" else None

    await until(is_finished, "the replay is finished")
    await world.settle()
    return await world.call("GET", "profiles", f"/v1/replays/{replay_id}")


async def define(world: World, key: str, condition: Any) -> None:
    await world.call("POST", "segments", "/v1/segments", {"key": key, "condition": condition}, status=201)
    await until_live(world, key)


async def a_story(world: World) -> datetime:
    """Two who spend and one who is mailed for it, a visitor who turns out to be one of them. Since when."""
    since = world.clock.now()
    await thank_spenders(world)
    await define(world, "twice", TWICE)
    await define(world, "pros", PRO)
    await consenting(world, "ann")
    await world.send(order("ann", "a1", 70, userId=None, anonymousId="anns-phone"), order("bob", "b1", 10))
    await world.settle()
    await world.send({"type": "identify", "userId": "ann", "anonymousId": "anns-phone"}, order("bob", "b2", 20))
    await world.settle()
    await world.send(
        {"type": "identify", "userId": "ann", "traits": {"plan": "pro"}}
    )  # by itself: a merge is told in another lane
    await world.settle()
    await world.send(order("ann", "a2", 50))
    await world.settle()
    await until(lambda: mails_to(world, "ann"), "ann is mailed")
    await world.settle()
    assert (await world.members("twice"), await world.members("pros")) == ({"ann", "bob"}, {"ann"})
    return since


async def test_where_nothing_is_missing_nothing_changes_anywhere(world: World) -> None:
    since = await a_story(world)
    before = await rows(world)
    found = await finished(world, await asked(world, since))
    assert (found["messages"], found["repaired"]) == (len(before["events.log"]), 0)
    assert await rows(world) == before
    assert len(await mails_to(world, "ann")) == 1


async def test_what_was_lost_in_profiles_and_segments_comes_back_and_nobody_is_mailed_for_it(world: World) -> None:
    since = await a_story(world)
    ann, bob = await world.profile("ann"), await world.profile("bob")
    log = await rows(world, "events.log", "events.profile_events")
    await behind_their_back(
        world,
        "UPDATE profiles.profiles SET traits = traits - 'plan', provenance = provenance - 'plan'",
        "DELETE FROM segments.history WHERE message_id IN ('m-a1', 'm-b2')",
        f"DELETE FROM segments.profiles WHERE profile_id = '{ann['id']}'",
        f"DELETE FROM segments.memberships WHERE profile_id = '{ann['id']}'",
        f"DELETE FROM profiles.identifiers WHERE profile_id = '{bob['id']}'",
        f"DELETE FROM profiles.profile_identifiers WHERE profile_id = '{bob['id']}'",
        f"DELETE FROM profiles.profiles WHERE id = '{bob['id']}'",
    )
    found = await finished(world, await asked(world, since))
    assert found["repaired"] > 0
    for one in (ann, bob):
        again = await world.profile(one["user_id"])
        assert {**again, "updated_at": None} == {**one, "updated_at": None}
    assert (await world.members("twice"), await world.members("pros")) == ({"ann", "bob"}, {"ann"})
    assert await world.members("spenders") == {"ann"}
    assert len(await mails_to(world, "ann")) == 1
    assert await rows(world, *log) == log
    changes = await world.items("segments", "/v1/segments/pros/changes")
    assert [change["cause"]["kind"] for change in changes] == ["profile", "import"]
    comparison = await world.call("POST", "segments", "/v1/reconciliations", {"sample": 100}, status=202)

    async def compared() -> Any:
        newest = (await world.items("segments", "/v1/reconciliations"))[0]
        return newest if newest["id"] == comparison["id"] and newest["status"] == "finished" else None

    await until(compared, "segments is compared with its history")
    assert (await compared())["drift"] == []


async def test_an_event_that_the_history_lost_is_not_counted_twice(world: World) -> None:
    since = await a_story(world)
    before = await rows(world, "segments.history", "segments.memberships", "segments.changes")
    await behind_their_back(world, "DELETE FROM segments.history WHERE message_id IN ('m-a1', 'm-b2')")
    assert (await finished(world, await asked(world, since)))["repaired"] == 0, "nothing was missing in profiles"
    assert await rows(world, *before) == before


async def test_what_segments_know_otherwise_they_know_again(world: World) -> None:
    since = await a_story(world)
    before = await rows(world, "segments.history", "segments.memberships", "segments.changes")
    await behind_their_back(world, "UPDATE segments.profiles SET traits = '{}', user_id = NULL")
    assert (await finished(world, await asked(world, since)))["repaired"] == 0, "nothing was missing in profiles"
    assert await rows(world, *before) == before
    known = "\n".join((await rows(world, "segments.profiles"))["segments.profiles"])
    assert all(told in known for told in ("user_id='ann'", "user_id='bob'", '"plan": "pro"', "ann@example.com")), known


async def test_only_what_was_received_in_the_range_is_taken_in_again(world: World) -> None:
    since = await a_story(world)
    stored = {event["message_id"]: event for event in await world.items("events", "/v1/events?name=Order%20Completed")}
    received_at = datetime.fromisoformat(stored["m-a2"]["received_at"])
    await behind_their_back(world, "DELETE FROM segments.history")
    await finished(world, await asked(world, since, received_at))
    known = "\n".join((await rows(world, "segments.history"))["segments.history"])
    assert [name in known for name in ("m-a1", "m-b1", "m-a2", "m-b2")] == [True, True, False, True]
    await finished(world, await asked(world, received_at, received_at + timedelta(microseconds=1)))
    assert "m-a2" in "\n".join((await rows(world, "segments.history"))["segments.history"])


async def test_who_was_erased_stays_erased_and_who_became_one_stays_one(world: World) -> None:
    since = await a_story(world)
    await world.send(order("zoe", "z1", 500), {"type": "identify", "userId": "zoe", "traits": {"plan": "pro"}})
    await world.settle()
    zoe = await world.profile("zoe")
    await world.call("DELETE", "profiles", f"/v1/profiles/{zoe['id']}", status=202)
    replay_id = await asked(world, since)
    await world.settle()
    ann = await world.profile("ann")
    found = await finished(world, replay_id)
    assert found["repaired"] == 0
    await world.call("GET", "profiles", "/v1/profiles/lookup?user_id=zoe", status=404)
    assert await world.items("events", "/v1/events?user_id=zoe") == []
    assert (await world.members("spenders"), await world.members("pros")) == ({"ann"}, {"ann"})
    assert await world.profile("ann") == ann
    events = await world.items("events", f"/v1/events?profile_id={ann['id']}&name=Order%20Completed")
    assert sorted(event["message_id"] for event in events) == ["m-a1", "m-a2"]


async def test_a_replay_goes_on_after_a_stop_while_people_go_on_shopping(world: World) -> None:
    await define(world, "often", {"event": "Order Completed", "op": "=", "value": 17})
    since = world.clock.now()
    people = [f"user{number}" for number in range(30)]
    await world.send(*(order(user, f"{user}-{n}", n) for user in people for n in range(15)))
    await world.settle()
    replay_id = await asked(world, since)
    await behind_their_back(world, "DELETE FROM segments.history")

    async def under_way() -> bool:
        return bool((await world.call("GET", "profiles", f"/v1/replays/{replay_id}"))["messages"] > 0)

    await until(under_way, "the replay is under way")
    await world.stop("profiles")
    await world.send(*(order(user, f"{user}-15", 1) for user in people))
    await world.start("profiles")
    found, _ = await asyncio.gather(
        finished(world, replay_id), world.send(*(order(user, f"{user}-16", 1) for user in people))
    )
    assert (found["messages"], found["repaired"]) == (450, 0)
    await world.settle()
    assert await world.members("often") == set(people)
