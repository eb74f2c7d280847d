"""What the flow tests set up again and again: a segment, a template, a campaign, people with consent."""

from typing import Any

from tests.support.calls import Calls
from tests.support.waiting import until

SPENT_100 = {"spend": "total", "op": ">=", "value": 100}


def order(user: str, order_id: str, total: Any, **more: Any) -> dict[str, Any]:
    """An `Order Completed`; its messageId is the order's id."""
    properties = {"order_id": order_id, "total": total, "currency": "EUR"}
    message = {"type": "track", "event": "Order Completed", "userId": user, "properties": properties}
    return {"messageId": f"m-{order_id}"} | message | more


async def thank_spenders(world: Calls, *, key: str = "spenders", **campaign: Any) -> None:
    """A live segment of those who spent 100, and a running campaign that mails them on entry."""
    await world.call("POST", "segments", "/v1/segments", {"key": key, "name": key, "condition": SPENT_100}, status=201)
    await until_live(world, key)
    subject = "Thank you, {{ profile.traits.first_name | default: 'friend' }}"
    template = {"key": f"thanks-{key}", "channel": "email", "subject": subject, "body": "<p>{{ unsubscribe_url }}</p>"}
    await world.call("POST", "messaging", "/v1/templates", template, status=201)
    body = {
        "key": f"thank-{key}",
        "trigger": {"segment": key, "on": "entered"},
        "template": f"thanks-{key}",
        "channel": "email",
        "purpose": "marketing",
    }
    await world.call("POST", "messaging", "/v1/campaigns", body | campaign, status=201)
    await world.call("POST", "messaging", f"/v1/campaigns/thank-{key}/start")


async def until_live(world: Calls, key: str) -> None:
    """Wait for a segment's backfill."""

    async def is_live() -> bool:
        return bool((await world.call("GET", "segments", f"/v1/segments/{key}"))["status"] == "live")

    await until(is_live, f"{key} is live")


async def consenting(world: Calls, user: str, **traits: Any) -> str:
    """A profile with an address and a consent; returns its id."""
    body = {
        "identifiers": [{"namespace": "user_id", "value": user}],
        "traits": {"email": f"{user}@example.com"} | traits,
    }
    profile = await world.call("POST", "profiles", "/v1/profiles", body)
    consent = {"purpose": "marketing", "channel": "email", "status": "granted", "source": "test"}
    await world.call("POST", "profiles", f"/v1/profiles/{profile['id']}/consents", consent)
    return str(profile["id"])


async def mails_to(world: Calls, user: str) -> list[Any]:
    """The messages in the mailbox for a user's address."""
    mails = await world.items("messaging", "/v1/mailbox")
    return [mail for mail in mails if mail["to"] == f"{user}@example.com"]
