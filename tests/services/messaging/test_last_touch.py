"""Revenue by the last touch: each goal event counts for one message, the last before it."""

from datetime import timedelta
from typing import Any

from tests.services.messaging.conftest import Messaging

GOAL = {"event": "Order Completed", "within": "P7D", "revenue": "total"}


async def attributed(messaging: Messaging, key: str) -> Any:
    found = (await messaging.call("GET", f"/v1/campaigns/{key}/report"))["attributed"]
    return None if found is None else (found["model"], found["conversions"], found["revenue"])


async def test_an_order_counts_for_the_last_message_before_it(messaging: Messaging) -> None:
    hoping: dict[str, Any] = {"goal": GOAL}
    for key in ("first", "second", "third", "other"):
        trigger = {"segment": key, "on": "entered"}
        await messaging.campaign(key, trigger=trigger, **({} if key == "other" else hoping))
    ada, ben = (messaging.near.add_person() for _ in range(2))
    await messaging.enter(ada, ben, segment="first")
    await messaging.settle()
    messaging.step(timedelta(days=1))
    await messaging.enter(ada, segment="second")
    await messaging.settle()
    await messaging.enter(ada, segment="other")
    await messaging.settle()
    messaging.step(timedelta(days=1))
    for profile_id, total in ((ada, 100), (ben, 30)):
        messaging.near.event(profile_id, "Order Completed", messaging.clock.now(), {"total": total})
    await messaging.settle()
    messaging.step(timedelta(days=1))
    await messaging.enter(ada, segment="third")
    await messaging.settle()
    assert await attributed(messaging, "first") == ("last_touch", 1, 30)
    assert await attributed(messaging, "second") == ("last_touch", 1, 100)
    assert await attributed(messaging, "third") == ("last_touch", 0, 0), "it came after the orders"
    assert await attributed(messaging, "other") is None, "it hopes for nothing, so it takes nothing away"
    report = await messaging.call("GET", "/v1/campaigns/first/report")
    assert report["sent"]["conversions"] == 2, "what its own messages were followed by is counted as ever"
