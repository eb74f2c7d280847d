"""What runs beside the API: the raw log is read, and read again on request, consumers' progress is kept, erasures are completed."""

import asyncio

from services.profiles.clients import Events
from services.profiles.service.book import Book
from services.profiles.service.erasing import complete_erasures
from services.profiles.service.replaying import Replayer
from services.profiles.service.resolve import WORK, applies
from shared.plumbing.app import Frame
from shared.plumbing.errors import Unavailable
from shared.plumbing.leases import Leases
from shared.plumbing.log import get_logger
from shared.plumbing.reader import FeedReader

log = get_logger()
CONSUMER = "profiles"
CONSUMERS = ("segments", "messaging", "events")
"""Who reads the feed: a row is dropped, and an erasure complete, when all of them have passed it."""


def make_reader(frame: Frame, book: Book, events: Events, leases: Leases, *, batch: int) -> FeedReader:
    """Reads the raw log."""
    return FeedReader(
        frame.db,
        feed=WORK,
        consumer=CONSUMER,
        pull=events.pull,
        leases=leases,
        apply=applies(book)[WORK],
        committed=frame.wake.hint,
        clock=frame.clock,
        batch=batch,
        pace=0.05,
    )


def start_worker(
    frame: Frame, book: Book, events: Events, *, batch: int, erasure_every: float, replay_due: asyncio.Event
) -> None:
    """Lease lanes of the raw log and read them until the service stops."""
    settings = frame.settings
    leases = Leases(frame.db, work=WORK, owner=settings.worker_name, clock=frame.clock, ttl=settings.lease_ttl)
    reader = make_reader(frame, book, events, leases, batch=batch)
    frame.tasks.start("leases", leases.run)
    frame.tasks.start("raw", reader.run)
    replayer = Replayer(book, events, leases, consumers=CONSUMERS, due=replay_due)
    frame.tasks.start("replays", replayer.run)
    frame.tasks.start("erasures", lambda: watch_erasures(book, events, every=erasure_every))
    frame.on_stop.push_async_callback(leases.release)


async def watch_erasures(book: Book, events: Events, *, every: float) -> None:
    """Complete erasures as the other services get through with them, until cancelled."""
    while True:
        await asyncio.sleep(every)
        try:
            await complete_erasures(book, events, CONSUMERS)
        except Unavailable as error:
            log.warning("erasure_waits", kind=type(error).__name__)
