"""What has been so for a time: by events, traits and the clock; late news, builds, previews and merges."""

from datetime import timedelta
from typing import Any

import pytest

from tests.services.segments.standing import NOW, Standing
from tests.services.segments.told import became, changed, did, known, merged, person

BOUGHT: dict[str, Any] = {"event": "A", "op": ">=", "value": 1}
BUYER: dict[str, Any] = {"for": "P7D", "of": BOUGHT}
RECENT: dict[str, Any] = {"for": "P2D", "of": {**BOUGHT, "within": "P1D"}}
PRO: dict[str, Any] = {"for": "P7D", "of": {"trait": "plan", "op": "=", "value": "pro"}}
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


async def test_it_becomes_true_by_time_alone_so_long_after(segments: Standing) -> None:
    await segments.define("buyers", BUYER)
    await segments.take(did("ann", "A", NOW - HOUR, profile=known("ann")))
    assert await segments.members("buyers") == set()
    await segments.later(days=8)
    assert await segments.changes("buyers") == [("entered", "time", NOW - HOUR + 7 * DAY)]


async def test_a_break_begins_it_anew_at_the_instant_of_the_break(segments: Standing) -> None:
    await segments.define("active", RECENT)
    await segments.take(did("ann", "A", profile=known("ann")))
    for hours in (20, 20, 20, 20):
        now = await segments.later(hours=hours)
        await segments.take(did("ann", "A", now))
    await segments.later(days=9)
    assert await segments.changes("active") == [
        ("entered", "time", NOW + 2 * DAY),
        ("left", "time", NOW + 80 * HOUR + DAY),
    ]


async def test_late_news_of_the_past_counts_from_then(segments: Standing) -> None:
    await segments.define("buyers", BUYER)
    await segments.define("active", RECENT)
    await segments.take(changed("ann"), changed("bob"))
    await segments.later(days=1)
    await segments.take(did("ann", "A", NOW - 7 * DAY), did("bob", "A", NOW - 5 * DAY))
    assert await segments.members("buyers") == {person("ann")}
    await segments.take(did("bob", "A", NOW - 6 * DAY))
    assert await segments.members("buyers") == {person("ann"), person("bob")}
    await segments.take(*(did("bob", "A", NOW - hours * HOUR) for hours in (30, 10)), did("bob", "A", NOW + DAY))
    assert await segments.members("active") == set()
    await segments.take(did("bob", "A", NOW + 10 * HOUR))
    assert await segments.members("active") == {person("bob")}


async def test_a_trait_counts_since_it_was_told(segments: Standing) -> None:
    await segments.define("pros", PRO)
    await segments.take(
        became("ann", {}, {"plan": "pro"}, NOW - DAY),
        became("bob", {"plan": "free"}, {"plan": "pro"}, NOW - 8 * DAY),
        changed("old", plan="pro"),
    )
    assert await segments.members("pros") == {person("bob"), person("old")}
    await segments.later(days=2)
    await segments.take(became("bob", {"plan": "pro"}, {"plan": "free"}, segments.clock.now(), version=2))
    await segments.take(became("bob", {"plan": "free"}, {"plan": "pro"}, segments.clock.now() + HOUR, version=3))
    await segments.later(days=8)
    assert await segments.members("pros") == {person("ann"), person("bob"), person("old")}
    assert (await segments.changes("pros", person("ann")))[0] == ("entered", "time", NOW + 6 * DAY)
    assert await segments.changes("pros", person("bob")) == [
        ("entered", "profile", NOW),
        ("left", "profile", NOW + 2 * DAY),
        ("entered", "time", NOW + 2 * DAY + HOUR + 7 * DAY),
    ]


async def test_builds_previews_explanations_and_edits_see_the_same(segments: Standing) -> None:
    await segments.take(
        did("ann", "A", NOW - 8 * DAY, profile=known("ann")),
        did("bob", "A", NOW - 6 * DAY, profile=known("bob")),
        changed("cat"),
    )
    preview = await segments.call("POST", "/v1/segments/preview", {"condition": BUYER})
    assert [member["profile_id"] for member in preview["sample"]] == [str(person("ann"))]
    for as_of, count in ((NOW + DAY, 2), (NOW - DAY, 1), (NOW - DAY - timedelta(seconds=1), 0)):
        assert (await segments.call("POST", "/v1/segments/preview", {"condition": BUYER, "as_of": as_of}))[
            "count"
        ] == count
    await segments.define("buyers", BUYER)
    assert await segments.changes("buyers") == [("entered", "backfill", NOW)]
    explained = await segments.call("GET", f"/v1/segments/buyers/explain?profile_id={person('bob')}")
    assert (explained["kind"], explained["value"], explained["children"][0]["value"]) == ("for", False, True)
    assert explained["facts"]["since"] == "2026-04-25T12:00:00Z"
    assert explained["next_at"] == "2026-05-02T12:00:00Z"
    shorter = {"condition": {**BUYER, "for": "P5D"}}
    tried = await segments.call("PUT", "/v1/segments/buyers?dry_run=true", shorter)
    assert (tried["enter"]["count"], tried["leave"]["count"]) == (1, 0)
    await segments.call("PUT", "/v1/segments/buyers", shorter)
    await segments.later(days=2)
    assert await segments.members("buyers") == await segments.replayed("buyers") == {person("ann"), person("bob")}


async def test_a_build_goes_on_where_time_has_passed_before_anything_happens(segments: Standing) -> None:
    await segments.take(did("ann", "A", NOW - HOUR, profile=known("ann")), did("bob", "A", NOW, profile=known("bob")))
    await segments.define("buyers", {"all": [BUYER, {"event": "B", "op": "=", "value": 0}]})
    await segments.later(days=3)
    await segments.take(did("bob", "B", segments.clock.now()))
    await segments.later(days=5)
    assert await segments.changes("buyers") == [("entered", "time", NOW - HOUR + 7 * DAY)]


async def test_a_merge_is_as_if_there_had_been_one_from_the_start(segments: Standing) -> None:
    await segments.define("buyers", BUYER)
    await segments.take(did("anon", "A", NOW - 8 * DAY, profile=known("anon")), did("ann", "A", profile=known("ann")))
    await segments.take(merged("anon", "ann"))
    assert await segments.members("buyers") == {person("ann")}
    await segments.take(did("eve", "A", NOW - DAY, profile=known("eve")), changed("zoe"), merged("eve", "zoe"))
    await segments.later(days=7)
    assert (await segments.changes("buyers", person("zoe"))) == [("entered", "time", NOW + 6 * DAY)]


async def test_what_it_asks_may_be_another_segment(segments: Standing) -> None:
    await segments.define("bought", BOUGHT)
    await segments.define("buyers", {"for": "P7D", "of": {"segment": "bought"}})
    await segments.take(did("ann", "A", profile=known("ann")))
    await segments.later(days=7)
    assert await segments.members("buyers") == {person("ann")}


@pytest.mark.parametrize("inner", [BUYER, {"any": [{"not": BUYER}]}])
async def test_a_segment_within_a_for_gets_no_for(segments: Standing, inner: Any) -> None:
    await segments.define("bought", BOUGHT)
    await segments.define("buyers", {"for": "P7D", "of": {"segment": "bought"}})
    for path in ("/v1/segments/bought", "/v1/segments/bought?dry_run=true"):
        problem = await segments.call("PUT", path, {"condition": inner}, status=422)
        assert problem["errors"][0]["loc"] == ["body", "condition"]
    assert (await segments.call("GET", "/v1/segments/bought"))["version"] == 1
