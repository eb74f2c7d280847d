"""Wiring of the events service."""

from datetime import timedelta
from functools import cache
from pathlib import Path

import httpx
from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware

from services.events.api.between import internal_routes
from services.events.api.customerio import customerio_routes
from services.events.api.intake import Intake, Room
from services.events.api.keys import keys_routes
from services.events.api.listing import listing_routes
from services.events.api.posthog import posthog_routes
from services.events.api.raw_paths import RawPaths
from services.events.api.rejected import rejected_routes
from services.events.api.schemas import schema_routes
from services.events.api.sdk import sdk_routes
from services.events.api.tracking import straight_routes, tracking_routes
from services.events.clients import Neighbours
from services.events.config import Settings
from services.events.domain.records import Limits
from services.events.service.committer import Committer
from services.events.service.ingest import Ingest
from services.events.service.keys import Keys
from services.events.service.lag import Lag
from services.events.service.listing import Listing
from services.events.service.rejected import RejectedMessages
from services.events.service.schemas import EventSchemas
from services.events.store.reading import LogReading, find_oldest
from services.events.worker import feeds, start_worker
from shared.plumbing.app import Frame, build_app
from shared.plumbing.auth import LoadKeys
from shared.plumbing.clock import Clock, ShiftedClock
from shared.plumbing.db import Database, OpenDatabase
from shared.plumbing.feed import FeedServer
from shared.plumbing.internal import feed_routes, parked_routes
from shared.schemas.feed import FeedRequest


def create_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    open_database: OpenDatabase = Database.open,
) -> FastAPI:
    """The events service. `transport` joins services in memory, for tests."""

    async def start(app: FastAPI, frame: Frame) -> LoadKeys:
        return await _start(app, frame, settings, transport)

    app = build_app(
        service="events",
        title="Regulars: events",
        description="What happened: accepted once, kept, handed on.",
        settings=settings,
        database_url=settings.database_url,
        open_database=open_database,
        clock=clock or ShiftedClock(settings.clock_offset),
        migrations=Path(__file__).parent / "migrations",
        start=start,
        routers=_routers(settings.public_url, settings.analytics_js, settings.max_body),
        routes=(*straight_routes(), *feed_routes(FeedRequest.read)),
    )
    app.router.redirect_slashes = False  # a redirect breaks a browser's preflight
    app.add_middleware(RawPaths)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=["Retry-After", "X-RateLimit-Reset"],
        max_age=86_400,
    )
    return app


@cache
def _routers(public_url: str | None, analytics_js: Path | None, max_body: int) -> tuple[APIRouter, ...]:
    return (
        tracking_routes(),
        customerio_routes(),
        posthog_routes(),
        sdk_routes(public_url=public_url, analytics_js=analytics_js),
        listing_routes(),
        rejected_routes(max_body=max_body),
        parked_routes(lambda request: request.app.state.applies),
        keys_routes(),
        schema_routes(),
        internal_routes(),
    )


async def _start(
    app: FastAPI, frame: Frame, settings: Settings, transport: httpx.AsyncBaseTransport | None
) -> LoadKeys:
    neighbours = Neighbours(
        profiles_url=settings.profiles_url,
        segments_url=settings.segments_url,
        messaging_url=settings.messaging_url,
        token=app.state.internal_token,
        transport=transport,
    )
    frame.on_stop.push_async_callback(neighbours.close)
    keys = Keys(frame.db, frame.clock, write_key=settings.bootstrap_write_key, api_key=settings.bootstrap_api_key)
    feed = FeedServer(frame.db, frame.wake, consumers=("profiles",), reading=LogReading(), finding=find_oldest)
    frame.feed = feed
    schemas = EventSchemas(frame.db, frame.clock)
    app.state.key_list = keys
    app.state.schemas = schemas
    app.state.intake = _intake(frame, settings, keys, schemas)
    app.state.listing = Listing(frame.db, frame.clock, dedup=timedelta(days=settings.dedup_days))
    app.state.rejected = RejectedMessages(
        frame.db, frame.clock, schemas, limits=_limits(settings), committed=frame.wake.hint
    )
    lag = app.state.lag = Lag(frame.db, feed, neighbours, frame.clock)
    app.state.applies = feeds(frame)
    frame.tasks.start("feed", lambda: feed.run(drop=False))
    frame.tasks.start("lag", lag.watch)
    if settings.role != "api":
        start_worker(frame, settings, neighbours, app.state.applies)
    return keys.load_roles


def _limits(settings: Settings) -> Limits:
    return Limits(settings.max_message, settings.max_depth)


def _intake(frame: Frame, settings: Settings, keys: Keys, schemas: EventSchemas) -> Intake:
    committer = Committer(frame.db, committed=frame.wake.hint)
    frame.tasks.start("commit", committer.run)
    room = Room(
        committer,
        max_waiting=settings.max_waiting,
        disk_path=settings.disk_path,
        disk_reserve=settings.disk_reserve_mb * 1024 * 1024,
    )
    return Intake(
        keys=keys,
        ingest=Ingest(committer, schemas, limits=_limits(settings)),
        room=room,
        clock=frame.clock,
        max_body=settings.max_body,
    )
