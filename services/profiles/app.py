"""The profiles service, put together. The only reader of its settings."""

from functools import partial
from pathlib import Path

import httpx
from fastapi import FastAPI

from services.profiles import api
from services.profiles.api.desk import Desk
from services.profiles.clients import Elsewhere, Events, Segments
from services.profiles.config import Settings
from services.profiles.domain.names import Limit, Rules
from services.profiles.service.book import Book
from services.profiles.worker import CONSUMERS, start_worker
from shared.plumbing.app import Frame, build_app
from shared.plumbing.auth import LoadKeys, derive
from shared.plumbing.clock import Clock, ShiftedClock
from shared.plumbing.db import Database, OpenDatabase
from shared.plumbing.feed import FeedServer
from shared.plumbing.http import Neighbour
from shared.plumbing.internal import feed_routes
from shared.plumbing.known_keys import KnownKeys
from shared.schemas.feed import FeedRequest

FEED_EVERY = 1.0
"""Seconds between two looks at how far the readers of the feed are."""
MIGRATIONS = Path(__file__).parent / "migrations"


def make_book(settings: Settings, frame: Frame) -> Book:
    """How people are kept in this deployment."""
    rules = Rules(
        blocked=frozenset(value.lower() for value in settings.blocked_identifiers),
        max_values=settings.max_identifiers,
        limits={space: Limit(one.values, one.within) for space, one in settings.identifier_limits.items()},
        merge_on=settings.merge_on,
        phone_region=settings.phone_region,
    )
    return Book(frame.db, frame.wake, frame.clock, rules, derive(settings.secret, "erasure"))


def create_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    open_database: OpenDatabase = Database.open,
) -> FastAPI:
    """The application. `transport` carries requests to the other services (tests); None: the network."""
    clock = clock or ShiftedClock(settings.clock_offset)

    async def start(app: FastAPI, frame: Frame) -> LoadKeys:
        token = derive(settings.secret, "internal")
        to_events = Neighbour(settings.events_url, token=token, transport=transport)
        to_segments = Neighbour(settings.segments_url, token=token, transport=transport)
        to_messaging = Neighbour(settings.messaging_url, token=token, transport=transport)
        for neighbour in (to_events, to_segments, to_messaging):
            frame.on_stop.push_async_callback(neighbour.close)
        elsewhere = partial(Elsewhere, to_events, to_segments, to_messaging)
        events = Events(to_events)
        book = make_book(settings, frame)
        desk = app.state.desk = Desk(book, events, Segments(to_segments), elsewhere, settings.profiles_max_body)
        # A replay begins when the readers of the feed have got to where it was asked for.
        feed = frame.feed = FeedServer(frame.db, frame.wake, consumers=CONSUMERS, advanced=desk.replay_due.set)
        if settings.role != "worker":
            frame.tasks.start("feed", lambda: feed.run(every=FEED_EVERY))
        if settings.role != "api":
            start_worker(
                frame,
                book,
                events,
                batch=settings.profiles_batch,
                erasure_every=float(settings.erasure_every),
                replay_due=desk.replay_due,
            )
        return KnownKeys(frame.db, events.load_keys).load

    return build_app(
        service="profiles",
        title="Regulars: profiles",
        description="Who a customer is: identifiers, traits, life events, consent, preferences, devices.",
        settings=settings,
        database_url=settings.database_url,
        open_database=open_database,
        clock=clock,
        migrations=MIGRATIONS,
        start=start,
        routers=api.routers,
        routes=feed_routes(FeedRequest.read),
    )
