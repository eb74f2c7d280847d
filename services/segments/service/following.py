"""Waiting for changes of a segment."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from services.segments.service.catalogue import get_segment
from services.segments.service.questions import ListedChange, list_changes
from shared.plumbing.db import Database
from shared.plumbing.wake import Wake

LOOK_AGAIN, PACE = 1.0, 0.02  # seconds; a hint may be lost, and one comes with each change of any segment

Changes = tuple[list[ListedChange], bool]
Asked = tuple[UUID, tuple[int, ...], int]
"""Segment, cursor, limit."""


class Following:
    """Looks for the changes that callers wait for, once for all who wait for the same ones."""

    def __init__(self, db: Database, wake: Wake) -> None:
        self._db = db
        self._wake = wake
        self._looks: dict[Asked, tuple[asyncio.Event, asyncio.Task[Changes]]] = {}

    async def next_changes(self, key: str, after: Sequence[int], *, limit: int, wait: float) -> Changes:
        """The next changes and whether there are more; while there is none, wait up to `wait` seconds for one. Raises NotFound,
        also when the segment is deleted meanwhile."""
        loop = asyncio.get_running_loop()
        deadline, looked = loop.time() + wait, False
        segment = await get_segment(self._db, key)
        asked = segment.id, tuple(after), limit
        while True:
            hint = self._wake.next_hint()
            found = await asyncio.shield(self._look(hint, asked))
            left = deadline - loop.time()
            if found[0] or left <= 0 or self._wake.is_stopping:
                return found
            try:
                async with asyncio.timeout(min(left, LOOK_AGAIN)):
                    await hint.wait()
                await asyncio.sleep(min(PACE if looked else 0, max(0.0, deadline - loop.time())))
            except TimeoutError:
                await get_segment(self._db, key)
            looked = True

    def _look(self, hint: asyncio.Event, asked: Asked) -> "asyncio.Task[Changes]":
        """One that was begun since the last hint is good for all: nothing has come since then."""
        known = self._looks.get(asked)
        if known is not None and known[0] is hint:
            return known[1]
        segment_id, after, limit = asked
        look = asyncio.create_task(list_changes(self._db, segment_id, after, limit=limit))
        self._looks[asked] = hint, look
        look.add_done_callback(lambda _: self._forget(asked, look))
        return look

    def _forget(self, asked: Asked, look: "asyncio.Task[Changes]") -> None:
        known = self._looks.get(asked)
        if known is not None and known[1] is look:
            del self._looks[asked]
