"""What messaging sees of the other services: two feeds, people, keys. Held in memory and edited by tests."""

import asyncio
from collections import defaultdict
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx

from shared.plumbing import json
from shared.plumbing.auth import hash_key
from shared.plumbing.ids import new_id
from shared.plumbing.lanes import lane_of

ADMIN = "a key for the tests of messaging"
READER = "a reading key for the tests of messaging"


class Neighbours(httpx.AsyncBaseTransport):
    """Answers for `http://events`, `http://profiles` and `http://segments`. `down`: those that do not, as
    `profiles`, or only a path of theirs, as `profiles/internal/consents`. `consents`: every word of whoever gave several.
    `outside`: what is found at addresses of the world."""

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.feeds: dict[str, dict[int, list[Any]]] = {"profiles": defaultdict(list), "segments": defaultdict(list)}
        self.people: dict[UUID, dict[str, Any]] = {}
        self.consents: dict[UUID, list[Any]] = {}
        self.merged: dict[UUID, UUID] = {}
        self.consents_told: list[Any] = []
        self.preferences_told: list[Any] = []
        self.asked = 0
        self.members: dict[str, list[Any]] = defaultdict(list)
        self.inside: dict[str, set[UUID]] = defaultdict(set)
        self.no_segments: set[str] = set()
        self.being_built: set[str] = set()
        self.outside: dict[str, bytes] = {}
        self.fetched: list[str] = []
        self.page = 2

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        host, path = request.url.host, request.url.path
        if "." in host:
            return self._outside(str(request.url))
        if self.down & {host, host + path}:
            raise httpx.ConnectError("out of reach", request=request)
        body = json.loads(await request.aread()) if request.method == "POST" else None
        if path == "/internal/keys":
            answer: Any = {
                "keys": [
                    {"id": "1", "key_hash": hash_key(ADMIN), "role": "admin"},
                    {"id": "2", "key_hash": hash_key(READER), "role": "read"},
                ]
            }
        elif path == "/internal/feed":
            answer = await self._feed(host, body)
        elif path in ("/internal/recipients", "/internal/events"):
            answer = (self._events if path.endswith("events") else self._recipients)(body)
        elif path in ("/internal/consents", "/internal/preferences"):
            answer = self._hear(path, body)
        elif path == "/internal/lookup":
            answer = self._look_up(request.url.params["user_id"])
        elif path == "/internal/memberships":
            answer = {"items": [self._belonging(asked) for asked in (body or {})["profile_ids"]]}
        else:
            answer = self._segment(path, request, body)
        if answer is None:
            return httpx.Response(404, content=b'{"code": "not_found"}')
        return httpx.Response(200, content=json.dumps(answer))

    def _hear(self, path: str, body: Any) -> Any:
        (self.consents_told if path.endswith("consents") else self.preferences_told).append(body)
        return {}

    def _outside(self, url: str) -> httpx.Response:
        self.fetched.append(url)
        found = self.outside.get(url)
        return httpx.Response(404 if found is None else 200, content=found or b"")

    def _look_up(self, user_id: str) -> Any:
        found = [str(one) for one, known in self.people.items() if known["user_id"] == user_id]
        return {"id": found[0]} if found else None

    def _segment(self, path: str, request: httpx.Request, body: Any) -> Any:
        key, *what = path.split("/")[3:]
        if key in self.no_segments:
            return None
        if what == ["changes"]:
            return self._changes(key, body)
        return self._members(path, request) if what else {"size": len(self.members[key])}

    def _belonging(self, asked: str) -> Any:
        now = UUID(asked)
        while now in self.merged:
            now = self.merged[now]
        return {"profile_id": asked, "segments": sorted(key for key, inside in self.inside.items() if now in inside)}

    def _members(self, path: str, request: httpx.Request) -> Any:
        key = path.split("/")[3]
        begin = int(request.url.params.get("cursor") or 0)
        found = self.members[key]
        end = begin + min(self.page, int(request.url.params["limit"]))
        following = str(end) if len(found) > end else None
        return {"items": found[begin:end], "next": following, "complete": key not in self.being_built}

    def _events(self, body: Any) -> Any:
        """Two at a time."""
        told = [one for lane in self.feeds["profiles"].values() for one in lane if one["kind"] == "event"]
        found = sorted(
            (datetime.fromisoformat(one["event"]["timestamp"]), number, one)
            for number, one in enumerate(told)
            if one["event"]["name"] == body["name"]
        )
        since, before = (datetime.fromisoformat(body[name]) for name in ("since", "before"))
        after = (datetime.fromisoformat(body["after"][0]), body["after"][1]) if body.get("after") else (since, -1)
        rest = [one for one in found if since <= one[0] < before and one[:2] > after]
        last = [*rest[1][:2], 0] if len(rest) > 2 else None
        return {"items": [one for *_, one in rest[:2]], "next": last}

    def _changes(self, segment: str, body: Any) -> Any:
        """Two at a time."""
        since, before = (datetime.fromisoformat(body[name]) for name in ("since", "before"))
        rest = [
            (lane, seq, one)
            for lane, told in sorted(self.feeds["segments"].items())
            for seq, one in enumerate(told, start=1)
            if one["segment"] == segment
            and since <= datetime.fromisoformat(one["at"]) < before
            and [lane, seq] > body["after"]
        ]
        return {"items": [one for *_, one in rest[:2]], "next": list(rest[1][:2]) if len(rest) > 2 else None}

    async def _feed(self, host: str, body: Any) -> Any:
        for _ in range(max(1, int(min(body["wait"], 5) / 0.01))):
            items = [
                {"lane": int(lane), "seq": seq, "message": message}
                for lane, cursor in body["cursors"].items()
                for seq, message in enumerate(self.feeds[host][int(lane)][cursor:], start=cursor + 1)
            ]
            if items:
                return {"items": items[: body["limit"]]}
            await asyncio.sleep(0.01)
        return {"items": []}

    def _recipients(self, body: Any) -> Any:
        self.asked += 1
        found = []
        for asked in body["profile_ids"]:
            current = UUID(asked)
            while current in self.merged:
                current = self.merged[current]
            if current in self.people:
                found.append({**self.people[current], "requested_id": asked, "id": current})
                if body.get("history") and current in self.consents:
                    found[-1]["consents"] = self.consents[current]
        return {"recipients": found, "as_of": "2026-01-01T00:00:00Z"}

    def add_person(self, **fields: Any) -> UUID:
        """Somebody with a granted marketing consent for e-mail, unless `fields` say otherwise."""
        profile_id: UUID = fields.pop("id", None) or new_id()
        name = fields.pop("user_id", f"user-{profile_id}")
        self.people[profile_id] = {
            "user_id": name,
            "identifiers": [{"namespace": "user_id", "value": name}],
            "traits": {"email": f"{name}@example.com", "first_name": "Ada"},
            "consents": [consent()],
        } | fields
        return profile_id

    def tell(self, feed: str, message: dict[str, Any]) -> dict[str, Any]:
        """Append a message to a feed, in its profile's lane."""
        lane = lane_of(UUID(str(message["profile_id"])))
        self.feeds[feed][lane].append(json.loads(json.dumps(message)))
        return message

    def change(
        self, profile_id: UUID, segment: str, at: datetime, change: str = "entered", cause: str = "event"
    ) -> Any:
        """A membership changed."""
        (self.inside[segment].add if change == "entered" else self.inside[segment].discard)(profile_id)
        message = {
            "kind": "membership",
            "id": new_id(),
            "segment_id": new_id(),
            "segment": segment,
            "version": 1,
            "profile_id": profile_id,
            "change": change,
            "at": at,
            "cause": {"kind": cause},
        }
        return self.tell("segments", message)

    def event(self, profile_id: UUID, name: str, at: datetime, properties: Any = None, **more: Any) -> Any:
        """An event was resolved."""
        event = {
            "name": name,
            "type": "track",
            "source": "web",
            "message_id": str(new_id()),
            "timestamp": at,
            "received_at": at,
            "properties": properties or {},
        } | {key: more.pop(key) for key in ("source", "message_id", "timestamp", "received_at") if key in more}
        message = {
            "kind": "event",
            "profile_id": profile_id,
            "event": event,
            "log": {"lane": 0, "seq": 1, "received_at": at},
        }
        return self.tell("profiles", message | more)

    def merge(self, loser: UUID, survivor: UUID, at: datetime, *, user_id: str | None = None) -> Any:
        """Two people are one, as profiles sees it and says in its feed; known by the survivor's user id unless one is given."""
        self.merged[loser] = survivor
        if user_id is not None:
            self.people[survivor]["user_id"] = user_id
        known_as = self.people[survivor]["user_id"] if survivor in self.people else None
        snapshot = {"id": survivor, "version": 2, "user_id": known_as, "created_at": at, "updated_at": at}
        return self.tell(
            "profiles",
            {"kind": "merge", "profile_id": loser, "survivor_id": survivor, "profile": snapshot, "at": at},
        )

    def give(self, profile_id: UUID, at: datetime, **fields: Any) -> Any:
        """Somebody's word, as profiles keeps and tells it."""
        given = consent(**fields) | {"at": at.isoformat()}
        if profile_id in self.people:
            self.people[profile_id]["consents"] = [*self.people[profile_id]["consents"], given]
        return self.tell(
            "profiles", given | {"kind": "consent", "profile_id": profile_id, "id": new_id(), "source": "form"}
        )

    def erase(self, profile_id: UUID, at: datetime, *others: UUID, addresses: Any = ()) -> None:
        """A person is forgotten."""
        self.people.pop(profile_id, None)
        self.tell(
            "profiles",
            {
                "kind": "erase",
                "profile_id": profile_id,
                "profile_ids": [profile_id, *others],
                "addresses": list(addresses),
                "receipt_id": new_id(),
                "at": at,
            },
        )


def consent(status: str = "granted", purpose: str = "marketing", channel: str = "email", at: str = "2026-01-01") -> Any:
    """One recorded consent."""
    return {"purpose": purpose, "channel": channel, "status": status, "at": f"{at}T00:00:00Z"}
