"""A journey across the services: its events, its segments, two people who become one, one who is erased."""

from datetime import timedelta
from typing import Any

from tests.flow.story import SPENT_100, consenting, mails_to, order, until_live
from tests.support.world import World

STEPS = [
    {"branch": [{"if": {"segment": "spenders"}, "steps": [{"send": "vip"}]}], "else": [{"send": "hello"}]},
    {"wait_for": {"segment": "spenders", "on": "entered"}, "at_most": "P1D", "then": [{"send": "thanks"}]},
]


async def _begin(world: World) -> None:
    await world.call("POST", "segments", "/v1/segments", {"key": "spenders", "condition": SPENT_100}, status=201)
    await until_live(world, "spenders")
    body = {"key": "welcome", "entry": {"event": "Signed Up"}, "steps": STEPS}
    await world.call("POST", "messaging", "/v1/journeys", body, status=201)
    for key in ("vip", "hello", "thanks"):
        template = {"key": key, "channel": "email", "subject": key, "body": "x"}
        await world.call("POST", "messaging", "/v1/templates", template, status=201)
        campaign = {"key": key, "trigger": {"journey": "welcome"}, "template": key, "purpose": "marketing"}
        await world.call("POST", "messaging", "/v1/campaigns", campaign, status=201)
        await world.call("POST", "messaging", f"/v1/campaigns/{key}/start")
    await world.call("POST", "messaging", "/v1/journeys/welcome/start")


def _sign_up(**who: str) -> dict[str, Any]:
    return {"type": "track", "event": "Signed Up", **who}


async def _subjects(world: World, user: str) -> list[str]:
    return [mail["subject"] for mail in reversed(await mails_to(world, user))]


async def test_a_journey_follows_segments_merges_and_erasure(world: World) -> None:
    await _begin(world)
    ids = {name: await consenting(world, name) for name in ("ann", "ben", "eve")}
    await world.send(order("eve", "e1", 100), _sign_up(userId="ben"))
    await world.settle()
    await world.send(_sign_up(userId="eve"), _sign_up(anonymousId="ann-phone"))
    await world.settle()
    await world.call("DELETE", "segments", "/v1/segments/spenders", status=409)
    # Ann was anonymous when she signed up, and does so again: she goes on where she was.
    await world.send({"type": "identify", "userId": "ann", "anonymousId": "ann-phone"})
    await world.settle()
    await world.send(_sign_up(userId="ann"), order("ben", "b1", 100), order("ann", "a1", 100))
    await world.settle()
    assert await _subjects(world, "eve") == ["vip", "thanks"]
    assert await _subjects(world, "ben") == ["hello", "thanks"]
    assert await _subjects(world, "ann") == ["thanks"]
    assert len(await world.items("messaging", f"/v1/journeys/welcome/runs?profile_id={ids['ann']}")) == 1
    await world.call("DELETE", "profiles", f"/v1/profiles/{ids['ben']}", status=202)
    await world.settle()
    await world.step(timedelta(days=1))
    runs = await world.items("messaging", "/v1/journeys/welcome/runs")
    assert {run["user_id"] for run in runs} & {"ben"} == set()
    assert {run["reason"] for run in runs} == {"finished"}
