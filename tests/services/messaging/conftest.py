"""Messaging alone, on a real PostgreSQL, with its neighbours in memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

import services.messaging
from services.messaging.app import create_app
from services.messaging.config import Settings
from shared.plumbing import json
from shared.plumbing.clock import ShiftedClock
from shared.plumbing.ids import new_id
from shared.plumbing.migrate import upgrade
from tests.services.messaging.neighbours import ADMIN, Neighbours
from tests.support.emptied import CleanDatabase
from tests.support.kept import open_kept
from tests.support.waiting import until

SECRET = "a secret for the tests of messaging"


async def migrated(url: str) -> None:
    """Bring a database to head."""
    migrations = Path(services.messaging.__file__).parent / "migrations"
    await asyncio.to_thread(upgrade, service="messaging", url=url, directory=migrations)


class Messaging:
    """A running service and its surroundings."""

    def __init__(self, url: str, **settings: Any) -> None:
        self.url = url
        self.near = Neighbours()
        self.clock = ShiftedClock()
        self.http: httpx.AsyncClient
        self.settings: dict[str, Any] = {
            "database_url": url,
            "secret": SECRET,
            "worker_name": "messaging-test",
            "events_url": "http://events",
            "profiles_url": "http://profiles",
            "segments_url": "http://segments",
            "pool_size": 6,
        } | settings
        self._stack = AsyncExitStack()

    async def start(self, **settings: Any) -> "Messaging":
        """Start the service (again), with its loops."""
        app = create_app(
            Settings(**(self.settings | settings)), clock=self.clock, transport=self.near, open_database=open_kept
        )
        self.app = app
        await self._stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json"}
        self.http = httpx.AsyncClient(transport=transport, base_url="http://messaging", headers=headers)
        return self

    async def stop(self) -> None:
        """Stop it, as SIGTERM does."""
        await self._stack.aclose()
        self._stack = AsyncExitStack()

    async def call(self, method: str, path: str, body: Any = None, *, status: int | None = None) -> Any:
        """One request; fails the test on an unexpected status."""
        answer = await self.http.request(method, path, content=None if body is None else json.dumps(body))
        assert (answer.status_code == status) if status else answer.is_success, (answer.status_code, answer.text)
        return json.loads(answer.content) if answer.content else None

    async def items(self, path: str) -> Any:
        """The items of a list."""
        return (await self.call("GET", path))["items"]

    async def progress(self) -> Any:
        token = self.app.state.internal_token
        answer = await self.http.get("/internal/progress", headers={"Authorization": f"Bearer {token}"})
        return json.loads(answer.content)

    async def settle(self, seconds: float = 60) -> None:
        """Until everything told has had its effect and nothing is due."""

        async def is_settled() -> bool:
            progress = await self.progress()
            return not progress["pending"] and all(
                progress["cursors"][feed][str(lane)] >= len(messages)
                for feed, lanes in self.near.feeds.items()
                for lane, messages in lanes.items()
            )

        await until(is_settled, "it settles", seconds=seconds)

    async def campaign(self, key: str = "hello", *, start: bool = True, template: Any = None, **fields: Any) -> Any:
        """A campaign with a template of its own: by default on entering segment `vip`."""
        content = {"key": key, "channel": "email", "subject": "Hi", "body": "Hi {{ profile.traits.first_name }}"}
        if "variants" not in fields and "template" not in fields:
            await self.call("POST", "/v1/templates", content | (template or {}), status=201)
            fields["template"] = key
        body = {"key": key, "trigger": {"segment": "vip", "on": "entered"}, "purpose": "marketing"} | fields
        made = await self.call("POST", "/v1/campaigns", body, status=201)
        return await self.call("POST", f"/v1/campaigns/{key}/start") if start else made

    async def enter(self, *profile_ids: Any, segment: str = "vip") -> None:
        """These people enter a segment now."""
        for profile_id in profile_ids:
            self.near.change(profile_id, segment, self.clock.now())

    async def mailbox(self) -> Any:
        return await self.items("/v1/mailbox?limit=1000")

    async def decisions(self, query: str = "") -> Any:
        return await self.items(f"/v1/decisions?limit=1000&{query}")

    async def decided(self) -> dict[str, str]:
        """Reason by profile."""
        return {one["profile_id"]: one["reason"] for one in await self.decisions()}

    async def rows(self, query: str, *args: Any) -> list[asyncpg.Record]:
        """What lies in the database."""
        connection = await asyncpg.connect(self.url, server_settings={"search_path": "messaging"})
        try:
            return await connection.fetch(query, *args)
        finally:
            await connection.close()

    async def waits(self, kind: str) -> bool:
        """Whether any statement waits for a lock of this kind."""
        query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND (wait_event_type, wait_event) = "
        return bool(await self.rows(query + "('Lock', $1)", kind))

    def step(self, by: timedelta) -> None:
        """Step the clock, and have the timers look."""
        self.clock.step(by)
        self.app.state.frame.wake.hint()


NewMessaging = Callable[..., Awaitable[Messaging]]


@pytest.fixture
async def new_messaging(clean_database: CleanDatabase) -> AsyncIterator[NewMessaging]:
    """Makes a running service with the settings a test needs."""
    made: list[Messaging] = []

    async def make(**settings: Any) -> Messaging:
        assert not made, "one service a test"
        service = Messaging(await clean_database(migrated), **settings)
        made.append(service)
        return await service.start()

    yield make
    for service in made:
        await service.stop()


@pytest.fixture
async def messaging(new_messaging: NewMessaging) -> Messaging:
    """A running service with the default settings."""
    return await new_messaging()


__all__ = ["Messaging", "new_id"]
