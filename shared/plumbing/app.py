"""The frame of every service: start and stop, health, metrics, errors, the feed, what was parked."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute

from shared.plumbing.auth import KeyRing, LoadKeys, derive
from shared.plumbing.clock import Clock
from shared.plumbing.db import Database, OpenDatabase, is_unavailable
from shared.plumbing.errors import Invalid, Problem, Unavailable
from shared.plumbing.feed import FeedServer
from shared.plumbing.http import JsonResponse
from shared.plumbing.log import configure_logging, get_logger
from shared.plumbing.settings import CommonSettings
from shared.plumbing.tasks import Tasks
from shared.plumbing.wake import Wake

log = get_logger()
MESSAGES = {"missing": "is missing", "extra_forbidden": "is not known here"}
"""The framework's, in the words of all others."""


@dataclass(slots=True)
class Frame:
    """What a running service stands on. `tasks` are its loops; `on_stop` is unwound when it ends."""

    settings: CommonSettings
    clock: Clock
    db: Database
    wake: Wake
    tasks: Tasks
    on_stop: AsyncExitStack
    feed: FeedServer | None = None
    parked: dict[str, Any] = field(default_factory=dict)


Start = Callable[[FastAPI, Frame], Awaitable[LoadKeys]]
"""Builds what the service's routes need on `app.state` and starts its loops; returns how to load the API keys."""


def build_app(
    *,
    service: str,
    title: str,
    description: str,
    settings: CommonSettings,
    database_url: str,
    open_database: OpenDatabase,
    clock: Clock,
    migrations: Path,
    start: Start,
    routers: Sequence[APIRouter],
    routes: Sequence[BaseRoute],
) -> FastAPI:
    """The service's application. Nothing is opened before its lifespan starts. `routes` are looked at before all others."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        configure_logging(service=service, level=settings.log_level)
        async with AsyncExitStack() as on_stop:
            db = await open_database(database_url, schema=service, size=settings.pool_size)
            on_stop.push_async_callback(db.close)
            tasks = Tasks()
            wake = Wake(db, across_processes=settings.role != "all")
            frame = Frame(settings, clock, db, wake, tasks, on_stop)
            app.state.frame = frame
            app.state.internal_token = derive(settings.secret, "internal")
            app.state.keys = KeyRing(await start(app, frame))
            tasks.start("wake", wake.run)
            on_stop.push_async_callback(tasks.stop)
            yield

    app = FastAPIOffline(title=title, description=description, version="1", lifespan=lifespan)
    app.router.routes[:0] = routes
    for router in (*routers, _health_routes(service, migrations)):
        app.router.routes.extend(router.routes)  # to include it would build each of them once more
    _answer_errors(app)
    return app


@cache
def _health_routes(service: str, migrations: Path) -> APIRouter:
    router = APIRouter(tags=["health"])
    head = max((path.name.split("_", 1)[0] for path in (migrations / "versions").glob("[0-9]*_*.py")), default="")

    @router.get("/healthz", summary="The process is alive")
    async def healthz() -> Response:
        return JsonResponse({"status": "alive"})

    @router.get("/readyz", summary="Its database answers and is migrated", responses={503: {"description": "Not yet"}})
    async def readyz(request: Request) -> Response:
        revision = await _revision(request.app.state.frame.db)
        if revision is None or revision < head:
            raise Unavailable(
                f"The database is at migration {revision or 'none'}, {head} is needed: run `make migrate`."
            )
        return JsonResponse({"status": "ready", "service": service})

    @router.get("/metrics", summary="Prometheus metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


async def _revision(db: Database) -> str | None:
    try:
        revision: str | None = await db.fetchval("SELECT version_num FROM alembic_version")
        return revision
    except asyncpg.UndefinedTableError:
        return None


def _problem(problem: Problem) -> Response:
    response = JsonResponse(problem.body(), problem.status, headers=problem.headers)
    response.headers["Content-Type"] = "application/problem+json"
    return response


def _in_our_words(fault: Mapping[str, Any]) -> str:
    """Without the framework's own words where there are better ones; a validator's are its ValueError's."""
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    return MESSAGES.get(fault["type"], str(fault["msg"]))


def _what_to_do(error: HTTPException) -> str:
    if error.status_code == 404:
        return "There is nothing at this path; /docs lists what there is."
    if error.status_code == 405:
        return f"This path takes {(error.headers or {}).get('Allow', 'other methods')}; /docs lists what there is."
    return str(error.detail)


def _answer_errors(app: FastAPI) -> None:
    @app.exception_handler(Problem)
    async def refused(_: Request, error: Problem) -> Response:
        return _problem(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return _problem(Invalid.of([{"loc": list(one["loc"]), "msg": _in_our_words(one)} for one in error.errors()]))

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, Problem):  # what was wrong with the body, better said than by the framework
            return _problem(error.__cause__)
        problem = Problem(_what_to_do(error), headers=error.headers)
        problem.status, problem.title = error.status_code, str(error.detail)
        problem.code = {404: "not_found", 405: "method_not_allowed", 400: "malformed"}.get(error.status_code, "http")
        return _problem(problem)

    @app.exception_handler(asyncpg.DataError)
    @app.exception_handler(asyncpg.ProgramLimitExceededError)
    @app.exception_handler(UnicodeEncodeError)
    async def unstorable(_: Request, __: Exception) -> Response:
        return _problem(
            Invalid("A value can't be stored: a null character, half a surrogate pair, or a number too large.")
        )

    @app.exception_handler(asyncpg.PostgresError)
    @app.exception_handler(asyncpg.InterfaceError)
    @app.exception_handler(OSError)
    @app.exception_handler(TimeoutError)
    async def away(request: Request, error: Exception) -> Response:
        if isinstance(error, ValueError):
            return await unstorable(request, error)
        if is_unavailable(error):
            return _problem(Unavailable("The database is out of reach; try again."))
        log.error("request_failed", exc_info=error)
        return _problem(Problem("Something went wrong here; it is in the log."))

    @app.exception_handler(Exception)
    async def broken(_: Request, __: Exception) -> Response:
        return _problem(Problem("Something went wrong here; it is in the log."))
