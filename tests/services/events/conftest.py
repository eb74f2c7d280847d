"""One events service over ASGI on a database of its own."""

import asyncio
import base64
import gzip
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import httpx
import pytest

import services.events
from services.events.app import create_app
from services.events.config import Settings
from shared.plumbing import json
from shared.plumbing.auth import derive
from shared.plumbing.clock import ShiftedClock
from shared.plumbing.ids import new_id
from shared.plumbing.migrate import upgrade
from tests.support.emptied import CleanDatabase
from tests.support.kept import open_kept
from tests.support.postgres import MakeDatabase

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
SECRET = "a secret for tests only, not for any deployment"
WRITE_KEY = "ctestkeytestkeytestkeytes"
API_KEY = "test-api-key-admin"
DIRECTORY = Path(services.events.__file__).parent / "migrations"


async def migrate(url: str) -> None:
    await asyncio.to_thread(upgrade, service="events", url=url, directory=DIRECTORY)


class Events:
    """The service, seen from outside."""

    def __init__(self, app: Any, settings: Settings, clock: ShiftedClock) -> None:
        self.app = app
        self.settings = settings
        self.clock = clock
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://events", timeout=60
        )

    async def call(
        self, method: str, path: str, body: Any = None, *, status: int = 200, key: str = API_KEY, **options: Any
    ) -> Any:
        """A request with an API key; the test fails on another status."""
        content = None if body is None else json.dumps(body)
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"} | options.pop("headers", {})
        answer = await self.http.request(method, path, content=content, headers=headers, **options)
        assert answer.status_code == status, (answer.status_code, answer.text)
        return json.loads(answer.content) if answer.content else None

    async def post(
        self, path: str, body: Any, *, status: int = 200, key: str | None = WRITE_KEY, zipped: bool = False, **more: Any
    ) -> Any:
        """A request as an SDK sends it; `body` is bytes, or becomes JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body)
        headers = dict(more.pop("headers", {}))
        if key is not None:
            headers["Authorization"] = "Basic " + base64.b64encode(f"{key}:".encode()).decode()
        if zipped:
            content, headers["Content-Encoding"] = gzip.compress(content), "gzip"
        answer = await self.http.post(path, content=content, headers=headers, **more)
        assert answer.status_code == status, (answer.status_code, answer.text)
        return json.loads(answer.content)

    async def send(self, *messages: Mapping[str, Any], path: str = "/v1/batch", **envelope: Any) -> Any:
        """A batch; a `messageId` is made where there is none."""
        batch = [{"messageId": str(new_id()), **message} for message in messages]
        return await self.post(path, {"batch": batch, **envelope})

    async def feed(self, *, after: int = 0, consumer: str = "profiles", limit: int = 5000) -> list[Any]:
        """The raw log, as profiles sees it."""
        cursors = {str(lane): after for lane in range(64)}
        token = derive(SECRET, "internal")
        body = {"consumer": consumer, "cursors": cursors, "limit": limit, "wait": 0}
        page = await self.call("POST", "/internal/feed", body, key=token)
        return list(page["items"])

    async def messages(self) -> list[Any]:
        """All that is in the raw log."""
        return [item["message"] for item in await self.feed()]

    async def items(self, path: str) -> list[Any]:
        """All items of a list, page by page."""
        items: list[Any] = []
        cursor = None
        while True:
            page = await self.call("GET", path + (f"{'&' if '?' in path else '?'}cursor={cursor}" if cursor else ""))
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                return items


def track(event: str = "Order Completed", user: str = "ann", **more: Any) -> dict[str, Any]:
    """A message as a caller writes it."""
    return {"type": "track", "event": event, "userId": user} | more


def _unreachable(request: httpx.Request) -> httpx.Response:
    """No name is looked up: that may outlast the loop."""
    raise httpx.ConnectError("nobody is there", request=request)


@asynccontextmanager
async def running(url: str, *, transport: httpx.AsyncBaseTransport | None = None, **more: Any) -> AsyncIterator[Events]:
    """The service on this database, by default without others."""
    values: dict[str, Any] = {
        f"{name}_url": f"http://{name}" for name in ("events", "profiles", "segments", "messaging")
    }
    values |= {"database_url": url, "secret": SECRET, "worker_name": "events-test", "pool_size": 4}
    values |= {"bootstrap_write_key": WRITE_KEY, "bootstrap_api_key": API_KEY}
    settings = Settings(**(values | more))
    clock = ShiftedClock()
    others = transport or httpx.MockTransport(_unreachable)
    app = create_app(settings, clock=clock, transport=others, open_database=open_kept)
    async with app.router.lifespan_context(app):
        events = Events(app, settings, clock)
        yield events
        await events.http.aclose()


@pytest.fixture
async def events_url(clean_database: CleanDatabase) -> str:
    return await clean_database(migrate)


@pytest.fixture
async def events(events_url: str) -> AsyncIterator[Events]:
    async with running(events_url) as service:
        yield service


@pytest.fixture(scope="session")
async def standing(make_database: MakeDatabase) -> AsyncIterator[Events]:
    """One for all tests of a worker that leave nothing behind for others to stumble over."""
    async with running(await make_database(migrate)) as service:
        yield service


@pytest.fixture
async def database(events_url: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(events_url, server_settings={"search_path": "events"})
    yield connection
    await connection.close()
