"""Events compared with other values: of the same event, and of the traits the profile has now."""

from datetime import timedelta
from typing import Any

from tests.services.segments.standing import NOW, Standing
from tests.services.segments.told import changed, did, known, merged, person

SIZE: dict[str, Any] = {"property": "size", "op": "=", "value_of": {"trait": "shoe.size"}}
FITS: dict[str, Any] = {"event": "A", "where": [SIZE], "within": "P7D", "op": ">=", "value": 1}
CHEAPER: dict[str, Any] = {
    "event": "A",
    "where": [{"property": "paid", "op": "<", "value_of": {"property": "listed"}}],
    "op": ">=",
    "value": 1,
}


async def test_two_properties_of_one_event(segments: Standing) -> None:
    await segments.define("cheaper", CHEAPER)
    await segments.take(
        did("ann", "A", profile=known("ann"), paid=1, listed=2),
        did("bob", "A", profile=known("bob"), paid=2, listed=2),
        did("cat", "A", profile=known("cat"), paid=1),
    )
    assert await segments.members("cheaper") == {person("ann")}
    preview = await segments.call("POST", "/v1/segments/preview", {"condition": CHEAPER})
    assert preview["count"] == 1


async def test_another_value_of_the_trait_makes_other_events_fit(segments: Standing) -> None:
    await segments.define("fits", FITS)
    await segments.take(
        did("ann", "A", NOW - timedelta(days=1), profile=known("ann", shoe={"size": 38}), size=38),
        did("ann", "A", size=39),
    )
    await segments.take(did("bob", "A", profile=known("bob"), size=38))
    assert await segments.members("fits") == {person("ann")}
    await segments.take(changed("ann", version=2, shoe={"size": 40}), changed("bob", version=2, shoe={"size": 38}))
    assert await segments.members("fits") == {person("bob")}
    await segments.take(changed("ann", version=3, shoe={"size": 39}))
    assert await segments.members("fits") == {person("ann"), person("bob")}
    await segments.later(days=8)
    assert await segments.changes("fits", person("ann")) == [
        ("entered", "event", NOW),
        ("left", "profile", NOW),
        ("entered", "profile", NOW),
        ("left", "time", NOW + timedelta(days=7)),
    ]


async def test_a_new_trait_and_an_event_in_one_message(segments: Standing) -> None:
    await segments.define("fits", FITS)
    await segments.take(did("ann", "A", profile=known("ann"), size=38), did("ann", "A", size=39))
    await segments.take(did("ann", "B", profile=known("ann", version=2, shoe={"size": 38})))
    assert await segments.members("fits") == {person("ann")}


async def test_builds_previews_merges_and_explanations_see_the_same(segments: Standing) -> None:
    await segments.take(
        did("ann", "A", profile=known("ann", shoe={"size": 38}), size=38),
        did("bob", "A", profile=known("bob", shoe={"size": 37}), size=38),
        did("eve", "A", profile=known("eve"), size=37),
    )
    assert (await segments.call("POST", "/v1/segments/preview", {"condition": FITS}))["count"] == 1
    await segments.define("fits", FITS)
    assert await segments.members("fits") == {person("ann")}
    explained = await segments.call("GET", f"/v1/segments/fits/explain?profile_id={person('ann')}")
    assert (explained["value"], explained["facts"]["count"]) == (True, 1)
    assert explained["condition"]["where"] == [SIZE]
    await segments.take(merged("eve", "bob", version=2, shoe={"size": 37}))
    assert await segments.members("fits") == {person("ann"), person("bob")}
    await segments.take(changed("ann", version=2, shoe={"size": "38"}))
    assert await segments.members("fits") == await segments.replayed("fits") == {person("bob")}
