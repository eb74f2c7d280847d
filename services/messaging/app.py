"""Wiring: settings, clients, loops, routes."""

import asyncio
from datetime import timedelta
from pathlib import Path

import httpx
from fastapi import FastAPI

from services.messaging.api import ROUTERS
from services.messaging.api.rehearsals import MOST_AT_ONCE
from services.messaging.clients.carriers import Carrier, carriers_of, seconds_of
from services.messaging.clients.neighbours import Events, Profiles, Segments, load_api_keys
from services.messaging.clients.sources import sources_of
from services.messaging.config import Settings
from services.messaging.domain.links import Linker
from services.messaging.domain.local_time import zone_names
from services.messaging.domain.template import SENDER
from services.messaging.domain.tracking import Tracker
from services.messaging.domain.turnstile import Turnstile
from services.messaging.service.broadcasting import Broadcaster
from services.messaging.service.forgetting import Forgetter
from services.messaging.service.judging import Speech
from services.messaging.service.mover import Mover
from services.messaging.service.providers import Providers
from services.messaging.service.recording import Recorder
from services.messaging.service.sender import Sender
from services.messaging.service.take_in import TakeIn
from services.messaging.worker import Sending
from shared.plumbing.app import Frame, build_app
from shared.plumbing.auth import LoadKeys, derive
from shared.plumbing.clock import Clock, ShiftedClock, SystemClock
from shared.plumbing.db import Database, OpenDatabase
from shared.plumbing.feed import FeedServer
from shared.plumbing.http import Neighbour
from shared.plumbing.internal import feed_routes
from shared.plumbing.known_keys import KnownKeys
from shared.plumbing.lanes import LANES
from shared.plumbing.leases import Leases
from shared.plumbing.reader import Apply, FeedReader
from shared.schemas.feed import FeedRequest

DESCRIPTION = """What is said: templates, campaigns, decisions, deliveries, suppressions, outcomes.

For every trigger of a campaign there is exactly one final decision with its reason and the values behind it
(`GET /v1/decisions`), and at most one message, through crashes, retries and duplicates."""


def create_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    open_database: OpenDatabase = Database.open,
) -> FastAPI:
    """The messaging service. `transport` reaches the other services in tests; None is the network.

    Raises ValueError where the settings cannot be meant.
    """
    speech = speech_of(settings)
    ticking = clock or (ShiftedClock(settings.clock_offset) if settings.clock_offset else SystemClock())

    carriers = carriers_of(settings, ticking.now)  # also where only HTTP is served: test messages go out from there
    seconds, sources = seconds_of(settings), sources_of(settings, transport)

    async def start(app: FastAPI, frame: Frame) -> LoadKeys:
        app.state.turnstile, app.state.rehearsals = Turnstile(), asyncio.Semaphore(MOST_AT_ONCE)
        app.state.speech, app.state.carriers, app.state.twilio = speech, carriers, twilio_of(settings)
        app.state.sources, app.state.tracker, app.state.seconds = sources, tracker_of(settings), seconds
        frame.on_stop.push_async_callback(sources.sns.close)
        return await _start(app, frame, settings, transport)

    return build_app(
        service="messaging",
        title="Regulars: messaging",
        description=DESCRIPTION,
        settings=settings,
        database_url=settings.database_url,
        open_database=open_database,
        clock=ticking,
        migrations=Path(__file__).parent / "migrations",
        start=start,
        routers=ROUTERS,
        routes=feed_routes(FeedRequest.read),
    )


async def _start(
    app: FastAPI, frame: Frame, settings: Settings, transport: httpx.AsyncBaseTransport | None
) -> LoadKeys:
    token = derive(settings.secret, "internal")

    def neighbour(url: str) -> Neighbour:
        made = Neighbour(url, token=token, transport=transport)
        frame.on_stop.push_async_callback(made.close)
        return made

    events, profiles, segments = map(neighbour, (settings.events_url, settings.profiles_url, settings.segments_url))
    frame.feed = FeedServer(frame.db, frame.wake, consumers=("events",))
    app.state.profiles = Profiles(profiles)
    app.state.segments = Segments(segments)
    app.state.events = Events(events)
    take_in = TakeIn(frame.clock, address_secret=app.state.speech.address_secret)
    frame.parked = {"changes": take_in.changes, "resolved": take_in.resolved}
    for carrier in (*app.state.carriers.values(), *app.state.seconds.values()):
        frame.on_stop.push_async_callback(carrier.close)
    if settings.role != "api":
        _start_loops(frame, settings, app, {"changes": segments, "resolved": profiles}, take_in)
    frame.tasks.start("feed", frame.feed.run)
    return KnownKeys(frame.db, lambda: load_api_keys(events)).load


def twilio_of(settings: Settings) -> tuple[str, str] | None:
    """What the addresses begin with that Twilio calls back at, and the token that it signs with."""
    if settings.twilio_account is None or settings.twilio_token is None:
        return None
    return settings.link_base, settings.twilio_token.get_secret_value()


def speech_of(settings: Settings) -> Speech:
    """How this deployment speaks. Raises ValueError for a default time zone or a sender that is none."""
    if not SENDER.fullmatch(settings.mail_from):
        raise ValueError(f"REGULARS_MAIL_FROM: {settings.mail_from!r} is no sender")
    if settings.default_timezone not in zone_names():
        raise ValueError(f"REGULARS_DEFAULT_TIMEZONE: {settings.default_timezone!r} is no IANA time zone")
    return Speech(
        linker=Linker(derive(settings.secret, "links"), settings.link_base),
        address_secret=derive(settings.secret, "addresses"),
        sender=settings.mail_from,
        default_zone=settings.default_timezone,
        tracker=tracker_of(settings) if settings.tracking else None,
    )


def tracker_of(settings: Settings) -> Tracker:
    """Also where nothing is tracked any more: links of earlier messages still lead on."""
    return Tracker(derive(settings.secret, "tracking"), settings.link_base)


def _start_loops(frame: Frame, settings: Settings, app: FastAPI, feeds: dict[str, Neighbour], take_in: TakeIn) -> None:
    applies: dict[str, Apply] = {"changes": take_in.changes, "resolved": take_in.resolved}
    pace = {"changes": 0.02, "resolved": 0.5}  # of all that happens little starts a message
    linger = {"changes": 0.0, "resolved": 0.05}
    for work, neighbour in feeds.items():
        reader = FeedReader(
            frame.db,
            feed=work,
            consumer="messaging",
            pull=neighbour.pull,
            leases=_lease(frame, settings, work),
            apply=applies[work],
            committed=frame.wake.hint,
            clock=frame.clock,
            pace=pace[work],
            linger=linger[work],
        )
        frame.tasks.start(f"read-{work}", reader.run)
    sending = _sending(frame, settings, app)
    frame.tasks.start("send", sending.run)
    frame.tasks.start("sweep", sending.sweep)
    frame.tasks.start("tell", sending.tell)
    frame.tasks.start("broadcast", sending.broadcast)
    frame.tasks.start("move", sending.move)
    frame.tasks.start("forget", sending.forget)


def _sending(frame: Frame, settings: Settings, app: FastAPI) -> Sending:
    profiles: Profiles = app.state.profiles
    speech: Speech = app.state.speech
    carriers: dict[str, Carrier] = app.state.carriers
    leases = _lease(frame, settings, "sends")
    recorder = Recorder(
        frame.db,
        clock=frame.clock,
        address_secret=speech.address_secret,
        committed=frame.wake.hint,
        repeatable=[carrier.name for carrier in carriers.values() if carrier.repeatable],
    )
    providers = Providers(
        carriers, seconds=app.state.seconds, record=recorder.record, share=lambda: len(leases.held) / LANES
    )
    frame.on_stop.push_async_callback(providers.finish, 5)
    sender = Sender(
        frame.db,
        profiles=profiles,
        leases=leases,
        speech=speech,
        providers=providers,
        clock=frame.clock,
        committed=frame.wake.hint,
        batch=settings.send_batch,
    )
    return Sending(
        frame.db,
        sender,
        recorder,
        Broadcaster(frame.db, app.state.segments, leases=leases, clock=frame.clock),
        Forgetter(frame.db, leases=leases, clock=frame.clock, kept=timedelta(days=settings.messages_kept_days)),
        Mover(
            frame.db,
            profiles=profiles,
            segments=app.state.segments,
            leases=leases,
            clock=frame.clock,
            default_zone=speech.default_zone,
        ),
        profiles=profiles,
        leases=leases,
        wake=frame.wake,
        freed=providers.freed,
        clock=frame.clock,
    )


def _lease(frame: Frame, settings: Settings, work: str) -> Leases:
    leases = Leases(frame.db, work=work, owner=settings.worker_name, clock=frame.clock, ttl=settings.lease_ttl)
    frame.tasks.start(f"lease-{work}", leases.run)
    frame.on_stop.push_async_callback(leases.release)
    return leases
