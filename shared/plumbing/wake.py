"""Hints to look sooner: a commit wakes those who wait, in this process at once, in others by a coalesced NOTIFY.

A hint may be lost; whoever waits looks again by itself after a while (`fallback`). So nothing depends on it but speed.
"""

import asyncio
from typing import Any

import asyncpg

from shared.plumbing.db import Database, is_unavailable
from shared.plumbing.log import get_logger

log = get_logger()


class Wake:
    """One topic per service (its schema's name). `hint()` after a commit; `next_hint()` to wait for one."""

    def __init__(self, db: Database, *, across_processes: bool) -> None:
        self._db = db
        self._across = across_processes
        self._channel = f"regulars_{db.schema}"
        self._event = asyncio.Event()
        self._notify_due = asyncio.Event()
        self.is_stopping = False

    def stop(self) -> None:
        """The process is about to stop: nobody should wait any longer."""
        self.is_stopping = True
        self._wake_here()

    def hint(self) -> None:
        """Something was committed: whoever waits should look."""
        self._wake_here()
        self._notify_due.set()

    def _wake_here(self, *_: Any) -> None:
        event, self._event = self._event, asyncio.Event()
        event.set()

    def next_hint(self) -> asyncio.Event:
        """The event that the next hint sets. Take it *before* looking, so that no hint falls in between."""
        return self._event

    async def run(self) -> None:
        """Carry hints to and from the other processes of this service; in a single process there is nothing to do."""
        if not self._across:
            await asyncio.Event().wait()
        await asyncio.gather(self._listen(), self._notify())

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_until_closed()
            except Exception as error:
                if not is_unavailable(error):
                    raise
                log.warning("wake_listen_failed", kind=type(error).__name__)
                await asyncio.sleep(1)

    async def _listen_until_closed(self) -> None:
        closed = asyncio.Event()
        connection = await asyncpg.connect(self._db.url)
        try:
            connection.add_termination_listener(lambda _: closed.set())
            await connection.add_listener(self._channel, self._wake_here)
            await closed.wait()
        finally:
            connection.terminate()

    async def _notify(self) -> None:
        while True:
            await self._notify_due.wait()
            self._notify_due.clear()
            try:
                await self._db.execute("SELECT pg_notify($1, '')", self._channel)
            except Exception as error:
                if not is_unavailable(error):
                    raise
            await asyncio.sleep(0.005)
