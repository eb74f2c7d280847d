"""The segments service with its loops taken apart: each step is taken by hand, on a clock that only tests move."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode
from uuid import UUID

import httpx

import services.segments
from services.segments.app import create_app
from services.segments.config import Settings
from services.segments.domain.ruleset import Ruleset
from services.segments.service.builds import remove_some
from services.segments.service.rules import Build, RuleBook
from services.segments.service.take_in import TakeIn
from services.segments.worker import Builder, Planner, Timers
from shared.plumbing import json
from shared.plumbing.auth import hash_key
from shared.plumbing.db import Database
from shared.plumbing.lanes import LANES, lane_of
from shared.plumbing.leases import Leases
from shared.plumbing.migrate import upgrade
from shared.plumbing.reader import FeedReader, read_page
from shared.schemas.message import Message
from tests.support.kept import open_kept

KEY = "an-api-key"
READ_KEY = "a-key-that-reads"
SECRET = "a secret for tests only, not for any deployment"
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


async def migrate_segments(url: str) -> None:
    """Bring a database to head."""
    directory = Path(services.segments.__file__).parent / "migrations"
    await asyncio.to_thread(upgrade, service="segments", url=url, directory=directory)


class HandClock:
    """Stands still until it is moved."""

    def __init__(self, now: datetime = NOW) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def step(self, **by: float) -> datetime:
        self._now += timedelta(**by)
        return self._now


class Others(httpx.AsyncBaseTransport):
    """What the other services answer: the key list, profiles' feed, whom a name leads to, the campaigns that use a segment."""

    def __init__(self) -> None:
        self.feed: dict[int, list[dict[str, Any]]] = {lane: [] for lane in range(LANES)}
        self.campaigns: dict[str, list[str]] = {}
        self.names: dict[tuple[str, str], UUID] = {}
        self.people: dict[tuple[str, str], list[UUID]] = {}
        self.away: set[str] = set()

    def tell(self, *messages: Message) -> None:
        """Append to profiles' feed, each in its profile's lane."""
        for message in messages:
            told = json.loads(json.dumps(message))
            self.feed[lane_of(UUID(told["profile_id"]))].append(told)

    async def pull(
        self, consumer: str, cursors: Mapping[int, int], *, limit: int, wait: float, linger: float = 0.0
    ) -> bytes:
        items = [
            {"lane": lane, "seq": seq, "message": message}
            for lane, cursor in sorted(cursors.items())
            for seq, message in enumerate(self.feed[lane][cursor : cursor + limit], cursor + 1)
        ]
        return json.dumps({"items": items[:limit]})

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        name, path = request.url.host, request.url.path
        if name in self.away:
            raise httpx.ConnectError("out of reach", request=request)
        if path == "/internal/keys":
            roles = {KEY: "admin", READ_KEY: "read"}
            keys = [{"id": key, "key_hash": hash_key(key), "role": role} for key, role in roles.items()]
            return _answer({"keys": keys})
        if path == "/internal/feed":
            asked = json.loads(request.content)
            cursors = {int(lane): seq for lane, seq in asked["cursors"].items()}
            page = await self.pull(asked["consumer"], cursors, limit=asked["limit"], wait=0)
            if not read_page(page).items:
                await asyncio.sleep(min(asked["wait"], 0.05))
            return _answer(json.Raw(page))
        if path == "/internal/lookup" and (named := next(iter(request.url.params.items()))) in self.names:
            return _answer({"id": self.names[named]})
        if path == "/internal/identifiers":
            given = json.loads(request.content)["identifiers"]
            return _answer({"profile_ids": [self._whom(each["namespace"], each["value"]) for each in given]})
        if path.endswith("/uses"):
            return _answer({"campaigns": self.campaigns.get(path.split("/")[3], [])})
        return httpx.Response(404)

    def _whom(self, namespace: str, value: str) -> list[UUID]:
        return [UUID(value)] if namespace == "profile_id" else self.people.get((namespace, value), [])


def _answer(body: Any) -> httpx.Response:
    return httpx.Response(200, content=json.dumps(body), headers={"Content-Type": "application/json"})


def settings_of(url: str, **more: Any) -> Settings:
    urls: dict[str, Any] = {f"{name}_url": f"http://{name}" for name in ("events", "profiles", "segments", "messaging")}
    values = {"database_url": url, "secret": SECRET, "worker_name": "one", "pool_size": 4, "role": "api"}
    return Settings(**(urls | values | more))


class Standing:
    """`async with Standing(url) as s`: its API, its database, and a worker to be stepped."""

    def __init__(
        self,
        url: str,
        *,
        build: Build = Ruleset.build,
        batch: int = 500,
        backfill_batch: int = 200,
        plans_ahead: timedelta = timedelta(days=400),
    ) -> None:
        self.url = url
        self.plans_ahead = plans_ahead
        self.clock = HandClock()
        self.others = Others()
        self._build = build
        self._batch = batch
        self._backfill_batch = backfill_batch
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        app = create_app(settings_of(self.url), clock=self.clock, transport=self.others, open_database=open_kept)
        await self._stack.enter_async_context(app.router.lifespan_context(app))
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False),
            base_url="http://segments",
            headers={"Authorization": f"Bearer {KEY}"},
        )
        self.internal = {"Authorization": f"Bearer {app.state.internal_token}"}
        self._stack.push_async_callback(self.http.aclose)
        self.db = await open_kept(self.url, schema="segments", size=4)
        self._stack.push_async_callback(self.db.close)
        self.worker = await self.hire("one")
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self._stack.aclose()

    async def hire(self, name: str) -> "Worker":
        """Another worker on the same database; it gets its share of the lanes."""
        worker = Worker(self, name, self.db, self._build, batch=self._batch, backfill_batch=self._backfill_batch)
        await worker.renew()
        return worker

    def tell(self, *messages: Message) -> None:
        self.others.tell(*messages)

    async def take(self, *messages: Message) -> None:
        """Tell these, and let everything have its effect."""
        self.tell(*messages)
        await self.worker.work()

    async def later(self, **by: float) -> datetime:
        """Move the clock, and let time have its effect."""
        now = self.clock.step(**by)
        await self.worker.work()
        return now

    async def call(self, method: str, path: str, body: Any = None, *, status: int = 200, internal: bool = False) -> Any:
        content = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json"} | (self.internal if internal else {})
        answer = await self.http.request(method, path, content=content, headers=headers)
        assert answer.status_code == status, (answer.status_code, answer.text)
        return json.loads(answer.content) if answer.content else None

    async def define(self, key: str, condition: Any, *, build: bool = True) -> Any:
        """A new segment, built unless told otherwise."""
        made = await self.call("POST", "/v1/segments", {"key": key, "condition": condition}, status=201)
        if build:
            await self.worker.work()
        return made

    async def items(self, path: str, *, limit: int = 1000, **asked: Any) -> list[Any]:
        """All items of a list."""
        found: list[Any] = []
        cursor = None
        while True:
            query = urlencode({"limit": limit, **asked} | ({"cursor": cursor} if cursor else {}))
            page = await self.call("GET", f"{path}?{query}")
            found += page["items"]
            cursor = page["next"]
            if cursor is None:
                return found

    async def members(self, key: str) -> set[UUID]:
        return {UUID(item["profile_id"]) for item in await self.items(f"/v1/segments/{key}/members")}

    async def changes(self, key: str, profile_id: UUID | None = None) -> list[tuple[str, str, datetime]]:
        """(change, kind of cause, at), of one profile if given."""
        return [
            (item["change"], item["cause"]["kind"], datetime.fromisoformat(item["at"]))
            for item in await self.items(f"/v1/segments/{key}/changes")
            if profile_id is None or UUID(item["profile_id"]) == profile_id
        ]

    async def replayed(self, key: str) -> set[UUID]:
        """Who is in by the changes alone."""
        members: set[UUID] = set()
        for item in await self.items(f"/v1/segments/{key}/changes", limit=7):
            change = members.add if item["change"] == "entered" else members.remove
            change(UUID(item["profile_id"]))
        return members


class Worker:
    """One worker process, stepped by hand."""

    def __init__(
        self, standing: Standing, name: str, db: Database, build: Build, *, batch: int, backfill_batch: int
    ) -> None:
        clock = standing.clock
        self.db = db
        self.book = RuleBook(db, clock=clock, default_zone="UTC", build=build)
        self.feed_leases = Leases(db, work="resolved", owner=name, clock=clock)
        self.work_leases = Leases(db, work="work", owner=name, clock=clock)
        self.take_in = TakeIn(self.book, clock)
        self.reader = FeedReader(
            db,
            feed="resolved",
            consumer="segments",
            pull=standing.others.pull,
            leases=self.feed_leases,
            apply=self.take_in,
            committed=lambda: None,
            clock=clock,
            batch=batch,
        )
        self.timers = Timers(db, self.book, self.work_leases, clock, committed=lambda: None)
        self.planner = Planner(db, self.book, self.work_leases, clock, ahead=standing.plans_ahead)
        self.builder = Builder(
            db,
            self.book,
            self.work_leases,
            clock,
            due=asyncio.Event(),
            committed=lambda: None,
            batch=backfill_batch,
            at_once=10 * backfill_batch,
        )

    async def renew(self) -> None:
        await self.feed_leases.renew()
        await self.work_leases.renew()

    async def work(self) -> None:
        """Everything there is to do now."""
        await self.renew()
        while await self.reader.step():
            pass
        while await self.timers.step():
            pass
        while await self.builder.step():
            pass
        while await self.planner.step():
            pass

    async def clear(self) -> bool:
        """Some of what deleted segments left behind; False when there is nothing."""
        return await self.db.run(remove_some)
