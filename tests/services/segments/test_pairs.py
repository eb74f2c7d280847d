"""Who viewed a product and did not buy that one: second steps that are compared with the first."""

from datetime import timedelta
from typing import Any

from tests.services.segments.standing import NOW, Standing
from tests.services.segments.told import changed, did, known, merged, person

THAT_ONE: dict[str, Any] = {
    "each": "products",
    "where": [{"property": "product_id", "op": "=", "value_of": {"first": "product_id"}}],
}
LEFT: dict[str, Any] = {
    "sequence": [{"event": "Product Viewed"}, {"event": "Order Completed", "absent": True, "where": [THAT_ONE]}],
    "gap": "P1D",
    "within": "P7D",
}
TAKEN: dict[str, Any] = {
    "sequence": [{"event": "Product Viewed"}, {"event": "Order Completed", "where": [THAT_ONE]}],
    "gap": "P1D",
}
HOUR = timedelta(hours=1)
DAY = 24 * HOUR


def products(*ids: str) -> list[dict[str, str]]:
    return [{"product_id": each} for each in ids]


async def test_time_shows_what_was_not_bought_and_a_late_order_that_it_was(segments: Standing) -> None:
    await segments.define("left", LEFT)
    await segments.define("taken", TAKEN)
    await segments.take(
        did("ann", "Product Viewed", profile=known("ann"), product_id="shoe"),
        did("ann", "Order Completed", NOW + HOUR, products=products("sock")),
        did("bob", "Product Viewed", profile=known("bob"), product_id="shoe"),
        did("bob", "Order Completed", NOW + HOUR, products=products("sock", "shoe")),
    )
    assert await segments.members("left") == await segments.members("taken") == set()
    await segments.later(days=2)
    assert await segments.changes("left") == [("entered", "time", NOW + DAY)]
    assert await segments.changes("taken") == [("entered", "time", NOW + HOUR)]
    assert await segments.members("left") == {person("ann")}
    now = segments.clock.now()
    await segments.take(did("ann", "Order Completed", NOW + DAY, products=products("shoe")))
    assert await segments.changes("left", person("ann")) == [
        ("entered", "time", NOW + DAY),
        ("left", "event", now),
    ]
    assert await segments.members("taken") == {person("ann"), person("bob")}
    await segments.take(did("bob", "Product Viewed", NOW + DAY, product_id="hat"))
    await segments.later(days=9)
    assert await segments.changes("left", person("bob")) == [
        ("entered", "event", now),
        ("left", "time", NOW + 8 * DAY),
    ]
    assert await segments.replayed("left") == set()


async def test_a_merge_brings_the_order_of_the_other_one(segments: Standing) -> None:
    await segments.define("left", LEFT)
    await segments.define("taken", TAKEN)
    await segments.take(
        did("anon", "Product Viewed", NOW - 2 * DAY, profile=known("anon"), product_id="shoe"),
        did("anon", "Product Viewed", NOW - 2 * DAY, product_id="hat"),
        did("ann", "Order Completed", NOW - 1.5 * DAY, profile=known("ann"), products=products("shoe")),
    )
    assert await segments.members("left") == {person("anon")}
    await segments.take(merged("anon", "ann", version=2))
    assert await segments.members("left") == await segments.members("taken") == {person("ann")}
    await segments.take(did("ann", "Order Completed", NOW - DAY, products=products("hat")))
    assert await segments.members("left") == await segments.replayed("left") == set()


async def test_builds_previews_edits_and_explanations_see_the_same(segments: Standing) -> None:
    await segments.take(
        did("ann", "Product Viewed", NOW - 2 * DAY, profile=known("ann"), product_id="shoe"),
        did("ann", "Product Viewed", NOW - 2 * DAY + HOUR, product_id="hat"),
        did("ann", "Order Completed", NOW - 1.5 * DAY, products=products("hat", "sock")),
        did("bob", "Product Viewed", NOW - 2 * DAY, profile=known("bob"), product_id="hat"),
        did("bob", "Order Completed", NOW - 1.5 * DAY, products=products("hat")),
        did("cat", "Product Viewed", NOW - HOUR, profile=known("cat"), product_id="hat"),
    )
    assert (await segments.call("POST", "/v1/segments/preview", {"condition": LEFT}))["count"] == 1
    await segments.define("left", LEFT)
    assert await segments.members("left") == {person("ann")}
    explained = await segments.call("GET", f"/v1/segments/left/explain?profile_id={person('ann')}")
    assert (explained["value"], explained["condition"]["sequence"][1]["where"]) == (True, [THAT_ONE])
    shown = [event["followed_at"] for event in explained["facts"]["first"]["events"]]
    assert shown == [None, (NOW - 1.5 * DAY).isoformat().replace("+00:00", "Z")]
    compared = [event["compared"] for event in explained["facts"]["first"]["events"]]
    assert compared == [{"product_id": "shoe"}, {"product_id": "hat"}]
    await segments.later(days=1)
    assert await segments.members("left") == {person("ann"), person("cat")}
    tried = await segments.call("PUT", "/v1/segments/left?dry_run=true", {"condition": TAKEN})
    assert (tried["enter"]["count"], tried["leave"]["count"], tried["stay"]) == (1, 1, 1)
    await segments.call("PUT", "/v1/segments/left", {"condition": TAKEN})
    await segments.worker.work()
    assert await segments.members("left") == {person("ann"), person("bob")}
    await segments.take(did("cat", "Order Completed", products=products("hat")))
    assert (
        await segments.members("left")
        == await segments.replayed("left")
        == {person("ann"), person("bob"), person("cat")}
    )


async def test_beside_a_trait_that_changes(segments: Standing) -> None:
    size = {"property": "size", "op": "=", "value_of": {"trait": "size"}}
    fits = {"each": "products", "where": [*THAT_ONE["where"], size]}
    condition = {**TAKEN, "sequence": [TAKEN["sequence"][0], {"event": "Order Completed", "where": [fits]}]}
    await segments.define("fits", condition)
    await segments.take(
        did("ann", "Product Viewed", NOW - HOUR, profile=known("ann", size=38), product_id="shoe"),
        did("ann", "Order Completed", products=[{"product_id": "shoe", "size": 39}, {"product_id": "hat", "size": 38}]),
    )
    assert await segments.members("fits") == set()
    await segments.take(changed("ann", version=2, size=39))
    assert await segments.members("fits") == {person("ann")}


async def test_the_first_step_has_no_name_elsewhere(segments: Standing) -> None:
    body = {"condition": {"event": "Order Completed", "where": [THAT_ONE], "op": ">=", "value": 1}}
    refused = await segments.call("POST", "/v1/segments/preview", body, status=422)
    [fault] = refused["errors"]
    assert fault["loc"][-6:] == ["where", 0, "where", 0, "value_of", "first"]
    assert fault["msg"] == "is not known here; known: property, trait"
