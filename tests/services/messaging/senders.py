"""A sender by hand, to take its steps one by one."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

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
from shared.plumbing.reader import FeedReader
from tests.services.messaging.conftest import Messaging


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
    settings = Settings(**messaging.settings)
    db = await Database.open(messaging.url, schema="messaging", size=6)
    speech = speech_of(settings)
    leases = {
        work: Leases(db, work=work, owner=owner, clock=messaging.clock) for work in ("changes", "resolved", "sends")
    }
    for work in ("changes", "resolved"):
        await leases[work].renew()
    take_in = TakeIn(messaging.clock, address_secret=speech.address_secret)
    recorder = Recorder(db, clock=messaging.clock, address_secret=speech.address_secret, committed=nothing)
    providers = Providers(carriers or {}, record=recorder.record)
    neighbour = {
        name: Neighbour(f"http://{name}", token="x", transport=messaging.near) for name in ("profiles", "segments")
    }
    applies: dict[str, Any] = {"changes": take_in.changes, "resolved": take_in.resolved}
    readers = [
        FeedReader(
            db,
            feed=work,
            consumer="messaging",
            pull=neighbour[name].pull,
            leases=leases[work],
            apply=applies[work],
            committed=nothing,
            clock=messaging.clock,
        )
        for work, name in (("changes", "segments"), ("resolved", "profiles"))
    ]
    sender = Sender(
        db,
        profiles=Profiles(neighbour["profiles"]),
        leases=leases["sends"],
        speech=speech,
        providers=providers,
        clock=messaging.clock,
        committed=nothing,
        batch=40,
        elapsed=elapsed,
    )
    try:
        yield Standing(db, sender, leases["sends"], providers, recorder, readers)
    finally:
        for one in leases.values():
            await one.release()
        for near in neighbour.values():
            await near.close()
        await db.close()


def nothing() -> None:
    """Nobody waits."""
