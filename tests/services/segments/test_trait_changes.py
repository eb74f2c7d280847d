"""Changes of traits are kept as facts of the profile's history: seen by builds, previews, explanations and merges; no events."""

from datetime import timedelta

from msgspec.structs import replace

from services.segments.domain.facts import TRAITS_CHANGED
from tests.services.segments.standing import NOW, Standing
from tests.services.segments.told import became, changed, did, erased, known, merged, person, told_change

MOVED = {"trait_changed": "city", "within": "P7D"}
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


async def test_who_moved_is_in_from_the_change_until_the_window_ends(segments: Standing) -> None:
    await segments.define("moved", MOVED)
    await segments.take(became("ann", {}, {"city": "Graz"}, NOW - DAY), changed("bob", city="Graz"))
    assert await segments.members("moved") == set()
    await segments.take(became("ann", {"city": "Graz"}, {"city": "Linz"}, NOW - timedelta(hours=1), version=2))
    assert await segments.members("moved") == {person("ann")}
    await segments.later(days=8)
    assert await segments.changes("moved") == [
        ("entered", "profile", NOW),
        ("left", "time", NOW + timedelta(days=7) - timedelta(hours=1)),
    ]


async def test_the_past_is_known_to_builds_previews_and_explanations(segments: Standing) -> None:
    await segments.take(
        became("ann", {"city": "Graz"}, {"city": "Linz"}, NOW - 2 * DAY),
        became("bob", {"city": "Graz"}, {"city": "Wien"}, NOW - 8 * DAY),
    )
    await segments.define("moved", {**MOVED, "to": "Linz"})
    assert await segments.members("moved") == {person("ann")}
    for as_of, count in ((NOW, 1), (NOW - 3 * DAY, 1), (NOW - 9 * DAY, 0), (NOW - DAY - HOUR, 2)):
        body = {"condition": MOVED, "as_of": as_of}
        assert (await segments.call("POST", "/v1/segments/preview", body))["count"] == count, as_of
    explained = await segments.call("GET", f"/v1/segments/moved/explain?profile_id={person('ann')}")
    assert [(c["from"], c["to"]) for c in explained["facts"]["changes"]] == [("Graz", "Linz")]


async def test_an_event_can_change_a_trait_and_the_change_is_told_with_it(segments: Standing) -> None:
    await segments.define("moved", {**MOVED, "from": "Graz", "to": "Linz"})
    await segments.define("signed-up", {"event": "Signed Up", "op": "=", "value": 1})
    await segments.take(changed("ann", city="Graz"))
    told = replace(told_change({"city": "Graz"}, {"city": "Linz"}), message_id="m")
    message = did("ann", "Signed Up", message_id="m", profile=known("ann", version=2, city="Linz"), traits_changed=told)
    await segments.take(message, message)
    assert await segments.members("moved") == await segments.members("signed-up") == {person("ann")}
    assert await segments.db.fetchval("SELECT count(*) FROM history WHERE name = $1", TRAITS_CHANGED) == 1
    assert await segments.db.fetchval("SELECT count(*) FROM history") == 2


async def test_what_a_merge_unites_is_no_change_and_the_survivor_has_the_changes_of_both(segments: Standing) -> None:
    await segments.define("moved", MOVED)
    await segments.define("left-linz", {**MOVED, "from": "Linz"})
    await segments.take(changed("anon", city="Graz"), changed("ann", city="Linz"))
    await segments.take(merged("anon", "ann", version=2, city="Graz"), changed("ann", version=3, city="Graz"))
    assert await segments.members("moved") == set()
    await segments.take(became("eve", {"city": "Linz"}, {"city": "Graz"}))
    assert await segments.members("left-linz") == {person("eve")}
    await segments.take(merged("eve", "ann", version=4, city="Graz"))
    assert await segments.members("left-linz") == {person("ann")}


async def test_a_change_told_behind_a_newer_snapshot_is_kept(segments: Standing) -> None:
    await segments.define("moved", MOVED)
    await segments.take(changed("ann", version=9, city="Linz"))
    await segments.take(became("ann", {"city": "Graz"}, {"city": "Linz"}, version=8))
    assert await segments.members("moved") == {person("ann")}


async def test_changes_are_forgotten_with_the_person(segments: Standing) -> None:
    await segments.take(became("zoe", {"city": "Graz"}, {"city": "Linz"}))
    await segments.take(erased("zoe"))
    assert await segments.db.fetchval("SELECT count(*) FROM history") == 0


async def test_a_change_is_no_event(segments: Standing) -> None:
    asked = {"condition": {"event": TRAITS_CHANGED, "op": ">=", "value": 1}}
    problem = await segments.call("POST", "/v1/segments/preview", asked, status=422)
    assert problem["errors"][0]["loc"] == ["body", "condition", "event"]
    await segments.define("moved", MOVED)
    await segments.take(changed("ann"), did("ann", TRAITS_CHANGED, before={"city": 1}, after={"city": 2}))
    assert await segments.members("moved") == set()
    assert await segments.db.fetchval("SELECT count(*) FROM history") == 0
