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
from shared.plumbing import json
from shared.plumbing.clock import ShiftedClock
from shared.plumbing.ids import new_id
from shared.plumbing.migrate import upgrade

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
    """Carries a request for `http://<service>` to that service's application. `down`: services that do not answer."""

    def __init__(self) -> None:
        self.apps: dict[str, httpx.ASGITransport] = {}
        self.down: set[str] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        name = request.url.host
        if name in self.down or name not in self.apps:
            raise httpx.ConnectError("out of reach", request=request)
        return await self.apps[name].handle_async_request(request)


def settings_for(service: str, url: str, **more: Any) -> Any:
    """The settings of one service of the joined world."""
    module = importlib.import_module(f"services.{service}.config")
    values: dict[str, Any] = {f"{name}_url": f"http://{name}" for name in SERVICES}
    values |= {"database_url": url, "secret": SECRET, "worker_name": f"{service}-test", "pool_size": 4}
    if service == "events":
        values |= {"bootstrap_write_key": WRITE_KEY, "bootstrap_api_key": API_KEY}
    return module.Settings(**(values | more))


class World:
    """A deployment: `async with World(url) as world`. `clock` steps time for all four."""

    def __init__(self, url: str, settings: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.url = url
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
        app = app_module.create_app(settings, clock=self.clock, transport=self.joined)
        stack = AsyncExitStack()
        await stack.enter_async_context(app.router.lifespan_context(app))
        self.apps[name] = app
        self._running[name] = stack
        self.joined.apps[name] = httpx.ASGITransport(app, raise_app_exceptions=False)

    async def stop(self, name: str) -> None:
        """Stop one service, as SIGTERM does."""
        self.joined.apps.pop(name, None)
        await self._running.pop(name).aclose()

    async def call(self, method: str, service: str, path: str, body: Any = None, *, status: int | None = None) -> Any:
        """One request with the API key. Fails the test on an unexpected status."""
        content = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json"}
        answer = await self.http.request(method, f"http://{service}{path}", content=content, headers=headers)
        assert (answer.status_code == status) if status else answer.is_success, (answer.status_code, answer.text)
        return json.loads(answer.content) if answer.content else None

    async def send(self, *messages: Mapping[str, Any], path: str = "/v1/batch") -> Any:
        """Messages as an SDK sends them; a `messageId` is made where there is none."""
        batch = [{"messageId": str(new_id()), **message} for message in messages]
        answer = await self.http.post(f"http://events{path}", content=json.dumps({"batch": batch}), auth=(WRITE_KEY, ""))
        assert answer.status_code == 200, answer.text
        return json.loads(answer.content)

    async def settle(self, *, seconds: float = 30) -> None:
        """Until `/v1/lag` says that everything has taken effect."""
        for _ in range(int(seconds / 0.02)):
            lag = await self.call("GET", "events", "/v1/lag")
            if lag["events"] == 0:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"still pending: {lag}")

    async def step(self, by: timedelta) -> None:
        """Step the clock, and let the timers that became due have their effect."""
        self.clock.step(by)

    async def items(self, service: str, path: str) -> list[Any]:
        """All items of a list."""
        items: list[Any] = []
        cursor = None
        while True:
            joint = "&" if "?" in path else "?"
            page = await self.call("GET", service, path + (f"{joint}cursor={cursor}" if cursor else ""))
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                return items

    async def members(self, segment: str) -> set[str]:
        """The user ids of a segment's members."""
        return {item["user_id"] for item in await self.items("segments", f"/v1/segments/{segment}/members")}

    async def profile(self, user_id: str) -> Any:
        """The profile of a user id."""
        return await self.call("GET", "profiles", f"/v1/profiles/lookup?user_id={user_id}")
