"""Windows by the person's calendar: time alone ends them, at local midnight, and another zone counts everything anew."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.segments.service.batch import Batch
from services.segments.service.subject import Subject
from tests.services.segments.standing import NOW, Standing
from tests.services.segments.told import changed, did, known, merged, person

VIEWED: dict[str, Any] = {"event": "Product Viewed", "this": "day", "op": ">=", "value": 2}
SPENT: dict[str, Any] = {"spend": "total", "this": "year", "op": ">=", "value": 100}
ORDERED: dict[str, Any] = {"event": "Order Completed", "this": "month", "op": ">=", "value": 1}
HOUR = timedelta(hours=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_all_leaves_at_local_midnight_and_at_no_other_instant(segments: Standing) -> None:
    await segments.define("viewed", VIEWED)
    for name, zone in {"ann": "Asia/Tokyo", "bob": "America/New_York", "cat": "Mars/Olympus"}.items():
        profile = known(name, timezone=zone)
        await segments.take(did(name, "Product Viewed", NOW - 2 * HOUR, profile=profile), did(name, "Product Viewed"))
    everybody = {person("ann"), person("bob"), person("cat")}
    assert await segments.members("viewed") == everybody
    await segments.later(hours=2, minutes=59)
    assert await segments.members("viewed") == everybody
    await segments.later(minutes=1)
    assert await segments.members("viewed") == {person("bob"), person("cat")}
    await segments.later(days=2)
    assert await segments.members("viewed") == await segments.replayed("viewed") == set()
    midnights = {"ann": "2026-05-02T00:00+09:00", "bob": "2026-05-02T00:00-04:00", "cat": "2026-05-02T00:00+00:00"}
    for name, midnight in midnights.items():
        assert await segments.changes("viewed", person(name)) == [
            ("entered", "event", NOW),
            ("left", "time", at(midnight)),
        ]


async def test_what_is_dated_in_the_future_counts_in_its_own_period(segments: Standing) -> None:
    await segments.define("ordered", ORDERED)
    june = at("2026-06-03T10:00Z")
    await segments.take(did("ann", "Order Completed", june, profile=known("ann", timezone="Europe/Berlin")))
    assert await segments.members("ordered") == set()
    await segments.later(days=90)
    assert await segments.changes("ordered", person("ann")) == [
        ("entered", "time", june),
        ("left", "time", at("2026-07-01T00:00+02:00")),
    ]


async def test_another_zone_counts_everything_anew_at_once(segments: Standing) -> None:
    await segments.define("ordered", ORDERED)
    await segments.define("spent", {**SPENT, "this": "month"})
    april = at("2026-04-30T20:00Z")
    await segments.take(did("ann", "Order Completed", april, profile=known("ann"), order_id="1", total=120))
    assert await segments.members("ordered") == await segments.members("spent") == set()
    await segments.take(changed("ann", version=2, timezone="Asia/Tokyo"))
    assert await segments.members("ordered") == await segments.members("spent") == {person("ann")}
    await segments.take(changed("ann", version=3, timezone="Asia/Tokyo", plan="pro"))
    await segments.take(changed("ann", version=4, timezone="nowhere"))
    assert await segments.members("ordered") == await segments.members("spent") == set()
    await segments.take(did("ann", "Order Completed", profile=known("ann", version=5, timezone="Asia/Tokyo"), total=1))
    assert await segments.members("ordered") == await segments.members("spent") == {person("ann")}
    await segments.later(days=40)
    for key in ("ordered", "spent"):
        changes = await segments.changes(key, person("ann"))
        assert [change[:2] for change in changes] == [
            ("entered", "profile"),
            ("left", "profile"),
            ("entered", "event"),
            ("left", "time"),
        ]
        assert changes[-1][2] == at("2026-06-01T00:00+09:00")


async def test_a_zone_and_what_is_done_there_may_come_together(segments: Standing) -> None:
    await segments.define("viewed", VIEWED)
    await segments.define(
        "lately", {"for": "PT1H", "of": {"event": "Product Viewed", "this": "day", "op": ">=", "value": 1}}
    )
    night = at("2026-04-30T23:30Z")
    await segments.take(did("ann", "Product Viewed", night, profile=known("ann")))
    segments.tell(
        did("ann", "Product Viewed", NOW - HOUR),
        changed("ann", version=2, timezone="Asia/Tokyo"),
        did("ann", "Ignored", profile=known("ann", version=3, timezone="Asia/Seoul")),
    )
    await segments.worker.work()
    assert await segments.members("viewed") == await segments.members("lately") == {person("ann")}


async def test_builds_previews_dry_runs_and_explanations_see_the_same(segments: Standing) -> None:
    await segments.define("tier", {"all": []})
    for name, zone in {"ann": "Pacific/Kiritimati", "bob": "Pacific/Pago_Pago", "cat": "UTC"}.items():
        eve = at("2025-12-31T10:30Z")
        await segments.take(
            did(name, "Order Completed", eve, profile=known(name, timezone=zone), order_id="1", total=90),
            did(name, "Order Completed", order_id="2", total=10 if name != "cat" else 100),
        )
    expected = {person("ann"), person("cat")}
    assert (await segments.call("POST", "/v1/segments/preview", {"condition": SPENT}))["count"] == 2
    on = {"condition": SPENT, "as_of": at("2026-12-31T09:59:59Z")}
    assert (await segments.call("POST", "/v1/segments/preview", on))["count"] == 2
    on["as_of"] = at("2026-12-31T10:00:00Z")
    assert [p["user_id"] for p in (await segments.call("POST", "/v1/segments/preview", on))["sample"]] == ["cat"]
    tried = await segments.call("PUT", "/v1/segments/tier?dry_run=true", {"condition": SPENT})
    assert (tried["leave"]["count"], tried["stay"]) == (1, 2), tried
    await segments.call("PUT", "/v1/segments/tier", {"condition": SPENT})
    await segments.worker.work()
    assert await segments.members("tier") == await segments.replayed("tier") == expected
    explained = await segments.call("GET", f"/v1/segments/tier/explain?profile_id={person('ann')}")
    assert (explained["value"], explained["facts"]["actual"]) == (True, 100)
    window = explained["facts"]["window"]
    assert (window["this"], at(window["from"]), window["timezone"]) == (
        "year",
        at("2025-12-31T10:00Z"),
        "Pacific/Kiritimati",
    )
    await segments.later(days=300)
    assert await segments.members("tier") == set()
    assert (await segments.changes("tier", person("ann")))[-1] == ("left", "time", at("2027-01-01T00:00+14:00"))


async def test_who_is_built_leaves_at_their_own_midnight_with_nothing_happening(segments: Standing) -> None:
    for name, zone in {"ann": "Asia/Tokyo", "bob": "America/New_York", "idle": "UTC"}.items():
        await segments.take(changed(name, timezone=zone))
    await segments.take(*(did(name, "Product Viewed", NOW - n * HOUR) for name in ("ann", "bob") for n in (1, 2)))
    await segments.define("viewed", VIEWED)
    assert await segments.members("viewed") == {person("ann"), person("bob")}
    due = await segments.db.fetch("SELECT profile_id FROM profiles WHERE coalesce(next_due_at, plan_at) IS NOT NULL")
    assert {row["profile_id"] for row in due} == {person("ann"), person("bob")}
    await segments.later(days=1)
    ends = {(await segments.changes("viewed", person(name)))[-1] for name in ("ann", "bob")}
    assert ends == {("left", "time", at("2026-05-02T00:00+09:00")), ("left", "time", at("2026-05-02T00:00-04:00"))}


async def test_a_merge_counts_what_both_did_where_the_survivor_lives(segments: Standing) -> None:
    await segments.define("viewed", VIEWED)
    night = at("2026-04-30T20:00Z")
    await segments.take(did("anon", "Product Viewed", night, profile=known("anon", user_id=None)))
    await segments.take(did("ann", "Product Viewed", night, profile=known("ann", timezone="Asia/Tokyo")))
    await segments.take(merged("anon", "ann", version=2, timezone="Asia/Tokyo"))
    assert await segments.members("viewed") == {person("ann")}
    await segments.take(did("bob", "Product Viewed", night, profile=known("bob", timezone="Asia/Tokyo")))
    await segments.take(merged("bob", "ann", version=3, timezone="UTC"))
    assert await segments.members("viewed") == await segments.replayed("viewed") == set()


async def test_an_edit_to_a_calendar_and_back(segments: Standing) -> None:
    await segments.define("ordered", {**{key: ORDERED[key] for key in ("event", "op", "value")}, "within": "P1D"})
    eve = at("2026-04-30T15:30Z")
    await segments.take(did("ann", "Order Completed", eve, profile=known("ann", timezone="Asia/Tokyo")))
    await segments.take(did("bob", "Order Completed", eve, profile=known("bob")))
    await segments.call("PUT", "/v1/segments/ordered", {"condition": ORDERED})
    await segments.worker.work()
    assert await segments.members("ordered") == {person("ann")}
    await segments.take(did("bob", "Order Completed"), changed("ann", version=2))
    assert await segments.members("ordered") == {person("bob")}


async def test_the_past_is_read_only_when_the_zone_changes(segments: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    await segments.define("viewed", VIEWED)
    await segments.take(did("ann", "Product Viewed", profile=known("ann", timezone="Asia/Tokyo")))
    read = list[Subject]()
    recollect = Batch.recollect

    async def watched(batch: Batch, subjects: Any, *, whole: bool = False) -> None:
        some = list(subjects)
        read.extend(some)
        await recollect(batch, some, whole=whole)

    monkeypatch.setattr(Batch, "recollect", watched)
    await segments.take(did("ann", "Product Viewed"))
    await segments.take(changed("ann", version=2, timezone="Asia/Tokyo", plan="pro"))
    assert (await segments.members("viewed"), read) == ({person("ann")}, [])
    await segments.take(changed("ann", version=3, timezone="Asia/Seoul"))
    assert [subject.id for subject in read] == [person("ann")]
