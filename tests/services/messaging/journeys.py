"""Journeys for tests: made and started, and people who go by them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from tests.services.messaging.conftest import Messaging

HOUR = timedelta(hours=1)
PAID = {"event": "Order Completed"}
ENTRY = {"event": "Signed Up"}


async def begin(messaging: Messaging, *steps: Any, campaigns: Any = None, **fields: Any) -> Any:
    """A running journey by which people go who sign up, with the campaigns that it sends."""
    body = {"key": "welcome", "entry": ENTRY, "steps": list(steps)} | fields
    await messaging.call("POST", "/v1/journeys", body, status=201)
    for key in _sent_by(list(steps)):
        await messaging.campaign(key, trigger={"journey": "welcome"}, **(campaigns or {}))
    return await messaging.call("POST", "/v1/journeys/welcome/start")


def _sent_by(steps: Any) -> list[str]:
    if isinstance(steps, dict):
        return [steps["send"]] if "send" in steps else [key for one in steps.values() for key in _sent_by(one)]
    return [key for one in steps for key in _sent_by(one)] if isinstance(steps, list) else []


async def sign_up(messaging: Messaging, *people: UUID, **properties: Any) -> None:
    for one in people:
        messaging.near.event(one, "Signed Up", messaging.clock.now(), properties)
    await messaging.settle()


async def happen(messaging: Messaging, who: UUID, name: str = "Order Completed", **properties: Any) -> None:
    messaging.near.event(who, name, messaging.clock.now(), properties)
    await messaging.settle()


async def go(messaging: Messaging, by: timedelta) -> None:
    messaging.step(by)
    await messaging.settle()


async def said(messaging: Messaging) -> list[tuple[str, str]]:
    """Who was told what, in its order."""
    return [(mail["to"].split("@")[0], mail["campaign"]) for mail in reversed(await messaging.mailbox())]


async def runs(messaging: Messaging, query: str = "") -> Any:
    return await messaging.items(f"/v1/journeys/welcome/runs?{query}")
