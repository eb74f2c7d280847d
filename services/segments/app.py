"""Wiring of the segments service."""

import asyncio
from pathlib import Path

import httpx
from fastapi import FastAPI

from services.segments.api.between import internal_routes
from services.segments.api.desk import Desk
from services.segments.api.history import router as history_router
from services.segments.api.lists import router as list_router
from services.segments.api.membership import router as membership_router
from services.segments.api.reconciliations import router as reconciliation_router
from services.segments.api.segments import router as segment_router
from services.segments.api.stats import router as stats_router
from services.segments.api.templates import router as template_router
from services.segments.clients import load_roles
from services.segments.config import Settings
from services.segments.service.alarms import Alarms
from services.segments.service.following import Following
from services.segments.service.rebuilding import Rebuilder
from services.segments.service.reconciling import Reconciler
from services.segments.service.rules import RuleBook
from services.segments.service.take_in import TakeIn
from services.segments.store.changes import find_oldest_change, read_changes
from services.segments.worker import Builder, Planner, Timers
from shared.plumbing.app import Frame, build_app
from shared.plumbing.auth import LoadKeys, derive
from shared.plumbing.clock import Clock, ShiftedClock
from shared.plumbing.db import Database, OpenDatabase
from shared.plumbing.feed import FeedServer
from shared.plumbing.http import Neighbour
from shared.plumbing.internal import feed_routes, parked_routes
from shared.plumbing.known_keys import KnownKeys
from shared.plumbing.leases import Leases
from shared.plumbing.reader import FeedReader, Pull
from shared.schemas.feed import FeedRequest

FEED = "resolved"
ROUTERS = (
    template_router,
    list_router,
    segment_router,
    membership_router,
    history_router,
    stats_router,
    reconciliation_router,
    internal_routes(),
    parked_routes(lambda request: {FEED: request.app.state.take_in}),
)


def create_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    open_database: OpenDatabase = Database.open,
) -> FastAPI:
    """The segments service. `transport` joins services in memory, for tests."""
    clock = clock or ShiftedClock(settings.clock_offset)

    async def start(app: FastAPI, frame: Frame) -> LoadKeys:
        return await _start(app, frame, settings, transport)

    return build_app(
        service="segments",
        title="Regulars: segments",
        description="Who belongs where, now: segments, memberships, entries and exits.",
        settings=settings,
        database_url=settings.database_url,
        open_database=open_database,
        clock=clock,
        migrations=Path(__file__).parent / "migrations",
        start=start,
        routers=ROUTERS,
        routes=feed_routes(FeedRequest.read),
    )


async def _start(
    app: FastAPI, frame: Frame, settings: Settings, transport: httpx.AsyncBaseTransport | None
) -> LoadKeys:
    token = derive(settings.secret, "internal")
    events, profiles, messaging = (
        Neighbour(url, token=token, transport=transport)
        for url in (settings.events_url, settings.profiles_url, settings.messaging_url)
    )
    for neighbour in (events, profiles, messaging):
        frame.on_stop.push_async_callback(neighbour.close)
    book = RuleBook(frame.db, clock=frame.clock, default_zone=settings.default_timezone)
    app.state.take_in = TakeIn(book, frame.clock)
    builds_due, app.state.reconciliation_due, app.state.rebuild_due = (asyncio.Event() for _ in range(3))
    app.state.desk = Desk(
        frame.db,
        frame.clock,
        builds_due.set,
        messaging,
        profiles,
        settings.default_timezone,
        book,
        frame.wake,
        Following(frame.db, frame.wake),
    )
    frame.feed = feed = FeedServer(
        frame.db, frame.wake, consumers=("messaging",), reading=read_changes, finding=find_oldest_change
    )
    frame.tasks.start("feed", lambda: feed.run(drop=False))
    frame.tasks.start("alarms", Alarms(frame.db, frame.clock).run)
    if settings.role != "api":
        pull = profiles.pull
        dues = builds_due, app.state.reconciliation_due, app.state.rebuild_due
        _start_worker(frame, settings, book, pull=pull, apply=app.state.take_in, dues=dues)
    return KnownKeys(frame.db, lambda: load_roles(events)).load


def _start_worker(
    frame: Frame,
    settings: Settings,
    book: RuleBook,
    *,
    pull: Pull,
    apply: TakeIn,
    dues: tuple[asyncio.Event, asyncio.Event, asyncio.Event],
) -> None:
    def leases_of(work: str) -> Leases:
        leases = Leases(frame.db, work=work, owner=settings.worker_name, clock=frame.clock, ttl=settings.lease_ttl)
        frame.tasks.start(f"leases-{work}", leases.run)
        frame.on_stop.push_async_callback(leases.release)
        return leases

    db, clock, committed = frame.db, frame.clock, frame.wake.hint
    reader = FeedReader(
        db,
        feed=FEED,
        consumer="segments",
        pull=pull,
        leases=leases_of(FEED),
        apply=apply,
        committed=committed,
        clock=clock,
        batch=settings.feed_batch,
        pace=0.04,
    )
    work = leases_of("work")
    frame.tasks.start("reader", reader.run)
    frame.tasks.start("timers", Timers(db, book, work, clock, committed=committed).run)
    frame.tasks.start("plans", Planner(db, book, work, clock).run)
    builder = Builder(db, book, work, clock, due=dues[0], committed=committed, batch=settings.backfill_batch)
    frame.tasks.start("builds", builder.run)
    hour, sample = settings.reconcile_hour, settings.reconcile_sample
    reconciler = Reconciler(db, book, work, clock, hour=hour, sample=sample, due=dues[1])
    frame.tasks.start("reconciliations", reconciler.run)
    frame.tasks.start("rebuilds", Rebuilder(db, book, work, clock, due=dues[2]).run)
