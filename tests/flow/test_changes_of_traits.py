"""A change of a trait across the services: told where it happens, kept where conditions are judged; a merge is none."""

from typing import Any

from tests.flow.story import until_live
from tests.support.world import World

MOVED = {"trait_changed": "address.city", "within": "P30D"}
PRO = {"for": "PT1H", "of": {"trait": "plan", "op": "=", "value": "pro"}}


def lives_in(city: str, user_id: str | None = "ann", **more: Any) -> dict[str, Any]:
    named = {} if user_id is None else {"userId": user_id}
    return {"type": "identify", **named, "traits": {"address": {"city": city}}, **more}


async def test_who_moved_is_who_said_so_and_not_who_turned_out_to_be_the_same(world: World) -> None:
    await world.call("POST", "segments", "/v1/segments", {"key": "moved", "condition": MOVED}, status=201)
    await until_live(world, "moved")
    await world.send(lives_in("Graz"), lives_in("Wien", "bob"), lives_in("Linz", None, anonymousId="bobs-phone"))
    await world.settle()
    await world.send({"type": "identify", "userId": "bob", "anonymousId": "bobs-phone"})
    await world.settle()
    assert await world.members("moved") == set()
    await world.send(lives_in("Linz"), lives_in("Linz"))
    await world.settle()
    assert await world.members("moved") == {"ann"}
    profile = await world.call("GET", "profiles", "/v1/profiles/lookup?user_id=bob")
    await world.call(
        "PATCH", "profiles", f"/v1/profiles/{profile['id']}", {"traits": {"address": {"city": "Salzburg"}}}
    )
    await world.settle()
    assert await world.members("moved") == {"ann", "bob"}


async def test_what_a_call_told_has_been_so_since_then(world: World) -> None:
    await world.call("POST", "segments", "/v1/segments", {"key": "pros", "condition": PRO}, status=201)
    await until_live(world, "pros")
    told = {"identifiers": [{"namespace": "user_id", "value": "ann"}], "traits": {"plan": "pro"}}
    await world.call("POST", "profiles", "/v1/profiles", told, status=201)
    await world.send(
        {"type": "identify", "userId": "bob", "traits": {"plan": "pro"}, "timestamp": "2020-01-01T00:00:00Z"}
    )
    await world.settle()
    assert await world.members("pros") == {"bob"}
