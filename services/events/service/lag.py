"""How much of what was accepted has not had its full effect yet, and since when."""

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from msgspec.structs import replace
from prometheus_client import Gauge

from services.events import clients
from services.events.domain.lag import Lanes, behind, pending, slowest_of
from shared.plumbing.clock import Clock
from shared.plumbing.db import Database
from shared.plumbing.errors import Unavailable
from shared.plumbing.feed import FeedServer, read_heads
from shared.plumbing.internal import read_progress
from shared.schemas.feed import Progress

T = TypeVar("T")
EVERY = 15.0  # seconds: as often as metrics are usually fetched
lag_events = Gauge(
    "regulars_lag_events", "What was accepted and has not had its full effect; at least, while a service is away"
)
lag_seconds = Gauge("regulars_lag_seconds", "Age of the oldest of it")
out_of_reach = Gauge("regulars_out_of_reach", "1 while events cannot ask a service, else 0", ["service"])
READS = {"outcomes": "messaging", "resolved": "profiles"}
"""By the name of the work, whose feed it reads."""


async def own_progress(db: Database) -> Progress:
    """How far this service is."""
    return Progress.of(await read_progress(db, "events", READS))


READERS = {
    "events": ("profiles",),
    "profiles": ("segments", "messaging", "events"),
    "segments": ("messaging",),
    "messaging": ("events",),
}
"""Who reads whose feed, from upstream down."""


class Lag:
    """`GET /v1/lag`, and the same as metrics."""

    def __init__(self, db: Database, feed: FeedServer, neighbours: clients.Neighbours, clock: Clock) -> None:
        self._db = db
        self._feed = feed
        self._neighbours = {name: getattr(neighbours, name) for name in READERS if name != "events"}
        self._clock = clock

    async def watch(self) -> None:
        """Show it, until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            await self.show()

    async def show(self) -> None:
        """Set the metrics."""
        try:
            found = await self.measure()
        except Unavailable as unavailable:
            found = unavailable.more
        lag_events.set(found["events"])
        lag_seconds.set(found["seconds"])
        for name in self._neighbours:
            out_of_reach.labels(name).set(name in found.get("out_of_reach", ()))

    async def measure(self) -> dict[str, Any]:
        """Who is upstream is asked first: what was there then is in what the next one has passed, or is still pending.

        The way is a circle: what messaging tells of its sends becomes events. So where that is taken in is looked at before
        all else; what is taken in during the call is still pending. So 0 means that everything accepted before the call has
        had its full effect. While a service is out of reach that can't be known: raises Unavailable, with what waits for it
        counted from where it last said it was.
        """
        outcomes = (await own_progress(self._db)).cursors["messaging"]
        heads = await read_heads(self._db)
        found = {name: await _reached(clients.read_progress(neighbour)) for name, neighbour in self._neighbours.items()}
        own = await own_progress(self._db)
        found["events"] = replace(own, heads=heads, cursors=own.cursors | {"messaging": outcomes})
        reached = {name: progress for name, progress in found.items() if progress is not None}
        cursors = {name: _cursors(name, one, reached) for name, one in reached.items()}
        count = sum(pending(one.heads, cursors[name]) + one.pending for name, one in reached.items())
        away = sorted(found.keys() - reached.keys())
        if count == 0 and not away:
            return {"events": 0, "seconds": 0}
        waiting = {name: behind(one.heads, slowest_of(one.heads, cursors[name])) for name, one in reached.items()}
        since = [await self._oldest(name, beyond) for name, beyond in waiting.items()]
        seconds = self._age([*since, *(one.oldest_pending_at for one in reached.values())])
        if away:
            raise Unavailable(
                f"Out of reach: {', '.join(away)}. What waits is counted in `events`, at least.",
                more={"events": count, "seconds": seconds, "out_of_reach": away},
            )
        return {"events": count, "seconds": seconds}

    async def _oldest(self, provider: str, cursors: dict[int, int]) -> datetime | None:
        if not cursors:
            return None
        if provider == "events":
            return await self._feed.oldest(cursors)
        return await _reached(clients.read_oldest(self._neighbours[provider], cursors))

    def _age(self, since: list[datetime | None]) -> float:
        now = self._clock.now()
        return round(max([(now - at).total_seconds() for at in since if at is not None], default=0.0), 3)


async def _reached(asking: Awaitable[T]) -> T | None:
    try:
        return await asking
    except Unavailable:
        return None


def _cursors(provider: str, progress: Progress, reached: Mapping[str, Progress]) -> list[Lanes]:
    """How far each reader of a feed is: as it says itself, or as it said last when it pulled."""
    return [
        reached[reader].cursors.get(provider, {}) if reader in reached else progress.readers.get(reader, {})
        for reader in READERS[provider]
    ]
