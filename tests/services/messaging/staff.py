"""Campaigns that speak to staff, and the tasks that they make."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from tests.services.messaging.conftest import Messaging

MINUTE = timedelta(minutes=1)
BOSS = {"email": "boss@shop.example"}
ORDER = "One-Click Order"
HEAD = {"after": "PT15M", "recipient": BOSS, "template": "alarm"}
PLAN: dict[str, Any] = {
    "title": "Call {{ profile.traits.first_name }} about {{ trigger.order_id }}",
    "within": "PT15M",
    "team": "phone",
    "escalate": [HEAD],
}


async def alarm(messaging: Messaging, *channels: str) -> None:
    """A template that says which task waits."""
    for channel in channels or ("email",):
        content = {
            "key": "alarm",
            "channel": channel,
            "body": "{{ trigger.task.title }} (step {{ trigger.task.step }})",
        }
        subject = {"subject": "Nobody has taken it"} if channel == "email" else {}
        await messaging.call("POST", "/v1/templates", content | subject, status=201)


async def call_back(messaging: Messaging, key: str = "call-back", **changed: Any) -> Any:
    """A campaign that makes a task of each one-click order, with its template."""
    await alarm(messaging)
    return await tasks_of(messaging, key, **changed)


async def tasks_of(messaging: Messaging, key: str = "call-back", **changed: Any) -> Any:
    body = {"key": key, "trigger": {"event": ORDER}, "purpose": "operational", "task": PLAN | changed}
    await messaging.call("POST", "/v1/campaigns", body, status=201)
    return await messaging.call("POST", f"/v1/campaigns/{key}/start")


def order(messaging: Messaging, profile_id: UUID, number: str = "1003") -> None:
    messaging.near.event(profile_id, ORDER, messaging.clock.now(), {"order_id": number})


async def ordered(messaging: Messaging, number: str = "1003", **person: Any) -> Any:
    """The task of somebody who has just ordered."""
    profile_id = messaging.near.add_person(**person)
    order(messaging, profile_id, number)
    await messaging.settle()
    return (await messaging.items(f"/v1/tasks?profile_id={profile_id}"))[-1]
