"""All four services in one process and on one loop, joined in memory: the real code, PostgreSQL and hand-over, no sockets."""

import asyncio
import importlib
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from fastapi import FastAPI

import services
from shared.plumbing.clock import ShiftedClock
from shared.plumbing.migrate import upgrade
from tests.support.calls import Calls
from tests.support.kept import open_kept

SERVICES = ("events", "profiles", "segments", "messaging")
SECRET = "a secret for tests only, not for any deployment"
WRITE_KEY = "ctestkeytestkeytestkeytes"
API_KEY = "test-api-key-admin"


async def migrate_all(url: str) -> None:
    """Bring a database to head for all services."""
    root = Path(services.__file__).parent
    for name in SERVICES:
        await asyncio.to_thread(upgrade, service=name, url=url, directory=root / name / "migrations")


class Joined(httpx.AsyncBaseTransport):
    """Carries a request for `http://<service>` to that service's application. `down`: services that do not answer,
    as `events`, or only a path of theirs, as `events/internal/feed`."""

    def __init__(self) -> None:
        self.apps: dict[str, httpx.ASGITransport] = {}
        self.down: set[str] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        name = request.url.host
        if self.down & {name, name + request.url.path} or name not in self.apps:
            raise httpx.ConnectError("out of reach", request=request)
        return await self.apps[name].handle_async_request(request)


def settings_for(service: str, url: str, **more: Any) -> Any:
    """The settings of one service of the joined world."""
    module = importlib.import_module(f"services.{service}.config")
    values: dict[str, Any] = {f"{name}_url": f"http://{name}" for name in SERVICES}
    values |= {"database_url": url, "secret": SECRET, "worker_name": f"{service}-test", "pool_size": 4}
    if service == "segments":
        values |= {"reconcile_hour": -1}
    if service == "events":
        values |= {"bootstrap_write_key": WRITE_KEY, "bootstrap_api_key": API_KEY}
    return module.Settings(**(values | more))


class World(Calls):
    """A deployment: `async with World(url) as world`. `clock` steps time for all four."""

    def __init__(self, url: str, settings: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.url = url
        self.urls = {name: f"http://{name}" for name in SERVICES}
        self.write_key = WRITE_KEY
        self.clock = ShiftedClock()
        self.joined = Joined()
        self.apps: dict[str, FastAPI] = {}
        self._settings = settings or {}
        self._running: dict[str, AsyncExitStack] = {}
        self.http = httpx.AsyncClient(transport=self.joined, headers={"Authorization": f"Bearer {API_KEY}"}, timeout=60)

    async def __aenter__(self) -> Self:
        for name in SERVICES:
            await self.start(name)
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for name in reversed(list(self._running)):
            await self.stop(name)
        await self.http.aclose()

    async def start(self, name: str) -> None:
        """Start one service."""
        app_module = importlib.import_module(f"services.{name}.app")
        settings = settings_for(name, self.url, **self._settings.get(name, {}))
        app = app_module.create_app(settings, clock=self.clock, transport=self.joined, open_database=open_kept)
        stack = AsyncExitStack()
        await stack.enter_async_context(app.router.lifespan_context(app))
        self.apps[name] = app
        self._running[name] = stack
        self.joined.apps[name] = httpx.ASGITransport(app, raise_app_exceptions=False)

    async def stop(self, name: str) -> None:
        """Stop one service, as SIGTERM does."""
        self.joined.apps.pop(name, None)
        await self._running.pop(name).aclose()

    async def step(self, by: timedelta) -> None:
        """Step the clock. What becomes due has its effect soon after: wait for it."""
        self.clock.step(by)
