"""New and edited segments: built over all history while everything goes on, then taking over."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.segments.domain.sql.query import Query
from services.segments.service import first_truths
from services.segments.service.catalogue import create_segment
from services.segments.store import first_truths as store
from shared.plumbing import json
from tests.services.segments.standing import NOW, Standing
from tests.services.segments.told import changed, did, known, person
from tests.support.logged import logged

BOUGHT = {"event": "Order Completed", "op": ">=", "value": 1}
PEOPLE = [f"p{number}" for number in range(40)]


async def _people_who_bought(segments: Standing, *, at: Any = NOW) -> None:
    await segments.take(*(did(name, "Order Completed", at, profile=known(name)) for name in PEOPLE))


async def test_a_new_segment_is_backfilled_over_all_history(segments: Standing) -> None:
    await _people_who_bought(segments, at=NOW - timedelta(days=1))
    made = await segments.define("buyers", BOUGHT, build=False)
    assert (made["status"], made["progress"], made["size"]) == ("building", 0, 0)
    await segments.worker.work()
    shown = await segments.call("GET", "/v1/segments/buyers")
    assert (shown["status"], shown["progress"], shown["size"]) == ("live", None, len(PEOPLE))
    assert set(await segments.changes("buyers")) == {("entered", "backfill", NOW)}


async def test_a_profiles_first_truth_comes_before_a_later_event_is_applied_to_it(url: str) -> None:
    async with Standing(url, backfill_batch=1) as segments:
        await _people_who_bought(segments)
        await segments.define("silent", {"not": {"event": "Page Viewed", "op": ">=", "value": 1}}, build=False)
        await segments.worker.builder.step()
        segments.tell(*(did(name, "Page Viewed") for name in PEOPLE))
        while await segments.worker.reader.step():
            pass
        await segments.worker.work()
        assert await segments.members("silent") == set()
        for name in PEOPLE:
            assert [c[:2] for c in await segments.changes("silent", person(name))] == [
                ("entered", "backfill"),
                ("left", "event"),
            ]


async def test_profiles_made_during_a_build_are_in_it_at_once(segments: Standing) -> None:
    await _people_who_bought(segments)
    await segments.define("buyers", BOUGHT, build=False)
    segments.tell(did("new", "Order Completed", profile=known("new")))
    await segments.worker.reader.step()
    assert await segments.changes("buyers", person("new")) == [("entered", "event", NOW)]
    await segments.worker.work()
    assert len(await segments.members("buyers")) == len(PEOPLE) + 1


async def test_what_time_changed_before_the_first_truth_is_recorded_for_the_older_segments(segments: Standing) -> None:
    await segments.define("recent", {**BOUGHT, "within": "PT10M"})
    await segments.take(did("ann", "Order Completed", profile=known("ann")))
    segments.clock.step(hours=1)
    await segments.define("buyers", BOUGHT, build=False)
    await segments.worker.renew()
    while await segments.worker.builder.step():
        pass
    assert (await segments.changes("recent"))[1:] == [("left", "time", NOW + timedelta(minutes=10))]
    assert await segments.changes("buyers") == [("entered", "backfill", NOW + timedelta(hours=1))]


async def test_an_edit_serves_the_old_version_until_the_new_one_takes_over(url: str) -> None:
    async with Standing(url, backfill_batch=1) as segments:
        await segments.define("buyers", BOUGHT)
        await segments.take(
            did("ann", "Order Completed", profile=known("ann")), did("bob", "Page Viewed", profile=known("bob"))
        )
        edited = await segments.call("PUT", "/v1/segments/buyers", {"condition": {**BOUGHT, "event": "Page Viewed"}})
        assert (edited["status"], edited["version"], edited["newest_version"]) == ("building", 1, 2)
        await segments.worker.builder.step()
        assert await segments.members("buyers") == {person("ann")}
        segments.tell(did("cat", "Order Completed", profile=known("cat")), did("cat", "Page Viewed"))
        await segments.worker.reader.step()
        assert await segments.members("buyers") == {person("ann"), person("cat")}
        await segments.worker.work()
        assert await segments.members("buyers") == {person("bob"), person("cat")}
        assert await segments.changes("buyers", person("ann")) == [("entered", "event", NOW), ("left", "edit", NOW)]
        assert await segments.changes("buyers", person("bob")) == [("entered", "edit", NOW)]
        assert await segments.changes("buyers", person("cat")) == [("entered", "event", NOW)]
        shown = await segments.call("GET", "/v1/segments/buyers")
        assert (shown["status"], shown["version"], shown["newest_version"]) == ("live", 2, 2)
        await segments.take(did("ann", "Page Viewed"))
        assert (await segments.changes("buyers", person("ann")))[2:] == [("entered", "event", NOW)]


async def test_a_segment_is_updated_by_an_edit_and_by_a_name_and_not_by_the_same_again(segments: Standing) -> None:
    await segments.define("buyers", BOUGHT)
    viewers = {**BOUGHT, "event": "Page Viewed"}
    for body, updated_at in (
        ({"condition": viewers}, "2026-05-01T13:00:00Z"),
        ({"condition": viewers}, "2026-05-01T13:00:00Z"),
        ({"name": "Viewers"}, "2026-05-01T15:00:00Z"),
    ):
        await segments.later(hours=1)
        shown = await segments.call("PUT", "/v1/segments/buyers", body)
        assert shown["updated_at"] == updated_at
    await segments.worker.work()
    shown = await segments.call("GET", "/v1/segments/buyers")
    assert (shown["name"], shown["updated_at"]) == ("Viewers", "2026-05-01T15:00:00Z")


async def test_an_edit_rebuilds_what_refers_to_it_and_they_take_over_together(segments: Standing) -> None:
    await segments.define("buyers", BOUGHT)
    await segments.define("others", {"not": {"segment": "buyers"}})
    await segments.define("everybody", {"any": [{"segment": "others"}, {"segment": "buyers"}]})
    await segments.take(
        did("ann", "Order Completed", profile=known("ann")), did("bob", "Page Viewed", profile=known("bob"))
    )
    assert await segments.members("others") == {person("bob")}
    await segments.call("PUT", "/v1/segments/buyers", {"condition": {**BOUGHT, "event": "Page Viewed"}})
    states = [await segments.call("GET", f"/v1/segments/{key}") for key in ("buyers", "others", "everybody")]
    assert [state["status"] for state in states] == ["building"] * 3
    await segments.worker.work()
    assert await segments.members("buyers") == {person("bob")}
    assert await segments.members("others") == {person("ann")}
    assert await segments.members("everybody") == {person("ann"), person("bob")}
    assert sorted(change[1] for change in await segments.changes("others")) == ["edit", "edit", "event"]
    assert len(await segments.changes("everybody")) == 2


async def test_edits_that_overtake_each_other_end_with_the_last(segments: Standing) -> None:
    await segments.define("s", BOUGHT)
    await segments.take(
        did("ann", "Order Completed", profile=known("ann")), did("bob", "Page Viewed", profile=known("bob"))
    )
    await segments.call("PUT", "/v1/segments/s", {"condition": {**BOUGHT, "event": "Page Viewed"}})
    await segments.call("PUT", "/v1/segments/s", {"condition": {"all": []}})
    await segments.worker.work()
    assert await segments.members("s") == {person("ann"), person("bob")}
    assert await segments.replayed("s") == {person("ann"), person("bob")}
    shown = await segments.call("GET", "/v1/segments/s")
    assert (shown["status"], shown["version"]) == ("live", 3)


async def test_the_same_condition_again_and_a_new_name_build_nothing(segments: Standing) -> None:
    await segments.define("s", {"trait": "a", "op": "=", "value": 1})
    same = {"name": "S", "condition": {"op": "=", "value": 1, "trait": "a"}}
    shown = await segments.call("PUT", "/v1/segments/s", same)
    assert (shown["name"], shown["status"], shown["newest_version"]) == ("S", "live", 1)
    other = await segments.call("PUT", "/v1/segments/s", {"condition": {"trait": "a", "op": "=", "value": True}})
    assert other["newest_version"] == 2


async def test_a_deleted_segment_leaves_nothing_behind_and_its_key_is_free(segments: Standing) -> None:
    await segments.define("buyers", BOUGHT)
    await _people_who_bought(segments)
    await segments.call("DELETE", "/v1/segments/buyers", status=204)
    await segments.call("GET", "/v1/segments/buyers", status=404)
    await segments.take(did("late", "Order Completed", profile=known("late")))
    while await segments.worker.clear():
        pass
    for table in ("memberships", "changes", "removals", "segments", "segment_versions"):
        assert await segments.db.fetchval(f"SELECT count(*) FROM {table}") == 0, table
    await segments.define("buyers", BOUGHT)
    assert len(await segments.members("buyers")) == len(PEOPLE) + 1


async def test_what_others_refer_to_is_not_deleted(segments: Standing) -> None:
    await segments.define("buyers", BOUGHT)
    await segments.define("others", {"not": {"segment": "buyers"}})
    assert (await segments.call("DELETE", "/v1/segments/buyers", status=409))["code"] == "in_use"
    segments.others.campaigns = {"others": ["spring"]}
    assert "spring" in (await segments.call("DELETE", "/v1/segments/others", status=409))["detail"]
    segments.others.away = {"messaging"}
    await segments.call("DELETE", "/v1/segments/others", status=503)
    segments.others.away, segments.others.campaigns = set(), {}
    await segments.call("DELETE", "/v1/segments/others", status=204)
    await segments.call("DELETE", "/v1/segments/buyers", status=204)
    await segments.call("DELETE", "/v1/segments/buyers", status=404)


async def test_a_killed_builder_is_continued_by_another(url: str) -> None:
    async with Standing(url, backfill_batch=1) as segments:
        await segments.take(*(changed(name) for name in PEOPLE))
        await segments.define("all", {"all": []}, build=False)
        await segments.worker.builder.step()
        assert 0 < len(await segments.members("all")) < len(PEOPLE)
        segments.clock.step(minutes=1)  # the leases of the first have run out
        second = await segments.hire("two")
        await second.work()
        assert (await segments.call("GET", "/v1/segments/all"))["status"] == "live"
        assert len(await segments.members("all")) == len(await segments.changes("all")) == len(PEOPLE)


async def test_a_segment_that_is_made_while_the_builder_looks_for_work_is_built_over_everybody(
    segments: Standing,
) -> None:
    await segments.take(*(changed(name) for name in PEOPLE))
    await segments.define("first", {"all": []}, build=False)
    async with segments.db.transaction() as tx:
        await tx.execute("LOCK TABLE build_lanes IN ACCESS EXCLUSIVE MODE")
        looking = asyncio.create_task(segments.worker.builder.step())
        while not await segments.db.fetchval(WAITS):
            assert not looking.done()
            await asyncio.sleep(0.01)
        await create_segment(tx, key="second", name="second", condition={"not": {"all": []}}, now=NOW)
        await create_segment(tx, key="third", name="third", condition={"all": []}, now=NOW)
    await looking
    await segments.worker.work()
    sizes = {shown["key"]: shown["size"] for shown in await segments.items("/v1/segments")}
    assert sizes == {"first": len(PEOPLE), "second": 0, "third": len(PEOPLE)}


WAITS = """SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                          AND query LIKE '%build_lanes%')"""


async def test_what_the_query_cannot_judge_the_engine_does(segments: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    await _people_who_bought(segments)
    monkeypatch.setattr(first_truths, "compile_first_truths", lambda *_: Query("SELECT 1 / 0, $1::smallint[]", []))
    await segments.define("buyers", {**BOUGHT, "within": "PT1H"})
    assert len(await segments.members("buyers")) == len(PEOPLE)
    await segments.later(hours=2)
    assert await segments.members("buyers") == set()


async def test_a_query_that_takes_too_long_is_not_asked_for_ever(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = "0::smallint AS lane, null::uuid AS profile_id, null::bigint[] AS truths, null::timestamptz AS due_at"
    slow = Query(f"SELECT {columns} FROM pg_sleep(600), unnest($1::smallint[])", [])
    monkeypatch.setattr(first_truths, "compile_first_truths", lambda *_: slow)
    monkeypatch.setattr(store, "JUDGE_TIMEOUT", 0.01)
    async with Standing(url, backfill_batch=2) as segments:  # about half of the people are looked at
        await _people_who_bought(segments)
        await segments.define("buyers", BOUGHT, build=False)
        with logged() as said:
            await segments.worker.work()
        assert await segments.members("buyers") == {person(name) for name in PEOPLE}
    lines = [json.loads(line) for line in said.getvalue().splitlines()]
    told = [(line["lanes"], line["at_once"]) for line in lines if line["event"] == "first_truths_too_slow"]
    (first, at_once), (second, then) = told[:2]
    assert (at_once, then) == (10, 5)
    assert second == pytest.approx(first / 2, abs=1)


async def test_who_was_given_a_truth_by_the_query_goes_on_from_it(segments: Standing) -> None:
    await _people_who_bought(segments)
    segments.clock.step(minutes=30)
    await segments.define("recent", {**BOUGHT, "within": "PT1H"})
    await segments.define("twice", {**BOUGHT, "value": 2})
    await segments.take(did("p0", "Order Completed", NOW + timedelta(minutes=30)))
    assert await segments.members("twice") == {person("p0")}
    await segments.later(minutes=45)
    assert await segments.members("recent") == {person("p0")}
    built = NOW + timedelta(minutes=30)
    assert await segments.changes("recent", person("p1")) == [
        ("entered", "backfill", built),
        ("left", "time", NOW + timedelta(hours=1)),
    ]
    assert await segments.changes("recent", person("p0")) == [("entered", "backfill", built)]


async def test_builds_that_wait_are_looked_at_and_finished_together(segments: Standing) -> None:
    await _people_who_bought(segments)
    await segments.define("first", BOUGHT)
    for number in range(5):
        await segments.define(f"new-{number}", {**BOUGHT, "within": f"P{number + 1}D"}, build=False)
    await segments.call("PUT", "/v1/segments/first", {"condition": {"not": BOUGHT}})
    await segments.call("PUT", "/v1/segments/first", {"condition": {**BOUGHT, "value": 2}})
    assert [await segments.worker.builder.step() for _ in range(2)] == [True, True]
    assert not await segments.db.fetchval("SELECT EXISTS (SELECT FROM builds WHERE done_at IS NULL)")
    await segments.worker.work()
    shown = await segments.items("/v1/segments")
    assert {one["status"] for one in shown} == {"live"}
    assert {one["key"]: one["size"] for one in shown} == {"first": 0, **{f"new-{n}": len(PEOPLE) for n in range(5)}}
    assert [c[:2] for c in await segments.changes("first", person("p0"))] == [("entered", "backfill"), ("left", "edit")]
