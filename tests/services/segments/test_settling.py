"""Profiles going over to an edited version, some at a time, beside everything else that happens to them."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from shared.plumbing.db import Connection
from shared.plumbing.lanes import lane_of
from tests.services.segments.standing import NOW, Standing
from tests.services.segments.told import changed, did, erased, known, merged, person

BOUGHT = {"event": "Order Completed", "op": ">=", "value": 1}
SEEN = {"event": "Page Viewed", "op": ">=", "value": 1}
PEOPLE = [f"p{number}" for number in range(24)]
EVERYBODY = {person(name) for name in PEOPLE}


@pytest.fixture
async def segments(url: str) -> AsyncIterator[Standing]:
    """One profile or two at a time."""
    async with Standing(url, backfill_batch=1) as standing:
        yield standing


async def edit(segments: Standing, condition: object, key: str = "s") -> None:
    """To where it has taken over, and nobody has gone over to it."""
    await segments.call("PUT", f"/v1/segments/{key}", {"condition": condition})
    while not await segments.db.fetchval("SELECT EXISTS (SELECT FROM settlings)"):
        assert await segments.worker.builder.step()


async def go_some_way(segments: Standing) -> set[UUID]:
    """To where some of the members have left. Who is left."""
    members = before = await segments.members("s")
    while len(members) > len(before) / 2:
        assert await segments.worker.builder.step()
        members = await segments.members("s")
    return members


async def read(segments: Standing) -> None:
    """What was told, and no more."""
    while await segments.worker.reader.step():
        pass


async def once_each(segments: Standing, key: str = "s") -> bool:
    """Whether everybody entered and left in turn."""
    last: dict[str, str] = {}
    for item in await segments.items(f"/v1/segments/{key}/changes"):
        if item["change"] == last.get(item["profile_id"], "left"):
            return False
        last[item["profile_id"]] = item["change"]
    return True


async def test_what_goes_over_waits_for_a_lane_and_what_happens_in_others_does_not(segments: Standing) -> None:
    await segments.take(*(changed(name) for name in PEOPLE))
    await segments.define("s", {"all": []})
    held, *_, free = sorted(PEOPLE, key=lambda name: lane_of(person(name)))
    await edit(segments, SEEN)
    async with segments.db.transaction() as tx:
        settling = await stuck_at(segments, tx, held)
        segments.tell(did(free, "Page Viewed"))
        await asyncio.wait_for(read(segments), 10)
        assert not settling.done()
    await settling
    assert await segments.members("s") == await segments.replayed("s") == {person(free)}


async def stuck_at(segments: Standing, tx: Connection, name: str) -> "asyncio.Task[None]":
    """Its worker, at work until it waits for the counter of this person's lane, which `tx` holds."""
    await tx.execute("SELECT FROM lane_heads WHERE lane = $1 FOR UPDATE", lane_of(person(name)))
    working = asyncio.create_task(segments.worker.work())
    while not await segments.db.fetchval(WAITS):
        assert not working.done()
        await asyncio.sleep(0.01)
    return working


WAITS = """SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                          AND query LIKE '%differing AS MATERIALIZED%')"""


async def test_a_profile_goes_over_before_an_event_is_applied_to_it(segments: Standing) -> None:
    """Whatever both versions say of it before and after."""
    await segments.take(did("in", "Order Completed", profile=known("in")), changed("out"), changed("both"))
    await segments.take(did("both", "Order Completed"), did("both", "Page Viewed"))
    await segments.define("s", BOUGHT)
    await edit(segments, SEEN)
    segments.clock.step(minutes=1)
    segments.tell(*(did(name, event) for name in ("in", "out", "both") for event in ("Order Completed", "Page Viewed")))
    await read(segments)
    bought = ("entered", "backfill", NOW)
    at = segments.clock.now()
    expected = {"in": [bought, ("left", "edit", at), ("entered", "event", at)], "out": [("entered", "event", at)]}
    expected["both"] = [bought]
    for _ in range(2):
        assert {name: await segments.changes("s", person(name)) for name in expected} == expected
        await segments.worker.work()


@pytest.mark.parametrize("by", ["builder", "event"])
async def test_who_waited_for_what_went_over_records_nothing_before_that(segments: Standing, by: str) -> None:
    """Its instant is of before it waited, or its clock is behind."""
    await segments.take(changed("ann"))
    await segments.define("s", {"all": []})
    await edit(segments, SEEN)
    segments.clock.step(minutes=1)
    at = segments.clock.now()
    if by == "builder":
        await segments.worker.work()
    else:
        segments.tell(did("ann", "Nothing"))
        await read(segments)
    segments.clock.step(minutes=-1)
    segments.tell(did("ann", "Page Viewed"))
    await read(segments)
    assert await segments.changes("s", person("ann")) == [
        ("entered", "backfill", NOW),
        ("left", "edit", at),
        ("entered", "event", at),
    ]


async def test_who_went_over_after_time_had_passed_it_is_brought_no_further_than_before_that(
    segments: Standing,
) -> None:
    """What it lacks of the new version's states is folded as of then, and what time changed is seen."""
    await segments.define("seen", SEEN)
    await segments.take(*(did(name, "Order Completed", profile=known(name)) for name in PEOPLE))
    await segments.define("s", {"all": []})
    await edit(segments, {"not": {**BOUGHT, "within": "PT2H"}})
    segments.clock.step(hours=3)
    await segments.worker.renew()
    while await segments.worker.builder.step():
        pass
    assert await segments.members("s") == set()
    segments.tell(*(did(name, "Page Viewed") for name in PEOPLE))
    await read(segments)
    assert await segments.members("s") == EVERYBODY


@pytest.mark.parametrize("looks_first", ["timers", "builder"])
async def test_time_passes_for_a_profile_after_it_went_over(segments: Standing, looks_first: str) -> None:
    await segments.define("s", {**BOUGHT, "within": "PT1H"})
    await segments.take(*(did(name, "Order Completed", profile=known(name)) for name in PEOPLE))
    await edit(segments, {"not": {**BOUGHT, "within": "PT2H"}})
    await go_some_way(segments)
    segments.clock.step(hours=3)
    await segments.worker.renew()
    while await getattr(segments.worker, looks_first).step():
        pass
    assert await segments.members("s") == (EVERYBODY if looks_first == "timers" else set())
    await segments.worker.work()
    assert await segments.members("s") == EVERYBODY
    for name in PEOPLE:
        told = await segments.changes("s", person(name))
        assert [change[:2] for change in told] == [("entered", "event"), ("left", "edit"), ("entered", "time")]
        assert [change[2] for change in told] == sorted(change[2] for change in told)


async def test_plans_are_made_for_who_has_gone_over(segments: Standing) -> None:
    await segments.define("s", {**BOUGHT, "within": "PT1H"})
    await segments.take(*(did(name, "Order Completed", profile=known(name)) for name in PEOPLE))
    await edit(segments, {"not": {**BOUGHT, "within": "PT2H"}})
    while await segments.worker.planner.step():
        pass
    assert await segments.members("s") == set()
    segments.clock.step(hours=3)
    while await segments.worker.timers.step():
        pass
    await segments.worker.work()
    assert await segments.members("s") == await segments.replayed("s") == EVERYBODY
    assert await once_each(segments)


async def test_members_and_explanations_agree_meanwhile_and_the_status_says_it(segments: Standing) -> None:
    await segments.take(*(did(name, "Order Completed", profile=known(name)) for name in PEOPLE))
    await segments.define("s", BOUGHT)
    await edit(segments, SEEN)
    members = await go_some_way(segments)
    assert 0 < len(members) < len(PEOPLE)
    for name in PEOPLE:
        told = await segments.call("GET", f"/v1/segments/s/explain?profile_id={person(name)}")
        is_member = person(name) in members
        assert (told["value"], told["version"]) == (is_member, 1 if is_member else 2)
    shown = await segments.call("GET", "/v1/segments/s")
    assert (shown["status"], shown["progress"], shown["version"], shown["newest_version"]) == ("building", 1, 1, 2)
    assert shown["size"] == len(members)
    tried = await segments.call("PUT", "/v1/segments/s?dry_run=true", {"condition": SEEN})
    assert (tried["enter"]["count"], tried["leave"]["count"]) == (0, len(members))
    await segments.worker.work()
    shown = await segments.call("GET", "/v1/segments/s")
    assert (shown["status"], shown["progress"], shown["version"], shown["size"]) == ("live", None, 2, 0)
    versions = await segments.items("/v1/segments/s/versions")
    assert [(version["status"], version["replaced_at"]) for version in versions] == [
        ("live", None),
        ("replaced", versions[0]["live_at"]),
    ]


async def test_who_is_stopped_on_the_way_is_followed_by_another(segments: Standing) -> None:
    await segments.take(*(changed(name) for name in PEOPLE))
    await segments.define("s", {"all": []})
    await edit(segments, SEEN)
    members = await go_some_way(segments)
    assert 0 < len(members) < len(PEOPLE)
    async with segments.db.transaction() as tx:
        stopped = await stuck_at(segments, tx, max(PEOPLE, key=lambda name: lane_of(person(name))))
        stopped.cancel()
        await asyncio.wait([stopped])
    segments.clock.step(minutes=1)  # its leases have run out
    segments.worker = await segments.hire("two")
    await segments.worker.work()
    assert await segments.members("s") == set()
    assert sorted(change[:2] for change in await segments.changes("s")) == sorted(
        [("entered", "backfill"), ("left", "edit")] * len(PEOPLE)
    )
    assert await segments.db.fetchval("SELECT count(*) FROM settlings") == 0


async def test_an_edit_takes_over_from_one_that_not_all_have_gone_over_to(segments: Standing) -> None:
    await segments.take(*(changed(name, n=number) for number, name in enumerate(PEOPLE)))
    await segments.define("s", {"all": []})
    await segments.define("others", {"not": {"segment": "s"}})
    await edit(segments, {"trait": "n", "op": "<", "value": 4})
    await go_some_way(segments)
    await edit(segments, {"trait": "n", "op": ">=", "value": 4})
    await segments.worker.work()
    expected = {person(name) for name in PEOPLE[4:]}
    assert await segments.members("s") == await segments.replayed("s") == expected
    assert await segments.members("others") == await segments.replayed("others") == EVERYBODY - expected
    assert await once_each(segments)
    assert await once_each(segments, "others")
    assert [version["status"] for version in await segments.items("/v1/segments/s/versions")] == [
        "live",
        "replaced",
        "replaced",
    ]


async def test_a_segment_is_deleted_on_the_way(segments: Standing) -> None:
    await segments.take(*(changed(name) for name in PEOPLE))
    await segments.define("s", {"all": []})
    await segments.define("others", {"not": {"segment": "s"}})
    await edit(segments, SEEN)
    await go_some_way(segments)
    await segments.call("DELETE", "/v1/segments/others", status=204)
    await segments.worker.builder.step()
    await segments.call("DELETE", "/v1/segments/s", status=204)
    await segments.worker.work()
    while await segments.worker.clear():
        pass
    for table in ("memberships", "changes", "removals", "segments", "segment_versions", "settlings"):
        assert await segments.db.fetchval(f"SELECT count(*) FROM {table}") == 0, table


async def test_who_ends_on_the_way_leaves_what_they_were_in(segments: Standing) -> None:
    buyers = [did(name, "Order Completed", profile=known(name)) for name in ("ann", "bob", "cat")]
    await segments.take(*buyers, did("dan", "Page Viewed", profile=known("dan")), changed("eve"))
    await segments.define("s", BOUGHT)
    await edit(segments, SEEN)
    segments.tell(merged("bob", "ann"), merged("dan", "eve"), erased("cat"))
    await read(segments)
    assert [change[:2] for change in await segments.changes("s", person("bob"))] == [
        ("entered", "backfill"),
        ("left", "edit"),
    ]
    assert [change[:2] for change in await segments.changes("s", person("ann"))] == [
        ("entered", "backfill"),
        ("left", "edit"),
    ]
    assert [change[:2] for change in await segments.changes("s", person("dan"))] == [
        ("entered", "edit"),
        ("left", "merge"),
    ]
    assert [change[:2] for change in await segments.changes("s", person("eve"))] == [("entered", "merge")]
    assert [change[:2] for change in await segments.changes("s", person("cat"))] == [("left", "profile")]
    await segments.worker.work()
    assert await segments.members("s") == {person("eve")}


async def test_what_fails_on_the_way_keeps_the_members_it_has_and_is_built_anew(segments: Standing) -> None:
    await segments.take(*(changed(name) for name in PEOPLE))
    await segments.define("s", {"all": []})
    await edit(segments, SEEN)
    members = await go_some_way(segments)
    await segments.db.execute("UPDATE segment_versions SET status = 'failing', stale_since = $1 WHERE number = 2", NOW)
    await segments.db.execute("UPDATE catalogue SET revision = revision + 1")
    await segments.worker.work()
    assert await segments.members("s") == members
    assert (await segments.call("GET", "/v1/segments/s"))["status"] == "failing"
    await segments.call("PUT", "/v1/segments/s", {})
    await segments.worker.work()
    assert await segments.members("s") == await segments.replayed("s") == set()
    assert (await segments.call("GET", "/v1/segments/s"))["status"] == "live"
    assert await once_each(segments)
