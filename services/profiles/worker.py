"""What runs beside the API: the raw log is read, consumers' progress is kept, erasures are completed."""

from services.profiles.clients import Events
from services.profiles.service.book import Book
from services.profiles.service.resolve import WORK, applies
from shared.plumbing.app import Frame
from shared.plumbing.leases import Leases
from shared.plumbing.reader import FeedReader

CONSUMER = "profiles"


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
    )


def start_worker(frame: Frame, book: Book, events: Events, *, batch: int) -> None:
    """Lease lanes of the raw log and read them until the service stops."""
    settings = frame.settings
    leases = Leases(frame.db, work=WORK, owner=settings.worker_name, clock=frame.clock, ttl=settings.lease_ttl)
    reader = make_reader(frame, book, events, leases, batch=batch)
    frame.tasks.start("leases", leases.run)
    frame.tasks.start("raw", reader.run)
    frame.on_stop.push_async_callback(leases.release)
