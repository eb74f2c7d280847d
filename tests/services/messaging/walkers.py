"""Processes that take in, let people walk and send, and die as `kill -9` ends them wherever they are, again and again.

`python -m tests.services.messaging.walkers <file>`: JSON with `url`, `people`, `merged` and `story`: what profiles tells and when.
It ends when all is told and so many have died.
"""

import asyncio
import os
import random
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from itertools import cycle
from pathlib import Path
from threading import Timer
from typing import Any, cast
from uuid import UUID

from services.messaging.service.sender import Outdated
from shared.plumbing import json
from shared.plumbing.db import TRY_AGAIN, Connection, Database
from shared.plumbing.lanes import LANES
from shared.plumbing.leases import LeaseLost
from tests.services.messaging.conftest import Messaging
from tests.services.messaging.senders import Standing, make_sender
from tests.services.messaging.test_mover import mover_of

NAMES = ("one", "two")
DEATHS = 14
FATES = {"moving": 12, "taking in": 24, "moving again": 12, "sending": 12}
"""What a process dies of, in turn, and at one of how many changes then: before it, before the commit, or after it."""
CHANGE = re.compile(r"(INSERT INTO|UPDATE|DELETE FROM) (journey_runs|sends|people)")
LONGEST = 1.5
"""Seconds after which it dies at the latest, wherever it is then."""


class Deadly(Database):
    """One by whose changes the process survives so many."""

    def __init__(self, db: Database, changes: int) -> None:
        super().__init__(db.pool, db.url, db.schema)
        self._left = changes

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with super().transaction() as connection:
            watched = Watched(connection, self._survive)
            yield cast(Connection, watched)
            if watched.changed:
                self._survive()
        if watched.changed:
            self._survive()

    def _survive(self) -> None:
        self._left -= 1
        if self._left < 0:
            die()


class Watched:
    """A connection that says so before it changes something."""

    def __init__(self, connection: Connection, before: Callable[[], None]) -> None:
        self._connection, self._before, self.changed = connection, before, False

    def __getattr__(self, name: str) -> Any:
        return partial(self._call, getattr(self._connection, name))

    def _call(self, method: Callable[..., Any], query: str, *args: Any, **named: Any) -> Any:
        if CHANGE.match(query):
            self.changed = True
            self._before()
        return method(query, *args, **named)


async def live(told: dict[str, Any], name: str, fate: str, changes: int, seconds: float) -> None:
    """Until it dies."""
    messaging = Messaging(told["url"])
    messaging.near.people = {UUID(key): person for key, person in told["people"].items()}
    messaging.near.merged = {UUID(loser): UUID(survivor) for loser, survivor in told["merged"].items()}
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(make_sender(messaging, name))
        await share_lanes(one)
        Timer(seconds, die).start()
        deadly = Deadly(one.db, changes)
        mover = mover_of(one, messaging, stack, deadly if fate.startswith("moving") else one.db)
        if fate == "sending":
            one.sender._db = deadly
        for reader in one.readers:
            reader._batch = 8
            reader._db = deadly if fate == "taking in" else one.db
        steps = (mover.step, one.sender.step, *(reader.step for reader in one.readers))
        await asyncio.gather(tell(messaging, told["story"]), *(again(step) for step in steps))


async def share_lanes(one: Standing) -> None:
    """Its part of all of them, which whoever bears its name next takes over at once."""
    leases = (one.leases, *(reader._leases for reader in one.readers))
    while any(len(lease.held) != LANES // len(NAMES) for lease in leases):
        for lease in leases:
            await lease.renew()
        await asyncio.sleep(0.01)


async def tell(messaging: Messaging, story: list[Any]) -> None:
    """What has happened by now, and what happens then."""
    for at, message in story:
        wait = (datetime.fromisoformat(at) - messaging.clock.now()).total_seconds()
        if wait > 0:
            await asyncio.sleep(wait)
        messaging.near.tell("profiles", message)


async def again(step: Callable[[], Awaitable[int]]) -> None:
    while True:
        with suppress(LeaseLost, Outdated, *TRY_AGAIN):
            await step()
        await asyncio.sleep(0.01)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def born(told: dict[str, Any], name: str, fate: str, chance: random.Random) -> int:
    changes, seconds = chance.randrange(FATES[fate]), chance.uniform(0.2, LONGEST)
    process = os.fork()
    if process == 0:
        asyncio.run(live(told, name, fate, changes, seconds))
        os._exit(1)
    return process


def main(told: dict[str, Any]) -> None:
    chance, fates, deaths = random.Random(1), cycle(FATES), 0
    ends_at = datetime.fromisoformat(told["story"][-1][0])
    alive = {born(told, name, next(fates), chance): name for name in NAMES}
    while alive:
        process, status = os.wait()
        name = alive.pop(process)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            sys.exit(f"ended otherwise: {status}")
        deaths += 1
        if deaths < DEATHS or datetime.now(UTC) < ends_at:
            alive[born(told, name, next(fates), chance)] = name


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_bytes()))
