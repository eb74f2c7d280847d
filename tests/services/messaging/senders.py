"""A sender by hand, to take its steps one by one."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from services.messaging.app import speech_of
from services.messaging.clients.neighbours import Profiles
from services.messaging.config import Settings
from services.messaging.service.providers import Provider, Providers
from services.messaging.service.recording import Recorder
from services.messaging.service.sender import Sender
from services.messaging.service.take_in import TakeIn
from shared.plumbing.db import Database
from shared.plumbing.http import Neighbour
from shared.plumbing.leases import Leases
from shared.plumbing.reader import Apply, FeedReader
from tests.services.messaging.conftest import Messaging
from tests.support.kept import open_kept

FEEDS = {"changes": "segments", "resolved": "profiles"}
"""Whose feed is read by which work."""


@dataclass
class Standing:
    """A sender and what it stands on. `take_in()` reads all feeds once."""

    db: Database
    sender: Sender
    leases: Leases
    providers: Providers
    recorder: Recorder
    readers: list[FeedReader]

    async def take_in(self) -> None:
        for reader in self.readers:
            while await reader.step():
                pass


@asynccontextmanager
async def make_sender(
    messaging: Messaging,
    owner: str,
    *,
    carriers: dict[str, Provider] | None = None,
    elapsed: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Standing]:
    """A sender of this name on the database of a service that is stopped."""
    async with AsyncExitStack() as stack:
        db = await open_kept(messaging.url, schema="messaging", size=6)
        stack.push_async_callback(db.close)
        speech = speech_of(Settings(**messaging.settings))
        near = {name: Neighbour(f"http://{name}", token="x", transport=messaging.near) for name in FEEDS.values()}
        leases = {work: Leases(db, work=work, owner=owner, clock=messaging.clock) for work in (*FEEDS, "sends")}
        for one in near.values():
            stack.push_async_callback(one.close)
        for lease in leases.values():
            stack.push_async_callback(lease.release)
        secret = speech.address_secret
        recorder = Recorder(
            db,
            clock=messaging.clock,
            address_secret=secret,
            committed=nothing,
            repeatable=[one.name for one in (carriers or {}).values() if one.repeatable],
        )
        providers = Providers(carriers or {}, record=recorder.record)
        sender = Sender(
            db,
            profiles=Profiles(near["profiles"]),
            leases=leases["sends"],
            speech=speech,
            providers=providers,
            clock=messaging.clock,
            committed=nothing,
            batch=40,
            elapsed=elapsed,
        )
        readers = [await _reader(db, messaging, leases[work], near[name], secret) for work, name in FEEDS.items()]
        yield Standing(db, sender, leases["sends"], providers, recorder, readers)


async def _reader(db: Database, messaging: Messaging, leases: Leases, near: Neighbour, secret: str) -> FeedReader:
    """A reader of the feed that these leases are for, with its lanes."""
    await leases.renew()
    take_in = TakeIn(messaging.clock, address_secret=secret)
    applies: dict[str, Apply] = {"changes": take_in.changes, "resolved": take_in.resolved}
    return FeedReader(
        db,
        feed=leases.work,
        consumer="messaging",
        pull=near.pull,
        leases=leases,
        apply=applies[leases.work],
        committed=nothing,
        clock=messaging.clock,
    )


def nothing() -> None:
    """Nobody waits."""
