"""What runs without being asked: the two feeds that are read, partitions made ahead, old dedup keys and rejected messages deleted."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from services.events.clients import Neighbours
from services.events.config import Settings
from services.events.service.chores import delete_old_keys, delete_old_rejected, delete_old_violations, make_partitions
from services.events.service.outcomes import Outcomes
from services.events.service.people import People
from shared.plumbing.app import Frame
from shared.plumbing.http import Neighbour
from shared.plumbing.leases import Leases
from shared.plumbing.reader import Apply, FeedReader

EVERY_HOUR = 3600


def feeds(frame: Frame) -> dict[str, Apply]:
    """What is done with each feed's messages, by the feed's name."""
    return {"outcomes": Outcomes(frame.clock).apply, "resolved": People(frame.clock).apply}


def start_worker(frame: Frame, settings: Settings, neighbours: Neighbours, applies: Mapping[str, Apply]) -> None:
    """Start its loops."""
    providers = {"outcomes": neighbours.messaging, "resolved": neighbours.profiles}
    for feed, provider in providers.items():
        _read(frame, settings, feed, provider, applies[feed])

    async def chores() -> None:
        while True:
            now = frame.clock.now()
            await make_partitions(frame.db, now=now)
            await delete_old_keys(frame.db, before=now - timedelta(days=settings.dedup_days))
            await delete_old_rejected(frame.db, before=now - timedelta(days=settings.rejected_days))
            await delete_old_violations(frame.db, before=now - timedelta(days=settings.rejected_days))
            await asyncio.sleep(EVERY_HOUR)

    frame.tasks.start("chores", chores)


def _read(frame: Frame, settings: Settings, feed: str, provider: Neighbour, apply: Apply) -> None:
    leases = Leases(frame.db, work=feed, owner=settings.worker_name, clock=frame.clock, ttl=settings.lease_ttl)
    reader = FeedReader(
        frame.db,
        feed=feed,
        consumer="events",
        pull=provider.pull,
        leases=leases,
        apply=apply,
        committed=frame.wake.hint,
        clock=frame.clock,
        pace=0.5,  # nobody waits for it
        linger=0.1,
    )
    frame.on_stop.push_async_callback(leases.release)
    frame.tasks.start(f"{feed}-leases", leases.run)
    frame.tasks.start(f"{feed}-reader", reader.run)
