"""Two profiles that become one: as if there had been one from the start."""

import asyncio
from datetime import timedelta

from msgspec.structs import replace

from tests.services.segments.standing import NOW, Standing
from tests.services.segments.told import changed, did, erased, known, merged, person

BOUGHT = {"event": "Order Completed", "op": ">=", "value": 1}
TWICE = {"event": "Order Completed", "op": ">=", "value": 2}


async def test_the_survivor_has_the_events_of_both_and_the_loser_leaves(segments: Standing) -> None:
    await segments.define("buyers", BOUGHT)
    await segments.define("twice", TWICE)
    await segments.take(did("anon", "Order Completed", profile=known("anon", user_id=None)))
    await segments.take(did("ann", "Order Completed", profile=known("ann")))
    await segments.take(merged("anon", "ann"))
    assert await segments.members("buyers") == await segments.members("twice") == {person("ann")}
    assert [c[:2] for c in await segments.changes("buyers", person("anon"))] == [
        ("entered", "event"),
        ("left", "merge"),
    ]
    assert [c[:2] for c in await segments.changes("twice")] == [("entered", "merge")]
    [change] = await segments.items("/v1/segments/twice/changes")
    assert change["cause"] == {"kind": "merge", "profile_id": str(person("anon")), "survivor_id": str(person("ann"))}


async def test_changes_name_a_person_by_the_user_id_they_have_now(segments: Standing) -> None:
    await segments.define("buyers", BOUGHT)
    await segments.take(did("ann", "Order Completed", profile=known("ann", user_id=None)))
    await segments.take(did("bea", "Order Completed", profile=known("bea")), changed("ann", version=2, user_id="ann-2"))
    changes = {item["profile_id"]: item["user_id"] for item in await segments.items("/v1/segments/buyers/changes")}
    assert changes == {str(person("ann")): "ann-2", str(person("bea")): "bea"}
    merge = merged("bea", "ann", version=3)
    await segments.take(replace(merge, profile=replace(merge.profile, user_id="bea")))
    shown = await segments.items("/v1/segments/buyers/changes")
    assert len(shown) == 3
    assert {item["user_id"] for item in shown} == {"bea"}
    own = await segments.items("/v1/changes", profile_id=person("ann"))
    assert {item["user_id"] for item in own} == {"bea"}


async def test_a_union_can_make_the_survivor_leave(segments: Standing) -> None:
    await segments.define("once", {"event": "Order Completed", "op": "=", "value": 1})
    await segments.take(
        did("anon", "Order Completed", profile=known("anon")), did("ann", "Order Completed", profile=known("ann"))
    )
    await segments.take(merged("anon", "ann"))
    assert await segments.members("once") == set()
    assert [c[:2] for c in await segments.changes("once", person("ann"))] == [("entered", "event"), ("left", "merge")]


async def test_what_arrives_for_the_loser_later_counts_for_the_survivor(segments: Standing) -> None:
    await segments.define("twice", TWICE)
    await segments.take(changed("ann"), did("anon", "Order Completed", profile=known("anon")))
    await segments.take(merged("anon", "ann"), did("anon", "Order Completed"))
    assert await segments.members("twice") == {person("ann")}
    assert [c[:2] for c in await segments.changes("twice")] == [("entered", "event")]


async def test_a_chain_of_merges_leads_to_the_last(segments: Standing) -> None:
    await segments.define("three", {"event": "Order Completed", "op": "=", "value": 3})
    await segments.take(*(did(name, "Order Completed", profile=known(name)) for name in ("a", "b", "c")))
    await segments.take(merged("a", "b", version=2), merged("b", "c", version=3))
    assert await segments.members("three") == {person("c")}
    await segments.define("four", {"event": "Order Completed", "op": "=", "value": 4})
    await segments.take(did("a", "Order Completed"))
    assert await segments.members("four") == {person("c")}
    explained = await segments.call("GET", f"/v1/segments/four/explain?profile_id={person('a')}")
    assert (explained["profile_id"], explained["value"]) == (str(person("c")), True)


async def test_a_merge_can_be_told_before_the_survivor_was(segments: Standing) -> None:
    await segments.define("pros", {"all": [BOUGHT, {"trait": "plan", "op": "=", "value": "pro"}]})
    await segments.take(did("anon", "Order Completed", profile=known("anon")))
    await segments.take(merged("anon", "ann", version=5, plan="pro"))
    await segments.take(changed("ann", version=4, plan="free"))
    assert await segments.members("pros") == {person("ann")}


async def test_a_merge_told_twice_is_one(segments: Standing) -> None:
    await segments.define("buyers", BOUGHT)
    await segments.take(did("anon", "Order Completed", profile=known("anon")), changed("ann"))
    await segments.take(merged("anon", "ann"), merged("anon", "ann"))
    assert len(await segments.changes("buyers")) == 3


async def test_time_that_passed_before_a_merge_is_recorded_first(segments: Standing) -> None:
    await segments.define("recent", {**BOUGHT, "within": "PT10M"})
    await segments.take(did("anon", "Order Completed", profile=known("anon")), changed("ann"))
    now = segments.clock.step(minutes=20)
    await segments.take(merged("anon", "ann"), did("ann", "Order Completed", now))
    assert await segments.changes("recent", person("anon")) == [
        ("entered", "event", NOW),
        ("left", "time", NOW + timedelta(minutes=10)),
    ]
    assert await segments.changes("recent", person("ann")) == [("entered", "event", now)]


async def test_two_merges_into_one_at_once(segments: Standing) -> None:
    await segments.define("three", {"event": "Order Completed", "op": "=", "value": 3})
    await segments.take(*(did(name, "Order Completed", profile=known(name)) for name in ("a", "b", "c")))
    other = await segments.hire("two")
    await segments.worker.renew()
    await other.renew()
    segments.tell(merged("a", "c", version=2), merged("b", "c", version=3))
    await asyncio.gather(segments.worker.reader.step(), other.reader.step())
    assert await segments.members("three") == {person("c")}


async def test_an_erased_person_is_gone_and_stays_gone(segments: Standing) -> None:
    await segments.define("buyers", BOUGHT)
    await segments.take(did("zoe", "Order Completed", profile=known("zoe", city="Zoetermeer"), note="zoe was here"))
    await segments.take(erased("zoe"))
    assert await segments.members("buyers") == set()
    [change] = await segments.items("/v1/segments/buyers/changes")
    assert (change["change"], change["user_id"], change["cause"]) == ("left", None, {"kind": "profile", "erased": True})
    await segments.take(did("zoe", "Order Completed", profile=known("zoe", version=9)))
    assert await segments.members("buyers") == set()
    for table in ("history", "profiles", "plans", "memberships", "changes", "parked"):
        rows = await segments.db.fetch(f"SELECT row::text FROM {table} AS row")
        assert not any("zoe" in row[0].lower() for row in rows), table


async def test_an_erased_person_who_was_due_enters_nothing_when_the_time_has_come(segments: Standing) -> None:
    await segments.take(did("zoe", "Order Completed", profile=known("zoe")))
    await segments.define("recent", {**BOUGHT, "within": "PT10M"}, build=False)
    while await segments.worker.builder.step():  # which leaves what its leaves hold to whoever works on the person next
        pass
    segments.tell(erased("zoe"))
    await segments.worker.reader.step()
    await segments.define("everybody", {"all": []})
    await segments.later(minutes=10)
    assert await segments.members("everybody") == set()
    assert await segments.db.fetchval("SELECT count(*) FROM profiles WHERE next_due_at IS NOT NULL") == 0


async def test_what_deleted_segments_left_behind_of_an_erased_person_is_gone_with_them(segments: Standing) -> None:
    await segments.define("buyers", BOUGHT)
    await segments.take(*(did(name, "Order Completed", profile=known(name)) for name in ("zoe", "ann")))
    await segments.call("DELETE", "/v1/segments/buyers", status=204)
    await segments.take(erased("zoe"))
    assert [row["profile_id"] for row in await segments.db.fetch("SELECT profile_id FROM changes")] == [person("ann")]


async def test_a_merge_that_is_still_on_its_way_does_not_bring_an_erased_person_back(segments: Standing) -> None:
    await segments.define("buyers", BOUGHT)
    await segments.take(did("anon", "Order Completed", profile=known("anon")), changed("zoe"))
    await segments.take(erased("zoe", "anon"))
    await segments.take(did("anon", "Order Completed"), merged("anon", "zoe", version=9))
    assert await segments.members("buyers") == set()
    assert await segments.db.fetchval("SELECT count(*) FROM history") == 0
    await segments.call("GET", f"/v1/segments/buyers/explain?profile_id={person('anon')}", status=404)
