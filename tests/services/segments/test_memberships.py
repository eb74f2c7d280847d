"""What makes profiles enter and leave: events, knowledge, time."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.services.segments.standing import NOW, Standing
from tests.services.segments.told import birthday, changed, consented, did, known, merged, person

BOUGHT = {"event": "Order Completed", "op": ">=", "value": 1}


async def test_an_event_makes_its_profile_enter_with_the_event_as_cause(segments: Standing) -> None:
    await segments.define("buyers", BOUGHT)
    await segments.take(
        did("ann", "Order Completed", profile=known("ann"), message_id="o1"),
        did("bob", "Page Viewed", profile=known("bob")),
    )
    [member] = await segments.items("/v1/segments/buyers/members")
    assert member == {"profile_id": str(person("ann")), "user_id": "ann", "entered_at": "2026-05-01T12:00:00Z"}
    [change] = await segments.items("/v1/segments/buyers/changes")
    assert change["cause"] == {"kind": "event", "message_id": "o1", "name": "Order Completed"}
    assert (change["change"], change["user_id"], change["at"]) == ("entered", "ann", "2026-05-01T12:00:00Z")


async def test_consents_are_passed_over(segments: Standing) -> None:
    await segments.define("buyers", BOUGHT)
    await segments.take(consented("ann"), did("ann", "Order Completed", profile=known("ann")), consented("bob"))
    assert await segments.members("buyers") == {person("ann")}


async def test_an_event_can_make_its_profile_leave(segments: Standing) -> None:
    await segments.define("silent", {"not": BOUGHT})
    await segments.take(did("ann", "Page Viewed", profile=known("ann")))
    assert await segments.members("silent") == {person("ann")}
    await segments.take(did("ann", "Order Completed"))
    assert await segments.members("silent") == set()
    assert [change[:2] for change in await segments.changes("silent")] == [("entered", "event"), ("left", "event")]


async def test_knowledge_changes_memberships_and_only_newer_snapshots_count(segments: Standing) -> None:
    await segments.define("pros", {"trait": "plan", "op": "=", "value": "pro"})
    await segments.take(changed("ann", plan="free"), changed("ann", version=3, plan="pro"))
    assert await segments.changes("pros") == [("entered", "profile", NOW)]
    await segments.take(changed("ann", version=2, plan="free"))
    assert await segments.members("pros") == {person("ann")}
    await segments.take(did("ann", None, profile=known("ann", version=4, plan="free")))
    assert [change[:2] for change in await segments.changes("pros")] == [("entered", "profile"), ("left", "profile")]


async def test_time_alone_makes_a_profile_leave_at_the_exact_instant(segments: Standing) -> None:
    await segments.define("recent", {**BOUGHT, "within": "PT10M"})
    bought_at = NOW - timedelta(minutes=4)
    await segments.take(did("ann", "Order Completed", bought_at, profile=known("ann")))
    await segments.later(minutes=5, seconds=59, microseconds=999999)
    assert await segments.members("recent") == {person("ann")}
    await segments.later(microseconds=1)
    assert await segments.members("recent") == set()
    assert await segments.changes("recent") == [
        ("entered", "event", NOW),
        ("left", "time", bought_at + timedelta(minutes=10)),
    ]


async def test_a_later_event_of_the_name_that_does_not_match_removes_nobody_but_the_clock_does(
    segments: Standing,
) -> None:
    large = {**BOUGHT, "where": [{"property": "total", "op": ">", "value": 100}], "within": "P1D"}
    wool = {**BOUGHT, "where": [{"property": "sku", "op": "=", "value": "wool"}], "within": "P1D"}
    for key, condition in {"large": large, "wool": wool}.items():
        await segments.define(key, condition)
    await segments.take(did("ann", "Order Completed", profile=known("ann"), total=101, sku="wool"))
    for hours in range(1, 24):
        await segments.later(hours=1)
        others: list[dict[str, Any]] = [{"total": 100}, {"total": "101"}, {"total": None, "sku": "silk"}, {}]
        await segments.take(*(did("ann", "Order Completed", segments.clock.now(), **other) for other in others))
        assert await segments.members("large") == await segments.members("wool") == {person("ann")}, hours
    await segments.later(hours=1)
    for key in ("large", "wool"):
        left = ("left", "time", NOW + timedelta(days=1))
        assert await segments.changes(key) == [("entered", "event", NOW), left]


async def test_a_truth_that_changes_and_changes_back_between_two_looks_is_two_changes(segments: Standing) -> None:
    await segments.define(
        "weighing", {"all": [BOUGHT, {"not": {**BOUGHT, "within": "PT1M"}}, {**BOUGHT, "within": "PT2M"}]}
    )
    await segments.take(did("ann", "Order Completed", profile=known("ann")))
    await segments.later(hours=5)
    assert await segments.changes("weighing") == [
        ("entered", "time", NOW + timedelta(minutes=1)),
        ("left", "time", NOW + timedelta(minutes=2)),
    ]


async def test_boundaries_before_an_event_are_recorded_before_it(segments: Standing) -> None:
    await segments.define("recent", {**BOUGHT, "within": "PT10M"})
    await segments.take(did("ann", "Order Completed", profile=known("ann")))
    again_at = segments.clock.step(minutes=30)
    await segments.take(did("ann", "Order Completed", again_at))
    assert await segments.changes("recent") == [
        ("entered", "event", NOW),
        ("left", "time", NOW + timedelta(minutes=10)),
        ("entered", "event", again_at),
    ]


async def test_an_event_dated_in_the_future_counts_from_its_timestamp_on(segments: Standing) -> None:
    await segments.define("buyers", BOUGHT)
    at = NOW + timedelta(hours=1)
    await segments.take(did("ann", "Order Completed", at, profile=known("ann")))
    assert await segments.members("buyers") == set()
    await segments.later(hours=2)
    assert await segments.changes("buyers") == [("entered", "time", at)]


async def test_a_late_event_counts_in_the_window_of_its_own_time(segments: Standing) -> None:
    await segments.define("recent", {**BOUGHT, "within": "P1D"})
    await segments.take(did("ann", "Order Completed", NOW - timedelta(days=2), profile=known("ann")))
    assert await segments.members("recent") == set()
    await segments.take(did("ann", "Order Completed", NOW - timedelta(hours=23)))
    await segments.later(hours=1)
    assert [change[0] for change in await segments.changes("recent")] == ["entered", "left"]


async def test_a_repeat_counts_once_in_the_same_batch_and_later(segments: Standing) -> None:
    await segments.define("twice", {"event": "Order Completed", "op": ">=", "value": 2})
    once = did("ann", "Order Completed", profile=known("ann"))
    await segments.take(once, once, once)
    await segments.take(once)
    assert await segments.members("twice") == set()
    await segments.take(did("ann", "Order Completed"))
    assert await segments.members("twice") == {person("ann")}


async def test_two_events_of_one_batch_are_two_causes(segments: Standing) -> None:
    await segments.define("once", {"event": "Order Completed", "op": "=", "value": 1})
    await segments.take(did("ann", "Order Completed", profile=known("ann")), did("ann", "Order Completed"))
    assert [change[0] for change in await segments.changes("once")] == ["entered", "left"]


async def test_imported_history_has_its_own_cause(segments: Standing) -> None:
    await segments.define("buyers", BOUGHT)
    await segments.take(did("ann", "Order Completed", profile=known("ann"), imported=True, message_id="old"))
    [change] = await segments.items("/v1/segments/buyers/changes")
    assert change["cause"] == {"kind": "import", "message_id": "old", "name": "Order Completed"}


async def test_a_birthday_comes_at_local_midnight(segments: Standing) -> None:
    await segments.define("celebrating", {"life_event": "birthday", "from": "P0D", "until": "P0D"})
    await segments.take(changed("ann", life_events=(birthday("1990-05-03"),), timezone="Europe/Berlin"))
    await segments.later(days=5)
    assert await segments.changes("celebrating") == [
        ("entered", "time", datetime.fromisoformat("2026-05-02T22:00:00+00:00")),
        ("left", "time", datetime.fromisoformat("2026-05-03T22:00:00+00:00")),
    ]


async def test_numbers_are_exact(segments: Standing) -> None:
    await segments.define(
        "exactly", {"event": "Paid", "aggregate": "sum", "property": "amount", "op": "=", "value": 0.3}
    )
    shown = await segments.call("GET", "/v1/segments/exactly")
    assert str(shown["condition"]["value"]) == "0.3"
    await segments.take(*(did("ann", "Paid", amount=Decimal("0.1"), profile=known("ann")) for _ in range(3)))
    assert await segments.members("exactly") == {person("ann")}


async def test_a_profiles_segments_are_told_to_profiles(segments: Standing) -> None:
    await segments.define("buyers", BOUGHT)
    await segments.take(did("ann", "Order Completed", profile=known("ann")))
    found = await segments.call("GET", f"/internal/profiles/{person('ann')}/segments", internal=True)
    assert [item["key"] for item in found["items"]] == ["buyers"]
    await segments.call("GET", f"/internal/profiles/{person('ann')}/segments", status=401)


async def test_where_people_belong_is_told_to_messaging_through_merges(segments: Standing) -> None:
    await segments.define("buyers", BOUGHT)
    await segments.take(
        did("ann", "Order Completed", profile=known("ann")),
        did("bob", "Page Viewed", profile=known("bob")),
        merged("bob", "ann"),
        did("eve", "Page Viewed", profile=known("eve")),
    )
    asked = {"profile_ids": [person("ann"), person("bob"), person("eve"), person("nobody")]}
    found = await segments.call("POST", "/internal/memberships", asked, internal=True)
    belong = {item["profile_id"]: item["segments"] for item in found["items"]}
    assert belong == {str(person("ann")): ["buyers"], str(person("bob")): ["buyers"], str(person("eve")): []}
    await segments.call("POST", "/internal/memberships", asked, status=401)
