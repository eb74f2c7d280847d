"""Wiring of the events service."""

from pathlib import Path

import httpx
from fastapi import FastAPI

from services.events.api.between import internal_routes
from services.events.api.intake import Intake, Room
from services.events.api.tracking import tracking_routes
from services.events.config import Settings
from services.events.domain.records import Limits
from services.events.service.committer import Committer
from services.events.service.ingest import Ingest
from services.events.service.keys import Keys
from services.events.store.reading import LogReading
from shared.plumbing.app import Frame, build_app
from shared.plumbing.auth import LoadKeys
from shared.plumbing.clock import Clock, ShiftedClock
from shared.plumbing.feed import FeedServer
from shared.plumbing.internal import feed_route
from shared.schemas.feed import FeedRequest


def load_settings() -> Settings:
    """From the environment."""
    return Settings()


def create_app(
    settings: Settings, *, clock: Clock | None = None, transport: httpx.AsyncBaseTransport | None = None
) -> FastAPI:
    """The events service. `transport` joins services in memory, for tests."""
    clock = clock or ShiftedClock(settings.clock_offset)

    async def start(app: FastAPI, frame: Frame) -> LoadKeys:
        return await _start(app, frame, settings, transport)

    app = build_app(
        service="events",
        title="Regulars: events",
        description="What happened: accepted once, kept, handed on.",
        settings=settings,
        database_url=settings.database_url,
        clock=clock,
        migrations=Path(__file__).parent / "migrations",
        start=start,
        routers=(tracking_routes(), internal_routes(), feed_route(FeedRequest)),
    )
    app.router.redirect_slashes = False  # a redirect breaks a browser's preflight
    return app


async def _start(
    app: FastAPI, frame: Frame, settings: Settings, transport: httpx.AsyncBaseTransport | None
) -> LoadKeys:
    keys = Keys(frame.db, frame.clock, write_key=settings.bootstrap_write_key, api_key=settings.bootstrap_api_key)
    committer = Committer(frame.db, committed=frame.wake.hint)
    room = Room(
        committer,
        max_waiting=settings.max_waiting,
        disk_path=settings.disk_path,
        disk_reserve=settings.disk_reserve,
    )
    ingest = Ingest(committer, limits=Limits(settings.max_message, settings.max_depth))
    app.state.key_list = keys
    app.state.intake = Intake(keys=keys, ingest=ingest, room=room, clock=frame.clock, max_body=settings.max_body)
    frame.feed = FeedServer(frame.db, frame.wake, consumers=("profiles",), reading=LogReading())
    frame.tasks.start("commit", committer.run)
    feed = frame.feed
    frame.tasks.start("feed", lambda: feed.run(drop=False))
    return keys.load_roles
