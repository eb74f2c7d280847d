"""One story across all four services: what is done becomes a membership, a message, and an event again."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from tests.flow.story import SPENT_100, consenting, mails_to, order, thank_spenders, until_live
from tests.support.waiting import until
from tests.support.world import World


async def test_a_purchase_becomes_a_membership_a_message_and_an_event_again(world: World) -> None:
    await thank_spenders(world)
    profile_id = await consenting(world, "ann", first_name="Ann")
    await world.send(order("ann", "a1", 99.99))
    await world.settle()
    assert await world.members("spenders") == set()
    await world.send(order("ann", "a2", 0.01))
    await world.settle()

    assert await world.members("spenders") == {"ann"}
    [mail] = await mails_to(world, "ann")
    assert mail["subject"] == "Thank you, Ann"
    assert mail["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    [decision] = await world.items("messaging", f"/v1/decisions?profile_id={profile_id}")
    assert (decision["decision"], decision["user_id"]) == ("sent", "ann")
    await world.settle()  # the outcome is an event of its own, accepted while the first wait came to its end
    names = [event["name"] for event in await world.items("events", f"/v1/events?profile_id={profile_id}")]
    assert names.count("Order Completed") == 2
    assert "Email Sent" in names
    whole = await world.call("GET", "profiles", "/v1/profiles/lookup?email=ann@example.com&include=events,segments")
    assert [event["name"] for event in whole["events"]] == names
    assert [segment["key"] for segment in whole["segments"]] == ["spenders"]
    [stored] = await world.items("events", "/v1/events?message_id=m-a1")
    assert stored["profile_id"] == profile_id, "however it is found, an event says whose it is"


async def test_the_same_batch_sent_ten_times_by_eight_clients_counts_once(world: World) -> None:
    await thank_spenders(world)
    await consenting(world, "bea")
    batch = [order("bea", f"b{n}", 10) for n in range(10)]
    await asyncio.gather(*(world.send(*batch) for _ in range(80)))
    await world.settle()
    stored = await world.items("events", "/v1/events?user_id=bea&name=Order%20Completed")
    assert len(stored) == 10
    profile = await world.profile("bea")
    explained = await world.call("GET", "segments", f"/v1/segments/spenders/explain?profile_id={profile['id']}")
    assert explained["value"] is True
    assert await world.members("spenders") == {"bea"}
    assert len(await mails_to(world, "bea")) == 1


async def test_an_identify_after_a_hundred_anonymous_events_brings_them_along(world: World) -> None:
    body = {"key": "viewers", "name": "v", "condition": {"event": "Product Viewed", "op": "=", "value": 100}}
    await world.call("POST", "segments", "/v1/segments", body, status=201)
    await until_live(world, "viewers")
    views = [{"type": "track", "event": "Product Viewed", "anonymousId": "anon-1"} for _ in range(99)]
    await world.send(*views)
    await world.send({"type": "track", "event": "Product Viewed", "userId": "cleo"})
    await world.settle()
    assert await world.members("viewers") == set()
    await world.send({"type": "identify", "userId": "cleo", "anonymousId": "anon-1", "traits": {"plan": "pro"}})
    await world.settle()
    assert await world.members("viewers") == {"cleo"}


async def test_a_shared_device_belongs_to_whoever_is_signed_in(world: World) -> None:
    await world.send({"type": "identify", "userId": "dan", "anonymousId": "tablet"})
    await world.settle()
    await world.send({"type": "identify", "userId": "eva", "anonymousId": "tablet"})
    await world.settle()
    await world.send({"type": "track", "event": "Product Viewed", "anonymousId": "tablet"})
    await world.settle()
    dan, eva = await world.profile("dan"), await world.profile("eva")
    assert dan["id"] != eva["id"]
    [event] = await world.items("events", f"/v1/events?profile_id={eva['id']}&name=Product%20Viewed")
    assert event["anonymous_id"] == "tablet"


async def test_history_changes_segments_but_sends_nothing(world: World) -> None:
    await thank_spenders(world)
    await consenting(world, "fay")
    await world.send(order("fay", "f1", 500), path="/v1/import")
    await world.settle()
    assert await world.members("spenders") == {"fay"}
    [change] = await world.items("segments", "/v1/segments/spenders/changes")
    assert change["cause"]["kind"] == "import"
    assert await mails_to(world, "fay") == []


async def test_a_service_that_is_down_lets_the_others_go_on_and_then_catches_up(world: World) -> None:
    await thank_spenders(world)
    await consenting(world, "gus")
    for name in ("segments", "profiles", "messaging"):
        await world.stop(name)
        await world.send(order("gus", f"g-{name}", 40))
        lag = await world.call("GET", "events", "/v1/lag", status=503)
        assert (lag["events"] > 0, lag["out_of_reach"]) == (True, [name])
        await world.start(name)
        await world.settle()
    assert await world.members("spenders") == {"gus"}
    assert len(await mails_to(world, "gus")) == 1


async def test_a_minute_without_segments_holds_up_nobody_else_and_drains_in_order(world: World) -> None:
    await thank_spenders(world)
    users = [f"user{number}" for number in range(20)]
    for user in users:
        await consenting(world, user)
    await world.settle()
    await world.stop("segments")

    async def lag() -> Any:
        told = await world.call("GET", "events", "/v1/lag", status=503)
        assert told["out_of_reach"] == ["segments"]
        return told

    def only_waits(number: int) -> Callable[[], Awaitable[bool]]:
        async def is_all() -> bool:
            return bool((await lag())["events"] == number)

        return is_all

    async def all_are_with_their_profiles() -> bool:
        looked_up = [
            await world.call("GET", "profiles", f"/v1/profiles/lookup?user_id={user}&include=events") for user in users
        ]
        return {len(one["events"]) for one in looked_up} == {count // len(users)}

    count = 11 * len(users)
    for sent in range(count):
        await world.send(order(users[sent % len(users)], f"o{sent}", 10))
        await world.step(timedelta(seconds=60) / count)
        if (sent + 1) % 44 == 0:
            await until(only_waits(sent + 1), "the backlog grows, and is told")
    assert (await lag())["seconds"] > 59
    await until(all_are_with_their_profiles, "the others go on")

    await world.start("segments")
    await world.settle()
    changes = await world.items("segments", "/v1/segments/spenders/changes")
    crossed = {change["user_id"]: change["cause"]["message_id"] for change in changes}
    assert crossed == {user: f"m-o{9 * len(users) + number}" for number, user in enumerate(users)}, "in order"
    assert len(changes) == len(users)
    for user in users:
        assert len(await mails_to(world, user)) == 1


async def test_time_alone_makes_members_leave(world: World) -> None:
    condition = {**SPENT_100, "within": "P30D"}
    await world.call(
        "POST", "segments", "/v1/segments", {"key": "recent", "name": "r", "condition": condition}, status=201
    )
    await until_live(world, "recent")
    bought_at = world.clock.now()
    await world.send(order("hal", "h1", 100, timestamp=bought_at.isoformat()))
    await world.settle()
    assert await world.members("recent") == {"hal"}
    await world.step(timedelta(days=30, seconds=1))

    async def nobody_is_left() -> bool:
        return await world.members("recent") == set()

    await until(nobody_is_left, "time alone makes them leave")
    changes: list[Any] = await world.items("segments", "/v1/segments/recent/changes")
    assert [(c["change"], c["cause"]["kind"]) for c in changes] == [("entered", "event"), ("left", "time")]


async def test_unsubscribing_holds_for_whatever_comes_after(world: World) -> None:
    await thank_spenders(world, reentry="always")
    await consenting(world, "ida")
    await world.send(order("ida", "i1", 100))
    await world.settle()
    [mail] = await mails_to(world, "ida")
    link = mail["headers"]["List-Unsubscribe"].strip("<>").split("/", 3)[3]
    answer = await world.http.post(f"http://messaging/{link}", content="List-Unsubscribe=One-Click")
    assert answer.is_success
    await world.send({"type": "track", "event": "Order Refunded", "userId": "ida", "properties": {"order_id": "i1"}})
    await world.settle()
    await world.send(order("ida", "i2", 100))
    await world.settle()
    assert len(await mails_to(world, "ida")) == 1
    reasons = {item["reason"] for item in await world.items("messaging", "/v1/decisions?campaign=thank-spenders")}
    assert reasons & {"no_consent", "suppressed"}
