"""Pools that outlive a service, for databases that one test after the other is given.

The next test finds connections open and statements prepared: to open them and prepare those anew takes longer than most
tests take for all else.
"""

import asyncio
from collections import deque

import asyncpg

from shared.plumbing.db import Database

MOST_IDLE = 24
"""Connections of a worker: a server of one's own may have room for a hundred."""

_shared: set[str] = set()
_free: deque["Kept"] = deque()


class Kept(Database):
    """To close it gives its pool back, when nobody uses that any more. Who uses the database afterwards fails, as of any other."""

    async def close(self) -> None:
        closed = await asyncpg.create_pool(min_size=0, max_size=1)
        await closed.close()
        if self.url in _shared and not self.pool.is_closing() and await self._falls_idle():
            _free.append(Kept(self.pool, self.url, self.schema))
            self.pool = closed
            while sum(kept.pool.get_size() for kept in _free) > MOST_IDLE:
                await Database.close(_free.popleft())
        else:
            await super().close()

    async def _falls_idle(self, *, seconds: float = 5) -> bool:
        """A statement that was cancelled gives back its connection a little later."""
        for _ in range(int(seconds / 0.01)):
            if self.pool.get_idle_size() == self.pool.get_size():
                return True
            await asyncio.sleep(0.01)
        return False


async def open_kept(url: str, *, schema: str, size: int) -> Database:
    """A pool that nobody else uses meanwhile."""
    for kept in reversed(_free):
        if (kept.url, kept.schema, kept.pool.get_max_size()) == (url, schema, size):
            _free.remove(kept)
            return kept
    return await (Kept if url in _shared else Database).open(url, schema=schema, size=size)


def keep(url: str) -> None:
    """Keep the pools of this database from now on."""
    _shared.add(url)


async def forget(url: str) -> None:
    """Close them."""
    _shared.discard(url)
    for kept in [one for one in _free if one.url == url]:
        _free.remove(kept)
        await Database.close(kept)
