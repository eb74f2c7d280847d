"""The demo's steps, each through the public API; purchases and traits by the unmodified Segment SDK for Python."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from segment.analytics.client import Client

from deploy.demo.api import Api, DemoError
from deploy.demo.people import Person
from deploy.demo.plan import CAMPAIGNS, SEGMENTS, TEMPLATES
from deploy.demo.purchases import Purchase

Advance = Callable[[int], None]
"""Moves a progress bar on by so many."""
MakeBar = Callable[[str, int], Advance]
"""A new bar with its text and total."""


async def write_down_consents(api: Api, people: Sequence[Person], bar: MakeBar) -> None:
    """Record what they agreed to, before anything is sent."""
    ids = await _ids(api)
    asked = [person for person in people if person.consent is not None]
    advance = bar("consents (made up)", len(asked))
    room = asyncio.Semaphore(8)

    async def one(person: Person) -> None:
        async with room:
            consent = {"purpose": "marketing", "channel": "email", "status": person.consent, "source": "demo, made up"}
            await api.call("POST", "profiles", f"/v1/profiles/{ids[person.customer]}/consents", consent)
            advance(1)

    await asyncio.gather(*(one(person) for person in asked))


async def _ids(api: Api) -> dict[str, str]:
    """The profile id of every user id."""
    return {
        identifier["value"]: profile["id"]
        for profile in await api.items("profiles", "/v1/profiles")
        for identifier in profile["identifiers"]
        if identifier["namespace"] == "user_id"
    }


async def set_up(api: Api) -> None:
    """Create what is not there yet; a second demo on the same data uses what the first one made."""
    for template in TEMPLATES:
        if await api.call("GET", "messaging", f"/v1/templates/{template['key']}", missing_ok=True) is None:
            await api.call("POST", "messaging", "/v1/templates", template)
    for segment_ in SEGMENTS:
        if await api.call("GET", "segments", f"/v1/segments/{segment_['key']}", missing_ok=True) is None:
            await api.call("POST", "segments", "/v1/segments", segment_)
    await until(lambda: _all_live(api), "the segments are live")
    for campaign in CAMPAIGNS:
        if await api.call("GET", "messaging", f"/v1/campaigns/{campaign['key']}", missing_ok=True) is None:
            await api.call("POST", "messaging", "/v1/campaigns", campaign)
            await api.call("POST", "messaging", f"/v1/campaigns/{campaign['key']}/start")


async def _all_live(api: Api) -> bool:
    states = [await api.call("GET", "segments", f"/v1/segments/{s['key']}") for s in SEGMENTS]
    return all(state["status"] == "live" for state in states)


async def until(condition: Callable[[], Awaitable[bool]], what: str, *, seconds: float = 120) -> None:
    """Wait for something that comes by itself."""
    for _ in range(int(seconds * 5)):
        if await condition():
            return
        await asyncio.sleep(0.2)
    raise DemoError(f"Waited {seconds:.0f} s, but not yet: {what}.")


class Sender:
    """The tracking SDK, as a shop would use it, with one of its threads, and a count of what it has delivered."""

    def __init__(self, api: Api) -> None:
        self._failed: list[str] = []
        self._client = Client(
            api.write_key, host=api.urls["events"], max_queue_size=100_000, on_error=self._note, upload_interval=0.1
        )

    def _note(self, error: Any, _: Any) -> None:
        self._failed.append(type(error).__name__)

    def announce(self, people: Iterable[Person]) -> None:
        """Tell that they are there."""
        for person in people:
            self._client.identify(person.customer, message_id=f"demo-announce-{person.customer}")

    def identify(self, people: Iterable[Person]) -> None:
        """Tell who they are."""
        for person in people:
            self._client.identify(person.customer, person.traits, message_id=f"demo-identify-{person.customer}")

    def order(self, purchases: Iterable[Purchase]) -> None:
        """Tell what they bought. The message ids make a second run of the demo change nothing."""
        for purchase in purchases:
            self._client.track(
                purchase.customer,
                "Order Completed",
                {
                    "order_id": purchase.order_id,
                    "total": float(purchase.amount),
                    "currency": "USD",
                    "products": [{"product_id": "cd", "quantity": purchase.items}],
                },
                timestamp=purchase.at,
                message_id=f"demo-{purchase.order_id}",
            )

    async def deliver(self, count: int, advance: Advance) -> None:
        """Until the SDK has delivered everything; it was given `count` messages."""
        done = threading.Event()

        def flush() -> None:
            self._client.flush()
            done.set()

        left = count
        threading.Thread(target=flush, daemon=True).start()
        while not done.is_set():
            await asyncio.sleep(0.1)
            now = self._client.queue.unfinished_tasks
            advance(max(0, left - now))
            left = min(left, now)
        if self._failed:
            raise DemoError(f"The SDK could not deliver: {self._failed[0]} ({len(self._failed)} times).")

    def close(self) -> None:
        """End the SDK's threads."""
        with suppress(Exception):
            self._client.join()


async def settle(api: Api, bar: MakeBar) -> None:
    """Until everything that was accepted has taken full effect."""
    left = await api.pending()
    if not left:
        return
    advance = bar("taking effect", left)
    while left:
        await asyncio.sleep(0.3)
        now = await api.pending()
        advance(max(0, left - now))
        left = min(left, now) if now else 0
