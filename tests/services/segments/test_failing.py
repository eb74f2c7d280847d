"""What goes wrong: conditions that cannot be evaluated, messages that cannot be taken in, workers that die."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from prometheus_client.parser import text_string_to_metric_families as parse_metrics

from services.segments.domain.definition import Definition
from services.segments.domain.facts import ProfileFacts
from services.segments.domain.ruleset import Ruleset
from services.segments.domain.standing import Standing as Stands
from services.segments.service.alarms import Alarms
from shared.plumbing.lanes import lane_of
from tests.services.segments.standing import NOW, Standing
from tests.services.segments.told import changed, did, known, person

BOUGHT = {"event": "Order Completed", "op": ">=", "value": 1}
CURSED = {"trait": "cursed", "op": "exists"}


class Cursed(Ruleset[int]):
    """Breaks on the profiles that a cursed condition is true of."""

    def judge(
        self, standing: Stands, facts: ProfileFacts, now: datetime, formulas: Iterable[str] | None = None
    ) -> dict[int, bool]:
        if "cursed" in facts.traits and self.touched_by_trait("cursed"):
            raise ZeroDivisionError
        return super().judge(standing, facts, now, formulas)


def build_cursed(definitions: Mapping[int, Definition]) -> Ruleset[int]:
    """Some conditions cannot even be made rules of."""
    ruleset = Cursed.build(definitions)
    if ruleset.touched_by_trait("unheard of"):
        raise NotImplementedError
    return ruleset


async def test_a_segment_that_cannot_be_evaluated_is_set_aside_and_the_others_go_on(url: str) -> None:
    async with Standing(url, build=build_cursed) as segments:
        await segments.define("buyers", BOUGHT)
        await segments.define("cursed", {"any": [CURSED, BOUGHT]})
        await segments.take(did("ann", "Order Completed", profile=known("ann")))
        await segments.take(changed("bob", cursed=True), did("bob", "Order Completed"))
        assert await segments.members("buyers") == {person("ann"), person("bob")}
        shown = await segments.call("GET", "/v1/segments/cursed")
        assert (shown["status"], shown["size"]) == ("failing", 1)
        assert datetime.fromisoformat(shown["stale_since"]) == NOW
        assert "ZeroDivisionError" in shown["error"]
        assert await segments.items("/v1/parked") == []
        await segments.call("PUT", "/v1/segments/cursed", {"condition": BOUGHT})
        await segments.worker.work()
        assert (await segments.call("GET", "/v1/segments/cursed"))["status"] == "live"
        assert await segments.members("cursed") == await segments.replayed("cursed") == {person("ann"), person("bob")}


async def _metrics(segments: Standing, key: str) -> tuple[float | None, float | None]:
    """`regulars_segment_failing` and `regulars_segment_stale_seconds` of a segment, as they are scraped."""
    scraped = (await segments.http.get("/metrics")).text
    found = {
        sample.name: sample.value
        for family in parse_metrics(scraped)
        for sample in family.samples
        if sample.labels == {"segment": key}
    }
    return found.get("regulars_segment_failing"), found.get("regulars_segment_stale_seconds")


async def _look_until(segments: Standing, alarms: Alarms, key: str, shown: tuple[float | None, float | None]) -> None:
    """The application's own look may come between ours and the scrape."""
    async with asyncio.timeout(60):
        await alarms.look()
        while await _metrics(segments, key) != shown:
            await alarms.look()


async def test_an_alert_can_name_a_failing_segment_until_it_is_well_again(url: str) -> None:
    async with Standing(url, build=build_cursed) as segments:
        alarms = Alarms(segments.db, segments.clock)
        await segments.define("well", BOUGHT)
        await segments.define("ill", {"any": [CURSED, BOUGHT]})
        await _look_until(segments, alarms, "ill", (0, 0))
        await segments.take(changed("bob", cursed=True))
        segments.clock.step(minutes=2)
        await _look_until(segments, alarms, "ill", (1, 120))
        await _look_until(segments, alarms, "well", (0, 0))
        await segments.call("PUT", "/v1/segments/ill", {"condition": BOUGHT})
        await _look_until(segments, alarms, "ill", (1, 120))  # its members are still old ones
        await segments.worker.work()
        await _look_until(segments, alarms, "ill", (0, 0))


async def test_a_segment_that_is_gone_has_no_metrics(segments: Standing) -> None:
    alarms = Alarms(segments.db, segments.clock)
    await segments.define("soon-gone", BOUGHT)
    await _look_until(segments, alarms, "soon-gone", (0, 0))
    await segments.call("DELETE", "/v1/segments/soon-gone", status=204)
    await _look_until(segments, alarms, "soon-gone", (None, None))


async def test_a_process_shows_what_failed_in_another(url: str) -> None:
    async with Standing(url, build=build_cursed) as segments:
        await segments.define("failed-elsewhere", {"any": [CURSED, BOUGHT]})
        await segments.take(changed("bob", cursed=True))
    async with Standing(url) as segments, asyncio.timeout(60):
        shown = await _metrics(segments, "failed-elsewhere")
        while shown != (1, 0):
            await asyncio.sleep(0.01)
            shown = await _metrics(segments, "failed-elsewhere")


async def test_an_edit_that_cannot_be_evaluated_leaves_the_old_version_serving(url: str) -> None:
    async with Standing(url, build=build_cursed) as segments:
        await segments.take(changed("bob"))
        await segments.define("s", BOUGHT)
        await segments.define("others", {"not": {"segment": "s"}})
        await segments.call("PUT", "/v1/segments/s", {"condition": {"trait": "unheard of", "op": "exists"}})
        await segments.worker.work()
        shown = await segments.call("GET", "/v1/segments/s")
        assert (shown["status"], shown["version"], shown["newest_version"]) == ("failing", 1, 2)
        await segments.take(did("ann", "Order Completed", profile=known("ann")))
        assert await segments.members("s") == {person("ann")}
        assert await segments.members("others") == {person("bob")}
        await segments.call("PUT", "/v1/segments/s", {"condition": {"not": BOUGHT}})
        await segments.worker.work()
        for key, status, members in (("s", "live", {person("bob")}), ("others", "live", {person("ann")})):
            assert (await segments.call("GET", f"/v1/segments/{key}"))["status"] == status
            assert await segments.members(key) == await segments.replayed(key) == members


async def test_a_failing_segment_keeps_its_members_while_time_passes_and_others_change(url: str) -> None:
    async with Standing(url, build=build_cursed) as segments:
        recent = {**BOUGHT, "within": "P1D"}
        await segments.define("ill", {"any": [CURSED, recent]})
        await segments.define("recent", recent)
        await segments.take(did("ann", "Order Completed", profile=known("ann")))
        await segments.take(changed("bob", cursed=True))
        await segments.later(days=2)
        assert (await segments.members("ill"), await segments.members("recent")) == ({person("ann")}, set())
        shown = await segments.call("GET", "/v1/segments/ill")
        assert datetime.fromisoformat(shown["stale_since"]) == NOW
        same = {"condition": {"any": [CURSED, recent]}}
        await segments.take(changed("bob", version=2))
        await segments.call("PUT", "/v1/segments/ill", same)  # the same again is built anew: it may have been mended
        await segments.worker.work()
        assert (await segments.call("GET", "/v1/segments/ill"))["status"] == "live"
        assert await segments.members("ill") == await segments.replayed("ill") == set()


async def test_a_version_of_a_newer_release_is_set_aside(segments: Standing) -> None:
    await segments.define("buyers", BOUGHT)
    await segments.define("newer", {"all": []})
    await segments.db.execute(
        """UPDATE segment_versions SET condition = '{"moon": "full"}'
           WHERE segment_id = (SELECT id FROM segments WHERE key = 'newer')"""
    )
    await segments.db.execute("UPDATE catalogue SET revision = revision + 1")
    await segments.take(did("ann", "Order Completed", profile=known("ann")))
    assert await segments.members("buyers") == {person("ann")}
    assert (await segments.call("GET", "/v1/segments/newer"))["status"] == "failing"
    unread = await segments.call("GET", f"/v1/segments/newer/explain?profile_id={person('ann')}", status=409)
    assert unread["code"] == "unreadable"
    await segments.define("more", {"segment": "buyers"})


async def test_a_message_that_cannot_be_taken_in_is_parked_and_can_be_retried(segments: Standing) -> None:
    await segments.define("all", {"all": []})
    segments.others.feed[lane_of(person("bob"))].append({"kind": "profile", "profile_id": str(person("bob"))})
    await segments.take(changed("ann"), changed("bob"))
    assert await segments.members("all") == {person("ann"), person("bob")}
    [parked] = await segments.items("/v1/parked")
    assert parked["profile_id"] == str(person("bob"))


async def test_a_kind_that_only_a_newer_release_knows_is_passed_over(segments: Standing) -> None:
    segments.others.feed[3].append({"kind": "astral", "profile_id": str(person("ann"))})
    await segments.take(changed("ann"))
    assert await segments.items("/v1/parked") == []


async def test_what_a_worker_had_begun_when_it_died_is_done_once_by_the_next(segments: Standing) -> None:
    await segments.define("twice", {"event": "A", "op": "=", "value": 2})
    segments.tell(did("ann", "A", profile=known("ann")), did("ann", "A"))

    async def dies(*_: Any) -> bool:
        await segments.worker.take_in(*_)
        raise asyncio.CancelledError

    segments.worker.reader._taking_in._apply = dies
    with suppress(asyncio.CancelledError):
        await segments.worker.reader.step()
    assert await segments.db.fetchval("SELECT count(*) FROM history") == 0
    segments.clock.step(minutes=1)
    second = await segments.hire("two")
    await second.work()
    assert [change[:2] for change in await segments.changes("twice")] == [("entered", "event")]


async def test_one_whose_lease_was_taken_over_changes_nothing_any_more(segments: Standing) -> None:
    await segments.define("recent", {**BOUGHT, "within": "PT10M"})
    await segments.take(did("ann", "Order Completed", profile=known("ann")))
    segments.clock.step(hours=1)
    second = await segments.hire("two")
    await second.work()
    before = await segments.changes("recent")
    segments.tell(did("ann", "Order Completed", segments.clock.now()))
    await segments.worker.reader.step()
    assert await segments.changes("recent") == before
    await second.work()
    await segments.worker.work()
    assert len(await segments.changes("recent")) == len(before) + 1


async def test_two_workers_share_the_lanes(segments: Standing) -> None:
    await segments.define("all", {"event": "A", "op": ">=", "value": 2})
    second = await segments.hire("two")
    await segments.worker.renew()
    await second.renew()
    assert len(segments.worker.feed_leases.held) == len(second.feed_leases.held) == 32
    people = [f"p{number}" for number in range(30)]
    segments.tell(*(did(name, "A", profile=known(name)) for name in people))
    await asyncio.gather(segments.worker.reader.step(), second.reader.step())
    segments.tell(*(did(name, "A") for name in people))
    await asyncio.gather(segments.worker.reader.step(), second.reader.step())
    assert await segments.members("all") == {person(name) for name in people}


async def test_no_worker_applies_events_by_rules_that_are_gone(segments: Standing) -> None:
    await segments.take(changed("ann"))
    batchmate = await segments.hire("two")
    await batchmate.work()
    await segments.define("buyers", BOUGHT, build=False)
    async with segments.db.transaction() as tx:
        await batchmate.book.current(tx)
    await segments.define("others", {"not": BOUGHT}, build=False)
    segments.tell(did("ann", "Order Completed"))
    segments.clock.step(minutes=1)
    await batchmate.work()
    assert await segments.members("buyers") == {person("ann")}
    assert [change[:2] for change in await segments.changes("others")] in (
        [],
        [("entered", "backfill"), ("left", "event")],
    )
