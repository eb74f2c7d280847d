"""An edit tried: who would enter and who would leave, before anything changes."""

from datetime import timedelta
from typing import Any

from tests.services.segments.standing import NOW, READ_KEY, Standing
from tests.services.segments.told import did, known, merged, person

BOUGHT = {"event": "Order Completed", "op": ">=", "value": 1}
VIEWED = {"event": "Page Viewed", "op": ">=", "value": 1}


async def _ann_bought_bob_viewed_cat_both(segments: Standing) -> None:
    await segments.take(
        did("ann", "Order Completed", profile=known("ann")),
        did("bob", "Page Viewed", profile=known("bob")),
        did("cat", "Order Completed", profile=known("cat")),
        did("cat", "Page Viewed"),
    )


def _people(found: Any) -> tuple[int, set[str]]:
    return found["count"], {person["user_id"] for person in found["sample"]}


async def _everything(segments: Standing) -> list[Any]:
    counted = (
        "catalogue",
        "segments",
        "segment_versions",
        "builds",
        "build_lanes",
        "memberships",
        "changes",
        "removals",
    )
    return [[dict(row) for row in await segments.db.fetch(f"SELECT * FROM {table} ORDER BY 1, 2")] for table in counted]


async def test_it_says_who_would_enter_and_leave_and_writes_nothing(segments: Standing) -> None:
    await segments.define("s", BOUGHT)
    await _ann_bought_bob_viewed_cat_both(segments)
    before = await _everything(segments)
    tried = await segments.call("PUT", "/v1/segments/s?dry_run=true", {"condition": VIEWED, "name": "new"})
    assert (tried["dry_run"], tried["as_of"], tried["stay"], tried["also"]) == (True, "2026-05-01T12:00:00Z", 1, [])
    assert _people(tried["enter"]) == (1, {"bob"})
    assert _people(tried["leave"]) == (1, {"ann"})
    assert tried["leave"]["sample"] == [{"profile_id": str(person("ann")), "user_id": "ann"}]
    await segments.worker.work()
    assert await _everything(segments) == before
    assert (await segments.call("GET", "/v1/segments/s"))["name"] == "s"


async def test_the_edit_then_does_what_was_said_with_all_that_refer_to_it(segments: Standing) -> None:
    await segments.define("s", BOUGHT)
    await segments.define("others", {"not": {"segment": "s"}})
    await segments.define("chained", {"all": [{"segment": "others"}, VIEWED]})
    await segments.define("apart", VIEWED)
    await _ann_bought_bob_viewed_cat_both(segments)
    await segments.take(merged("bob", "cat"), did("dan", "Sat Down", profile=known("dan")))
    keys = ["s", "others", "chained"]
    before = {key: await segments.members(key) for key in keys}
    tried = await segments.call("PUT", "/v1/segments/s?dry_run=true", {"condition": {"not": VIEWED}})
    assert [also["key"] for also in tried["also"]] == ["chained", "others"]
    await segments.call("PUT", "/v1/segments/s", {"condition": {"not": VIEWED}})
    await segments.worker.work()
    for key, said in [("s", tried), *((also["key"], also) for also in tried["also"])]:
        after = await segments.members(key)
        for side, people in (("enter", after - before[key]), ("leave", before[key] - after)):
            assert said[side]["count"] == len(people), (key, side)
            assert {sample["profile_id"] for sample in said[side]["sample"]} == {str(one) for one in people}, (
                key,
                side,
            )
        assert said["stay"] == len(after & before[key])


async def test_many_are_counted_and_ten_are_named(segments: Standing) -> None:
    await segments.define("s", BOUGHT)
    people = [f"p{number}" for number in range(50)]
    await segments.take(*(did(name, "Page Viewed", profile=known(name)) for name in people))
    tried = await segments.call("PUT", "/v1/segments/s?dry_run=true", {"condition": VIEWED})
    assert (tried["enter"]["count"], len(tried["enter"]["sample"]), tried["stay"]) == (50, 10, 0)


async def test_windows_are_those_of_the_moment_and_a_new_name_moves_nobody(segments: Standing) -> None:
    await segments.define("s", BOUGHT)
    await segments.take(did("ann", "Order Completed", NOW - timedelta(days=2), profile=known("ann")))
    recent = {"condition": {**BOUGHT, "within": "P1D"}}
    assert _people((await segments.call("PUT", "/v1/segments/s?dry_run=true", recent))["leave"]) == (1, {"ann"})
    named = await segments.call("PUT", "/v1/segments/s?dry_run=true", {"name": "S"})
    assert (named["enter"]["count"], named["leave"]["count"], named["stay"]) == (0, 0, 1)


async def test_it_refuses_what_the_edit_would(segments: Standing) -> None:
    await segments.define("s", BOUGHT)
    await segments.define("t", {"segment": "s"})
    await segments.call("PUT", "/v1/segments/nobody?dry_run=true", {"condition": BOUGHT}, status=404)
    for condition in ({"event": "A"}, {"segment": "t"}, {"segment": "nobody"}):
        tried = await segments.call("PUT", "/v1/segments/s?dry_run=true", {"condition": condition}, status=422)
        done = await segments.call("PUT", "/v1/segments/s", {"condition": condition}, status=422)
        assert tried["errors"] == done["errors"]
    await segments.call("PUT", "/v1/segments/s?dry_run=true", {"key": "t", "condition": BOUGHT}, status=422)
    await segments.call("PUT", "/v1/segments/s?dry_run=perhaps", {"condition": BOUGHT}, status=422)


async def test_a_key_that_may_only_read_may_try_but_not_edit(segments: Standing) -> None:
    await segments.define("s", BOUGHT)
    segments.http.headers["Authorization"] = f"Bearer {READ_KEY}"
    await segments.call("PUT", "/v1/segments/s?dry_run=true", {"condition": VIEWED})
    for query in ("", "?dry_run=false"):
        await segments.call("PUT", f"/v1/segments/s{query}", {"condition": VIEWED}, status=403)
    segments.http.headers["Authorization"] = "Bearer nobody's"
    await segments.call("PUT", "/v1/segments/s?dry_run=true", {"condition": VIEWED}, status=401)
