"""How much of what was accepted has not had its full effect yet, and since when."""

from datetime import datetime
from typing import Any

from services.events import clients
from services.events.domain.lag import behind, pending, slowest_of
from shared.plumbing.clock import Clock
from shared.plumbing.db import Database
from shared.plumbing.feed import FeedServer, read_heads
from shared.plumbing.internal import read_progress
from shared.schemas.feed import Progress

READS = {"outcomes": "messaging", "resolved": "profiles"}
"""By the name of the work, whose feed it reads."""


async def own_progress(db: Database) -> Progress:
    """How far this service is."""
    return Progress.model_validate(await read_progress(db, "events", READS))


class Lag:
    """`GET /v1/lag`."""

    def __init__(self, db: Database, feed: FeedServer, neighbours: clients.Neighbours, clock: Clock) -> None:
        self._db = db
        self._feed = feed
        self._neighbours = neighbours
        self._clock = clock

    async def measure(self) -> dict[str, Any]:
        """Who is upstream is asked first: what was there then is in what the next one has passed, or is still pending.

        So 0 means that everything accepted before the call has had its full effect.
        """
        heads = await read_heads(self._db)
        profiles = await clients.read_progress(self._neighbours.profiles)
        segments = await clients.read_progress(self._neighbours.segments)
        messaging = await clients.read_progress(self._neighbours.messaging)
        events = await own_progress(self._db)
        raw = (profiles.cursors.get("events", {}),)
        resolved = tuple(reader.cursors.get("profiles", {}) for reader in (segments, messaging, events))
        changes = (messaging.cursors.get("segments", {}),)
        outcomes = (events.cursors.get("messaging", {}),)
        count = (
            pending(heads, raw)
            + pending(profiles.heads, resolved)
            + pending(segments.heads, changes)
            + pending(messaging.heads, outcomes)
            + sum(service.pending for service in (profiles, segments, messaging))
        )
        if count == 0:
            return {"events": 0, "seconds": 0}
        since = [service.oldest_pending_at for service in (profiles, segments, messaging)]
        since.append(await self._feed.oldest(behind(heads, slowest_of(heads, raw))))
        for neighbour, service, readers in (
            (self._neighbours.profiles, profiles, resolved),
            (self._neighbours.segments, segments, changes),
            (self._neighbours.messaging, messaging, outcomes),
        ):
            waiting = behind(service.heads, slowest_of(service.heads, readers))
            since.append(await clients.read_oldest(neighbour, waiting) if waiting else None)
        return {"events": count, "seconds": self._age(since)}

    def _age(self, since: list[datetime | None]) -> float:
        now = self._clock.now()
        return round(max([(now - at).total_seconds() for at in since if at is not None], default=0.0), 3)
