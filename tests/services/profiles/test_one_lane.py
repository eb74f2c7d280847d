"""Two people whose rows lie in one lane become one, and nothing of either is lost."""

from uuid import UUID

import pytest

from shared.plumbing.lanes import lane_of
from tests.services.profiles.standing import Standing, names_of


async def _two(standing: Standing, *, same_lane: bool) -> tuple[str, str]:
    """The ids of an older and a newer profile."""
    made: list[str] = []
    while True:
        new = await standing.make(f"u{len(made)}")
        for old in made:
            if (lane_of(UUID(old)) == lane_of(UUID(new))) == same_lane:
                return old, new
        made.append(new)


async def _give(standing: Standing, profile_id: str, name: str) -> None:
    """Something in every table that hangs on a profile."""
    path = f"/v1/profiles/{profile_id}"
    consent = {"purpose": name, "channel": "email", "status": "granted", "source": name}
    await standing.call("POST", f"{path}/consents", consent)
    await standing.call("POST", f"{path}/consents", consent | {"channel": "sms"})
    await standing.call("POST", f"{path}/life-events", {"kind": name, "date": "2020-01-01"})
    await standing.call("PUT", f"{path}/devices/{name}-phone", {"platform": "ios"})
    await standing.call("PUT", f"{path}/preferences", {"topics": {name: True, f"no-{name}": False}})
    await standing.call("PATCH", path, {"traits": {name: 1, "email": f"{name}@example.com"}})
    standing.clock.step(seconds=1)


@pytest.mark.parametrize("same_lane", [True, False])
async def test_nothing_is_lost_in_a_merge(standing: Standing, same_lane: bool) -> None:
    survivor, loser = await _two(standing, same_lane=same_lane)
    before = {
        table: len(await standing.rows(table))
        for table in ("identifiers", "profile_identifiers", "consents", "devices")
    }
    await _give(standing, survivor, "old")
    await _give(standing, loser, "new")
    one = await standing.call("POST", "/v1/profiles/merge", {"profile_ids": [survivor, loser]})
    path = f"/v1/profiles/{survivor}"
    assert one["id"] == survivor
    assert {kind["kind"] for kind in one["life_events"]} == {"old", "new"}
    assert {"old", "new"} <= set(one["traits"])
    assert len(names_of(one)) == 2
    consents = (await standing.call("GET", f"{path}/consents"))["items"]
    assert {(each["purpose"], each["channel"]) for each in consents} == {
        (name, channel) for name in ("old", "new") for channel in ("email", "sms")
    }
    devices = (await standing.call("GET", f"{path}/devices"))["items"]
    assert {each["token"] for each in devices} == {"old-phone", "new-phone"}
    topics = (await standing.call("GET", f"{path}/preferences"))["topics"]
    assert topics == {"new": True, "no-new": False, "no-old": False}, "the newer word, and every no"
    for table, count in before.items():
        added = {"consents": 4, "devices": 2}.get(table, 0)
        assert len(await standing.rows(table)) == count + added, table
    for table in ("consents", "life_events", "devices", "preferences", "profile_identifiers"):
        assert UUID(loser) not in {row["profile_id"] for row in await standing.rows(table)}, table
