"""A person who asks to be forgotten is forgotten in every table of every service."""

import asyncpg

from tests.flow.story import consenting, order, thank_spenders
from tests.support.waiting import until
from tests.support.world import SERVICES, World

TRACES = ("zoe-user", "zoe-anon", "zoe@", "Zoelinde", "+4915112345678", "zoe-token")


async def dump(url: str) -> dict[str, str]:
    """Every row of every table of all schemas, as text."""
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            """SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE c.relkind = 'r' AND n.nspname = ANY($1::text[])""",
            list(SERVICES),
        )
        dumped = {}
        for table in tables:
            name = f'"{table["schema"]}"."{table["name"]}"'
            rows = await connection.fetch(f"SELECT row::text AS text FROM {name} AS row")
            dumped[name] = "\n".join(row["text"] for row in rows)
        return dumped
    finally:
        await connection.close()


async def test_nothing_of_an_erased_person_is_left_in_any_table(world: World) -> None:
    await thank_spenders(world)
    profile_id = await consenting(
        world, "zoe-user", first_name="Zoelinde", phone="+4915112345678", email="zoe@example.com"
    )
    await world.call("PUT", "profiles", f"/v1/profiles/{profile_id}/devices/zoe-token", {"platform": "ios"})
    await world.send({"type": "page", "name": "Home", "anonymousId": "zoe-anon"})
    await world.send(
        {"type": "identify", "userId": "zoe-user", "anonymousId": "zoe-anon", "traits": {"city": "Zoelinde"}}
    )
    plan = {"schema": {"required": ["coupon"]}}
    await world.call("PUT", "events", "/v1/event-schemas/Order%20Completed", plan)
    await world.send(order("zoe-user", "z1", 150, context={"ip": "zoe@home"}, messageId="zoe-user-z1"))
    await world.send({"type": "track", "userId": "zoe-user", "event": "", "properties": {"who": "Zoelinde"}})
    await world.settle()
    assert any("Zoelinde" in text for text in (await dump(world.url)).values())

    receipt = await world.call("DELETE", "profiles", f"/v1/profiles/{profile_id}", status=202)
    await world.settle()

    async def is_completed() -> bool:
        state = await world.call("GET", "profiles", f"/v1/erasures/{receipt['receipt_id']}")
        return bool(state["status"] == "completed")

    await until(is_completed, "all services say that they have forgotten")

    left = {name: trace for name, text in (await dump(world.url)).items() for trace in TRACES if trace in text}
    assert left == {}
    await world.call("GET", "profiles", "/v1/profiles/lookup?user_id=zoe-user", status=404)


async def test_what_was_accepted_before_an_erasure_and_is_still_on_its_way_does_not_bring_the_person_back(
    world: World,
) -> None:
    profile_id = await consenting(world, "zoe-user")
    await world.settle()
    await world.stop("profiles")
    await world.send(order("zoe-user", "z2", 150))
    world.joined.down.add("events/internal/feed")
    await world.start("profiles")
    await world.call("DELETE", "profiles", f"/v1/profiles/{profile_id}", status=202)
    world.joined.down.discard("events/internal/feed")
    await world.settle()
    await world.call("GET", "profiles", "/v1/profiles/lookup?user_id=zoe-user", status=404)
    assert await world.items("events", "/v1/events?user_id=zoe-user") == []
    again = await world.send(order("zoe-user", "z2", 150))
    assert again["success"]
    await world.settle()
    await world.call("GET", "profiles", "/v1/profiles/lookup?user_id=zoe-user", status=404)
