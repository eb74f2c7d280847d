"""Which segments cannot be computed, as metrics that an alert can name them by."""

import asyncio

from prometheus_client import Gauge

from services.segments.service.catalogue import failing_since
from shared.plumbing.clock import Clock
from shared.plumbing.db import Database

EVERY = 5.0  # seconds
failing = Gauge("regulars_segment_failing", "1 while a segment, or an edit of it, cannot be computed", ["segment"])
stale = Gauge("regulars_segment_stale_seconds", "For how long it could not be; 0 for one that is well", ["segment"])


class Alarms:
    """Keeps the metrics as the catalogue is, whichever process found out."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._shown: set[str] = set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Set them; those of segments that are gone are taken away."""
        async with self._db.snapshot() as tx:
            since = await failing_since(tx)
        now = self._clock.now()
        for key in self._shown - since.keys():
            failing.remove(key)
            stale.remove(key)
        for key, at in since.items():
            failing.labels(key).set(at is not None)
            stale.labels(key).set(0 if at is None else max(0.0, (now - at).total_seconds()))
        self._shown = set(since)
