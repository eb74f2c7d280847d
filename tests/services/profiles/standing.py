"""The profiles service with its worker taken apart: each step is taken by hand, on a clock that only tests move."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import httpx

import services.profiles
from services.profiles.app import create_app, make_book
from services.profiles.config import Settings
from services.profiles.service.erasing import complete_erasures
from services.profiles.service.resolve import WORK, applies
from services.profiles.worker import CONSUMERS
from shared.plumbing import json
from shared.plumbing.auth import hash_key
from shared.plumbing.db import Database
from shared.plumbing.lanes import LANES, lane_of_text
from shared.plumbing.leases import Leases
from shared.plumbing.migrate import upgrade
from shared.plumbing.reader import FeedReader
from shared.schemas.raw import RawMessage
from shared.schemas.resolved import EventDropped, EventResolved, Resolved, parse_resolved
from tests.support.kept import open_kept

KEYS = {"an-api-key": "admin", "a-writing-key": "write", "a-reading-key": "read"}
SECRET = "a secret for tests only, not for any deployment"
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
NOBODY = "01981c6e-7a4b-7c3e-9d2f-0a1b2c3d4e5f"
"""An id of no profile."""


async def migrate_profiles(url: str) -> None:
    """Bring a database to head."""
    directory = Path(services.profiles.__file__).parent / "migrations"
    await asyncio.to_thread(upgrade, service="profiles", url=url, directory=directory)


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
    """What the other services answer: the key list, the raw log, a profile's segments."""

    def __init__(self) -> None:
        self.log: dict[int, list[dict[str, Any]]] = {lane: [] for lane in range(LANES)}
        self.owners: dict[tuple[int, int], str] = {}
        self.forgotten: set[tuple[int, int]] = set()
        self.away: set[str] = set()

    def put(self, message: RawMessage) -> None:
        """Append to the raw log, in its device's lane."""
        whose = message.anonymous_id or message.previous_id or message.user_id or str(message.profile_id)
        self.log[lane_of_text(whose)].append(json.loads(json.dumps(message)))

    async def pull(
        self, consumer: str, cursors: Mapping[int, int], *, limit: int, wait: float, linger: float = 0.0
    ) -> bytes:
        items = [
            {"lane": lane, "seq": seq, "message": message}
            for lane, cursor in sorted(cursors.items())
            for seq, message in enumerate(self.log[lane][cursor : cursor + limit], cursor + 1)
        ]
        return json.dumps({"items": items[:limit]})

    def take_in(self, told: Iterable[Resolved]) -> None:
        """The index by profile and what is dropped, as events keeps them; survivors are the caller's business."""
        for each in told:
            if isinstance(each, EventResolved):
                self.owners.setdefault((each.log.lane, each.log.seq), str(each.profile_id))
            elif isinstance(each, EventDropped):
                self.forgotten.add((each.log.lane, each.log.seq))

    def part(self, asked: Any) -> Any:
        """A part of the raw log, with whose each message is."""
        since, before = (datetime.fromisoformat(asked[end]) for end in ("since", "before"))
        found = [
            {"seq": seq, "owner": self.owners.get((asked["lane"], seq)), "message": message}
            for seq, message in enumerate(self.log[asked["lane"]], 1)
            if asked["after"] < seq <= asked["until"] and (asked["lane"], seq) not in self.forgotten
            if since <= datetime.fromisoformat(message["received_at"]) < before
        ]
        return {"items": found[: asked["limit"]]}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        name, path = request.url.host, request.url.path
        if name in self.away:
            raise httpx.ConnectError("out of reach", request=request)
        if path == "/internal/keys":
            keys = [{"id": key, "key_hash": hash_key(key), "role": role} for key, role in KEYS.items()]
            return _answer({"keys": keys})
        if path == "/internal/progress":
            heads = {str(lane): len(rows) for lane, rows in self.log.items()}
            return _answer({"service": "events", "heads": heads, "cursors": {}})
        if path == "/internal/log":
            return _answer(self.part(json.loads(await request.aread())))
        if path.endswith("/events"):
            return _answer({"items": [{"message_id": "m1", "profile_id": path.split("/")[3]}], "next": None})
        if path.endswith("/segments"):
            return _answer({"items": [{"key": "vip", "name": "VIP", "entered_at": NOW}]})
        return httpx.Response(404)


def _answer(body: Any) -> httpx.Response:
    return httpx.Response(200, content=json.dumps(body), headers={"Content-Type": "application/json"})


def settings_of(url: str, **more: Any) -> Settings:
    urls: dict[str, Any] = {f"{name}_url": f"http://{name}" for name in ("events", "profiles", "segments", "messaging")}
    values = {"database_url": url, "secret": SECRET, "worker_name": "one", "pool_size": 8, "role": "api"}
    return Settings(**(urls | values | more))


class Standing:
    """`async with Standing(url) as s`: its API, its database, and workers to be stepped."""

    def __init__(self, url: str, **settings: Any) -> None:
        self.clock = HandClock()
        self.others = Others()
        self._settings = settings_of(url, **settings)
        self._stack = AsyncExitStack()
        self._number = 0

    async def __aenter__(self) -> Self:
        app = create_app(self._settings, clock=self.clock, transport=self.others, open_database=open_kept)
        await self._stack.enter_async_context(app.router.lifespan_context(app))
        self.frame = app.state.frame
        self.db: Database = self.frame.db
        self.book = make_book(self._settings, self.frame)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://profiles")
        self._stack.push_async_callback(self.http.aclose)
        self._token = app.state.internal_token
        self.readers = [await self.hire("one")]
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self._stack.aclose()

    # --- the worker

    async def hire(self, name: str) -> FeedReader:
        """A worker; it gets its share of the lanes."""
        leases = Leases(self.db, work=WORK, owner=name, clock=self.clock)
        await leases.renew()
        return FeedReader(
            self.db,
            feed=WORK,
            consumer="profiles",
            pull=self.others.pull,
            leases=leases,
            apply=applies(self.book)[WORK],
            committed=lambda: None,
            clock=self.clock,
            batch=50,
        )

    async def hire_three_more(self) -> None:
        """Four workers, each with a quarter of the lanes."""
        self.readers += [await self.hire(name) for name in ("two", "three", "four")]
        for reader in self.readers * 4:
            await reader._leases.renew()
        held = [set(reader._leases.held) for reader in self.readers]
        assert [len(lanes) for lanes in held] == [LANES // 4] * 4

    def put(self, type: str = "track", **fields: Any) -> RawMessage:  # noqa: A002
        """A message into the raw log; its time is now, its id is new."""
        self._number += 1
        now = self.clock.now()
        values: dict[str, Any] = {
            "source": "web",
            "message_id": f"m-{self._number:06}",
            "type": type,
            "name": "Seen" if type == "track" else None,
            "timestamp": now,
            "received_at": now,
        }
        message = RawMessage(**(values | fields))
        self.others.put(message)
        return message

    async def take(self, type: str = "track", **fields: Any) -> RawMessage:  # noqa: A002
        """The same, resolved at once."""
        message = self.put(type, **fields)
        await self.work()
        return message

    async def work(self) -> None:
        """Let the workers resolve everything, side by side."""

        async def all_of(reader: FeedReader) -> None:
            while await reader.step():
                pass

        await asyncio.gather(*(all_of(reader) for reader in self.readers))

    # --- what comes of it

    async def feed(self) -> list[Resolved]:
        """The feed, lane by lane."""
        rows = await self.db.fetch("SELECT message FROM feed ORDER BY lane, seq")
        told = [parse_resolved(row["message"]) for row in rows]
        return [each for each in told if each is not None]

    async def all_pass(self) -> None:
        """Let every consumer of the feed pass everything, and complete the erasures that can be."""
        heads = await self.db.fetch("SELECT lane, seq FROM lane_heads")
        for consumer in CONSUMERS:
            await self.frame.feed.pull(consumer, {row["lane"]: row["seq"] for row in heads}, limit=1, wait=0)
        await self.frame.feed.write_down()
        await self.complete()

    async def complete(self) -> None:
        """One look at the open erasures."""
        from services.profiles.clients import Events
        from shared.plumbing.http import Neighbour

        neighbour = Neighbour("http://events", token="t", transport=self.others)
        await complete_erasures(self.book, Events(neighbour), CONSUMERS)
        await neighbour.close()

    async def rows(self, table: str) -> list[Mapping[str, Any]]:
        """All rows of a table."""
        return [dict(row) for row in await self.db.fetch(f"SELECT * FROM {table}")]

    # --- the API

    async def call(
        self, method: str, path: str, body: Any = None, *, status: int | None = None, key: str = "an-api-key"
    ) -> Any:
        content = None if body is None else json.dumps(body)
        bearer = self._token if path.startswith("/internal/") else key
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {bearer}"}
        answer = await self.http.request(method, path, content=content, headers=headers)
        assert (answer.status_code == status) if status else answer.is_success, (answer.status_code, answer.text)
        return json.loads(answer.content) if answer.content else None

    async def make(self, user_id: str, **traits: Any) -> str:
        """A profile by the API; returns its id."""
        profile = await self.call("POST", "/v1/profiles", {"user_id": user_id, "traits": traits})
        return str(profile["id"])

    async def look_up(self, **name: str) -> Any:
        """The profile of a name."""
        [(namespace, value)] = name.items()
        answer = await self.http.get(
            "/v1/profiles/lookup", params={namespace: value}, headers={"Authorization": "Bearer an-api-key"}
        )
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, answer.text
        return json.loads(answer.content)

    async def id_of(self, **name: str) -> UUID | None:
        """The profile's id."""
        found = await self.look_up(**name)
        return None if found is None else UUID(found["id"])


def names_of(profile: Any) -> set[tuple[str, str]]:
    """A shown profile's identifiers."""
    return {(each["namespace"], each["value"]) for each in profile["identifiers"]}
