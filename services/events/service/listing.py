"""What is stored, for those who look."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from services.events.domain.dedup import dedup_key, key_lane
from services.events.store.listing import Place, list_log, list_named, list_profile, received_of_keys, source_names
from services.events.store.people import find_group, owners_of
from services.events.store.reading import read_part
from shared.plumbing.clock import Clock
from shared.plumbing.db import Database
from shared.plumbing.json import Raw
from shared.plumbing.pages import page
from shared.schemas.history import EventsPage, EventsRequest
from shared.schemas.replay import LogRequest
from shared.schemas.resolved import Event, EventResolved, LogPosition

COLUMNS = (
    "message_id", "source", "type", "name", "user_id", "anonymous_id", "previous_id", "profile_id", "timestamp",
    "original_timestamp", "sent_at", "received_at", "imported",
)  # fmt: skip

EVENT = ("name", "type", "source", "message_id", "timestamp", "received_at", "user_id", "anonymous_id")


class Listing:
    """`GET /v1/events`."""

    def __init__(self, db: Database, clock: Clock, *, dedup: timedelta) -> None:
        self._db = db
        self._clock = clock
        self._dedup = dedup

    async def page(
        self, *, profile_id: UUID | None, equal: dict[str, str], before: Place | None, limit: int
    ) -> dict[str, Any]:
        """Newest first by the time that counts. `equal`: values of columns."""
        if profile_id is not None:
            group = await find_group(self._db, profile_id)
            rows = await list_profile(self._db, group, equal=equal, before=before, limit=limit + 1)
            return _page(rows, limit, owners={(row["lane"], row["seq"]): group[0] for row in rows})
        received = await self._received(equal["message_id"]) if "message_id" in equal else None
        rows = await list_log(self._db, equal=equal, received=received, before=before, limit=limit + 1)
        if received is not None and not rows:
            rows = await self._without_key(equal, before, limit)
        return _page(rows, limit, owners=await owners_of(self._db, [(row["lane"], row["seq"]) for row in rows]))

    async def _received(self, message_id: str) -> list[datetime]:
        """When messages of this id came in: their dedup keys know, whatever source they are from."""
        keys = [dedup_key(source, message_id) for source in {*await source_names(self._db), "messaging"}]
        return await received_of_keys(self._db, [(key_lane(key), key) for key in keys])

    async def _without_key(self, equal: dict[str, str], before: Place | None, limit: int) -> list[asyncpg.Record]:
        """Messages so old that their keys are forgotten have to be looked for, in the months before that."""
        oldest = self._clock.now() - self._dedup
        return await list_log(self._db, equal=equal, received_before=oldest, before=before, limit=limit + 1)


async def read_again(db: Database, part: LogRequest) -> list[dict[str, Any]]:
    """A part of the log as `LogItem`s: with whose each message is."""
    items = await read_part(db, part)
    owners = await owners_of(db, [(item.lane, item.seq) for item in items])
    return [
        {"seq": item.seq, "owner": owners.get((item.lane, item.seq)), "message": Raw(item.message.encode())}
        for item in items
    ]


async def read_named(db: Database, part: EventsRequest) -> EventsPage:
    """A part of the events of a name, as they were resolved."""
    after = None if part.after is None else Place(*part.after)
    rows = await list_named(db, part.name, since=part.since, until=part.before, after=after, limit=part.limit)
    owners = await owners_of(db, [(row["lane"], row["seq"]) for row in rows])
    items = [_resolved(row, owner) for row in rows if (owner := owners.get((row["lane"], row["seq"]))) is not None]
    last = rows[-1] if len(rows) == part.limit else None
    return EventsPage(items=tuple(items), next=None if last is None else (last["timestamp"], last["lane"], last["seq"]))


def _resolved(row: asyncpg.Record, owner: UUID) -> EventResolved:
    event = Event(
        properties=row["payload"].get("properties", {}),
        context=row["payload"].get("context", {}),
        **{name: row[name] for name in EVENT},
    )
    log = LogPosition(lane=row["lane"], seq=row["seq"], received_at=row["received_at"])
    return EventResolved(profile_id=owner, event=event, log=log, imported=row["imported"])


def _page(rows: list[asyncpg.Record], limit: int, *, owners: Mapping[tuple[int, int], UUID]) -> dict[str, Any]:
    def item(row: asyncpg.Record) -> dict[str, Any]:
        shown = {name: row[name] for name in COLUMNS}
        payload = {name: row["payload"].get(name, {}) for name in ("properties", "traits", "context", "identifiers")}
        return shown | payload | {"profile_id": owners.get((row["lane"], row["seq"]), row["profile_id"])}

    return page(rows, limit=limit, item=item, cursor=lambda row: (row["timestamp"], row["lane"], row["seq"]))
