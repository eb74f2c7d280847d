"""Dates kept in traits: dates of local days, of texts and of instants, by time, by builds and in previews."""

from datetime import datetime, timedelta
from typing import Any

from tests.services.segments.standing import NOW, Standing
from tests.services.segments.told import changed, person

RENEWS: dict[str, Any] = {"trait_date": "contract.until", "from": "-P7D", "until": "P0D"}
DUE = {"ann": "2026-05-08", "bob": "2026-05-09", "cat": "2026-05-01T23:00:00Z", "dan": "2026-04-30", "eve": "soon"}


async def _tell(segments: Standing) -> None:
    for name, until in DUE.items():
        await segments.take(changed(name, contract={"until": until}, timezone="Asia/Tokyo"))


async def test_a_date_that_is_near_makes_a_member_and_time_alone_ends_it(segments: Standing) -> None:
    await segments.define("renews", RENEWS)
    await _tell(segments)
    assert await segments.members("renews") == {person("ann"), person("cat")}
    await segments.later(days=9)
    assert await segments.members("renews") == set()
    midnight = datetime.fromisoformat("2026-05-01T00:00:00+09:00")
    assert await segments.changes("renews", person("ann")) == [
        ("entered", "profile", NOW),
        ("left", "time", midnight + timedelta(days=8)),
    ]
    assert await segments.changes("renews", person("bob")) == [
        ("entered", "time", midnight + timedelta(days=1)),
        ("left", "time", midnight + timedelta(days=9)),
    ]
    assert (await segments.changes("renews", person("cat")))[1] == ("left", "time", midnight + timedelta(days=2))


async def test_builds_previews_and_dry_runs_see_the_same(segments: Standing) -> None:
    await segments.define("renews", {"all": []})
    await _tell(segments)
    expected = {person("ann"), person("cat")}
    assert (await segments.call("POST", "/v1/segments/preview", {"condition": RENEWS}))["count"] == 2
    edges = {"trait_date": "contract.until", "from": "P1D", "until": "P1D"}
    on = {"condition": edges, "as_of": datetime.fromisoformat("2026-05-03T00:00:00+09:00")}
    assert [p["profile_id"] for p in (await segments.call("POST", "/v1/segments/preview", on))["sample"]] == [
        str(person("cat"))
    ]
    tried = await segments.call("PUT", "/v1/segments/renews?dry_run=true", {"condition": RENEWS})
    assert tried["leave"]["count"] == 3, tried
    await segments.call("PUT", "/v1/segments/renews", {"condition": RENEWS})
    await segments.worker.work()
    assert await segments.members("renews") == await segments.replayed("renews") == expected


async def test_another_date_is_judged_at_once(segments: Standing) -> None:
    await segments.define("renews", {**RENEWS, "recurs": "yearly"})
    await segments.take(changed("ann", contract={"until": "2020-05-03"}))
    assert await segments.members("renews") == {person("ann")}
    await segments.take(changed("ann", version=2, contract={"until": "2020-06-03"}))
    assert await segments.members("renews") == set()
    await segments.take(changed("ann", version=3, contract={"until": "2020-05-09"}))
    await segments.take(changed("ann", version=4, contract={"until": "2020-05-09"}, timezone="Pacific/Kiritimati"))
    assert await segments.members("renews") == {person("ann")}
