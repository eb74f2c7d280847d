"""What was recorded, looked back at: members at an instant, a profile's history, a segment's versions."""

import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from shared.plumbing.lanes import lane_of
from tests.services.segments.standing import NOW, Standing
from tests.services.segments.told import changed, did, erased, known, merged, person

BOUGHT = {"event": "Order Completed", "op": ">=", "value": 1}
RECENT = {**BOUGHT, "within": "P1D"}
HOUR = timedelta(hours=1)


async def _members_at(segments: Standing, key: str, at: datetime, limit: int = 1000) -> dict[UUID, tuple[str, str]]:
    items = await segments.items(f"/v1/segments/{key}/members", limit=limit, at=at.isoformat())
    assert len(items) == len({item["profile_id"] for item in items})
    return {UUID(item["profile_id"]): (item["user_id"], item["entered_at"]) for item in items}


async def test_members_at_an_instant_are_those_of_the_changes_until_then(segments: Standing) -> None:
    """Against a replay of all changes, at every boundary and just before it."""
    rng = random.Random(5)
    people = [f"p{number}" for number in range(25)]
    await segments.define("s", RECENT)
    for step in range(12):
        now = segments.clock.now()
        who = rng.sample(people, 6)
        ago = timedelta(hours=rng.choice([0, 5, 23]))
        await segments.take(*(did(name, "Order Completed", now - ago, profile=known(name)) for name in who))
        if step == 6:
            await segments.call("PUT", "/v1/segments/s", {"condition": {**RECENT, "within": "PT6H"}})
        await segments.later(hours=rng.choice([1, 7, 20]))
    recorded = await segments.items("/v1/segments/s/changes")
    assert len({change["at"] for change in recorded}) > 15
    for at in sorted({datetime.fromisoformat(change["at"]) for change in recorded}):
        for instant in (at, at - timedelta(microseconds=1)):
            found = await _members_at(segments, "s", instant, limit=4)
            assert {who: since for who, (_, since) in found.items()} == _replayed(recorded, instant)
    assert set(await _members_at(segments, "s", segments.clock.now())) == await segments.members("s")


def _replayed(recorded: list[Any], until: datetime) -> dict[UUID, str]:
    members: dict[UUID, str] = {}
    for change in recorded:
        if datetime.fromisoformat(change["at"]) > until:
            continue
        if change["change"] == "entered":
            members[UUID(change["profile_id"])] = change["at"]
        else:
            del members[UUID(change["profile_id"])]
    return members


async def test_before_the_segment_was_there_were_no_members(segments: Standing) -> None:
    await segments.take(did("ann", "Order Completed", NOW - 50 * HOUR, profile=known("ann")))
    await segments.define("s", BOUGHT)
    assert await _members_at(segments, "s", NOW - timedelta(microseconds=1)) == {}
    assert await _members_at(segments, "s", NOW) == {person("ann"): ("ann", "2026-05-01T12:00:00Z")}
    await segments.call("GET", "/v1/segments/nobody/members?at=2026-05-01T12:00:00Z", status=404)
    for at in ("2026-05-01", "yesterday", "1777636800"):
        problem = await segments.call("GET", f"/v1/segments/s/members?at={at}", status=422)
        assert problem["errors"][0]["loc"] == ["query", "at"]


async def test_several_changes_at_one_instant_count_in_the_order_in_which_they_were_made(segments: Standing) -> None:
    await segments.define("odd", {"any": [{"event": "A", "op": "=", "value": number} for number in (1, 3)]})
    await segments.take(*(did("ann", "A", profile=known("ann")) for _ in range(3)))
    assert [change for change, *_ in await segments.changes("odd")] == ["entered", "left", "entered"]
    assert set(await _members_at(segments, "odd", NOW)) == {person("ann")}
    await segments.take(did("ann", "A"))
    assert await _members_at(segments, "odd", NOW) == {}


async def test_a_boundary_that_is_recorded_late_counts_from_its_own_instant(segments: Standing) -> None:
    await segments.define("s", RECENT)
    await segments.take(did("ann", "Order Completed", profile=known("ann")))
    segments.clock.step(days=3)
    await segments.take(did("bob", "Order Completed", segments.clock.now(), profile=known("bob")))
    assert set(await _members_at(segments, "s", NOW + timedelta(days=1, microseconds=-1))) == {person("ann")}
    assert await _members_at(segments, "s", NOW + timedelta(days=1)) == {}


async def test_who_was_merged_is_shown_as_it_was_and_who_was_erased_is_not(segments: Standing) -> None:
    await segments.define("s", BOUGHT)
    await segments.take(*(did(name, "Order Completed", profile=known(name)) for name in ("ann", "bob", "cat")))
    await segments.later(hours=1)
    await segments.take(merged("ann", "bob"), erased("cat"))
    assert {who: name for who, (name, _) in (await _members_at(segments, "s", NOW)).items()} == {
        person("ann"): "ann",
        person("bob"): "bob",
    }
    assert set(await _members_at(segments, "s", NOW + HOUR)) == {person("bob")}


async def test_the_cursor_keeps_the_instant(segments: Standing) -> None:
    await segments.define("s", RECENT)
    people = [f"p{number}" for number in range(9)]
    await segments.take(*(did(name, "Order Completed", profile=known(name)) for name in people))
    await segments.later(days=2)
    page = await segments.call("GET", "/v1/segments/s/members?limit=4&at=2026-05-01T12:00:00Z")
    following = await segments.call("GET", f"/v1/segments/s/members?cursor={page['next']}")
    assert len(page["items"] + following["items"]) == len(people)
    await segments.call("GET", "/v1/segments/s/members?at=2026-05-01T12:00:00Z&cursor=WzFd", status=422)


async def test_a_profiles_history_says_why_it_entered_and_left_each_segment(segments: Standing) -> None:
    await segments.define("recent", RECENT)
    await segments.define("pro", {"trait": "plan", "op": "=", "value": "pro"})
    await segments.take(did("ann", "Order Completed", message_id="o1", profile=known("ann")))
    await segments.take(changed("ann", version=2, plan="pro"))
    await segments.later(days=2)
    await segments.call("PUT", "/v1/segments/pro", {"condition": {"trait": "plan", "op": "=", "value": "free"}})
    await segments.worker.work()
    history = await segments.items("/v1/changes", limit=2, profile_id=person("ann"))
    assert [(item["segment"], item["change"], item["version"], item["cause"]["kind"]) for item in history] == [
        ("pro", "left", 2, "edit"),
        ("recent", "left", 1, "time"),
        ("pro", "entered", 1, "profile"),
        ("recent", "entered", 1, "event"),
    ]
    assert history[-1]["cause"]["message_id"] == "o1"
    assert datetime.fromisoformat(history[1]["at"]) == NOW + timedelta(days=1)
    assert await segments.items("/v1/changes", profile_id=person("ann"), segment="pro") == [history[0], history[2]]
    await segments.call("GET", f"/v1/changes?profile_id={person('ann')}&segment=nobody", status=404)
    await segments.call("GET", f"/v1/changes?profile_id={person('nobody')}", status=404)
    for query in ("", "profile_id=x", f"profile_id={person('ann')}&limit=0", f"profile_id={person('ann')}&cursor=WzFd"):
        await segments.call("GET", f"/v1/changes?{query}", status=422)


async def test_an_id_that_was_merged_away_shows_the_survivors_history_and_then_its_own(segments: Standing) -> None:
    await segments.define("s", BOUGHT)
    await segments.take(did("ann", "Order Completed", profile=known("ann")), changed("bob"))
    await segments.take(merged("ann", "bob"))
    assert lane_of(person("ann")) != lane_of(person("bob"))
    shown = await segments.items("/v1/changes", limit=1, profile_id=person("ann"))
    assert [(item["profile_id"], item["change"], item["cause"]["kind"]) for item in shown] == [
        (str(person("bob")), "entered", "merge"),
        (str(person("ann")), "left", "merge"),
        (str(person("ann")), "entered", "event"),
    ]
    assert await segments.items("/v1/changes", profile_id=person("bob")) == shown[:1]
    await segments.take(erased("bob", "ann"))
    for name in ("ann", "bob"):
        await segments.call("GET", f"/v1/changes?profile_id={person(name)}", status=404)


async def test_every_version_of_a_segment_can_be_looked_up(segments: Standing) -> None:
    await segments.define("s", BOUGHT)
    for days in (1, 2):
        segments.clock.step(hours=1)
        await segments.call("PUT", "/v1/segments/s", {"condition": {**BOUGHT, "within": f"P{days}D"}})
    segments.clock.step(hours=1)
    await segments.worker.work()
    await segments.call("PUT", "/v1/segments/s", {"condition": {**BOUGHT, "within": "P9D"}})
    versions = await segments.items("/v1/segments/s/versions", limit=2)
    assert [(v["number"], v["status"], v["condition"].get("within")) for v in versions] == [
        (4, "building", "P9D"),
        (3, "live", "P2D"),
        (2, "replaced", "P1D"),
        (1, "replaced", None),
    ]
    times = [[v[name] and datetime.fromisoformat(v[name]) - NOW for name in _TIMES] for v in versions]
    assert times == [
        [3 * HOUR, None, None],
        [2 * HOUR, 3 * HOUR, None],
        [HOUR, 3 * HOUR, 3 * HOUR],
        [timedelta(0), timedelta(0), 3 * HOUR],
    ]
    await segments.call("GET", "/v1/segments/nobody/versions", status=404)
    await segments.call("GET", "/v1/segments/s/versions?cursor=nonsense", status=422)


async def test_a_lists_versions_have_no_condition(segments: Standing) -> None:
    await segments.call("POST", "/v1/segments", {"key": "vips", "list": True}, status=201)
    [version] = await segments.items("/v1/segments/vips/versions")
    assert (version["number"], version["condition"]) == (1, None)
    refused = await segments.call("PUT", "/v1/segments/vips?dry_run=true", {"condition": BOUGHT}, status=422)
    assert refused == await segments.call("PUT", "/v1/segments/vips", {"condition": BOUGHT}, status=422)
    named = await segments.call("PUT", "/v1/segments/vips?dry_run=true", {"name": "VIPs"})
    assert (named["enter"]["count"], named["stay"]) == (0, 0)


_TIMES = ("created_at", "live_at", "replaced_at")


async def test_the_changes_of_a_time_are_handed_on_in_pages(segments: Standing) -> None:
    """To messaging, which sees by them what a campaign would have done."""
    await segments.define("s", RECENT)
    for _ in range(4):
        now = segments.clock.now()
        await segments.take(*(did(f"p{n}", "Order Completed", now, profile=known(f"p{n}")) for n in range(5)))
        await segments.later(hours=30)
    recorded = await segments.items("/v1/segments/s/changes")
    times = sorted({change["at"] for change in recorded})
    since, before = times[2], times[-2]
    found: list[Any] = []
    after: Any = [0, 0]
    while after is not None:
        body = {"since": since, "before": before, "after": after, "limit": 3}
        page = await segments.call("POST", "/internal/segments/s/changes", body, internal=True)
        found += page["items"]
        after = page.get("next")
    assert sorted((one["profile_id"], one["change"], one["at"]) for one in found) == sorted(
        (one["profile_id"], one["change"], one["at"]) for one in recorded if since <= one["at"] < before
    )
    assert len({one["id"] for one in found}) == len(found) > 3
    await segments.call("POST", "/internal/segments/none/changes", body, internal=True, status=404)


async def test_members_at_an_instant_for_the_other_services(segments: Standing) -> None:
    await segments.define("s", RECENT)
    await segments.take(did("ann", "Order Completed", segments.clock.now(), profile=known("ann")))
    then = segments.clock.now().isoformat()
    await segments.later(hours=30)
    for query, names in ((f"?at={then.replace('+', '%2B')}", ["ann"]), ("", [])):
        page = await segments.call("GET", f"/internal/segments/s/members{query}", internal=True)
        assert [item["user_id"] for item in page["items"]] == names
