"""What messaging asks of the others to look back: what was sent is what a backtest says, and a dry run knows the members."""

from collections import Counter
from typing import Any

from tests.flow.story import consenting, order, thank_spenders
from tests.support.world import World


async def test_a_backtest_over_all_services_says_what_was_done(world: World) -> None:
    cap = {"purpose": "marketing", "max": 1, "within": "P7D", "per": "household"}
    await world.call("PUT", "messaging", "/v1/settings", {"frequency_caps": [cap]})
    await thank_spenders(world)
    began = world.clock.now().isoformat()
    for user, home in (("ann", "h1"), ("bob", "h1"), ("cleo", "h2"), ("dan", None)):
        await consenting(world, user, household_id=home)
    dan = await world.profile("dan")
    refused = {"purpose": "marketing", "channel": "email", "status": "withdrawn", "source": "test"}
    await world.call("POST", "profiles", f"/v1/profiles/{dan['id']}/consents", refused)
    for user in ("ann", "bob", "cleo", "dan"):
        await world.send(order(user, f"{user}-1", 100))
        await world.settle()
    await world.call("POST", "profiles", f"/v1/profiles/{dan['id']}/consents", refused | {"status": "granted"})
    decisions = await world.items("messaging", "/v1/decisions?campaign=thank-spenders")
    reasons = {one["user_id"]: one["reason"] for one in decisions}
    assert reasons == {"ann": "sent", "bob": "frequency_cap", "cleo": "sent", "dan": "no_consent"}

    async def backtest(campaign: Any) -> Any:
        body = {"campaign": campaign, "since": began}
        answer = await world.call("POST", "messaging", "/v1/campaigns/backtest", body)
        assert answer["complete"]
        return answer

    entered = await backtest("thank-spenders")
    assert {one["user_id"]: one["reason"] for one in entered["sample"]} == reasons
    draft = {
        "key": "every-order",
        "trigger": {"event": "Order Completed", "where": [{"property": "total", "op": ">", "value": 99}]},
        "template": "thanks-spenders",
        "purpose": "marketing",
    }
    by_event = await backtest(draft)
    assert by_event["triggers"] == 4
    # What `thank-spenders` really sent came after each order, and is in the way of the next in the household.
    found = {one["user_id"]: one["reason"] for one in by_event["sample"]}
    assert found == reasons

    dry = await world.call("POST", "messaging", "/v1/campaigns/thank-spenders/dry-run")
    assert Counter(one["reason"] for one in dry["items"]) == Counter(reentry=2, frequency_cap=1, sent=1)
