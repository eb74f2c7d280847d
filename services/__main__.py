"""`python -m services <service> [--role all|api|worker]` and `python -m services migrate <service|all>`."""

import importlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import asyncpg
import typer
import uvicorn
from pydantic import ValidationError

from shared.plumbing.garbage import collect_seldom

SERVICES = ("events", "profiles", "segments", "messaging")
BAD_SETTINGS = 78
"""Exit code of a process whose settings are wrong (EX_CONFIG of sysexits.h): starting it again helps nobody."""
IN_OUR_WORDS = {"time_delta_parsing": 'must be an ISO 8601 duration, such as "PT10S"'}
WRONG_URL = (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError)
cli = typer.Typer(help=__doc__, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


class _Server(uvicorn.Server):
    """Ends the long polls of the feed when it is asked to stop; otherwise each stop would wait for them."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        running = getattr(self.config.app.state, "frame", None)  # type: ignore[union-attr]
        if running is not None:
            running.wake.stop()


def _refuse(text: str) -> NoReturn:
    sys.stderr.write(f"{text}\n")
    sys.exit(BAD_SETTINGS)


def _setting_of(fault: Mapping[str, Any]) -> str:
    """The environment variable that a fault is about, and what is wrong with it."""
    name, *within = map(str, fault["loc"])
    variable = name if name.startswith("REGULARS_") else f"REGULARS_{name.upper()}"
    said = IN_OUR_WORDS.get(fault["type"], fault["msg"].removeprefix("Value error, "))
    return f"{'.'.join((variable, *within))}: {said}"


def _serve(service: str, role: str) -> None:
    os.environ["REGULARS_ROLE"] = role
    try:
        settings = importlib.import_module(
            f"services.{service}.config"
        ).Settings()  # first: what is wrong is said at once
        app = importlib.import_module(f"services.{service}.app").create_app(settings)
    except ValidationError as error:
        _refuse("\n".join(_setting_of(fault) for fault in error.errors()))
    except ValueError as error:
        _refuse(str(error))
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=10,
        timeout_keep_alive=75,
        backlog=1024,
    )
    collect_seldom()
    server = _Server(config)
    server.run()
    if not server.started:
        sys.exit(3)


def _add(service: str) -> None:
    @cli.command(service, help=f"Run the {service} service (API, worker, or both in one process).")
    def run(role: Annotated[str, typer.Option(help="all, api or worker")] = "all") -> None:
        _serve(service, role)


for _name in SERVICES:
    _add(_name)


def _database_url(service: str) -> str:
    url = os.environ.get(f"REGULARS_{service.upper()}_DATABASE_URL") or os.environ.get("REGULARS_DATABASE_URL")
    return url or sys.exit("Set REGULARS_DATABASE_URL to a PostgreSQL (15 or newer), or use `make run`.")


@cli.command(help="Bring the database of one service, or of all, to the newest migration.")
def migrate(service: Annotated[str, typer.Argument(help="a service's name, or all")] = "all") -> None:
    from sqlalchemy.exc import ArgumentError, DBAPIError

    from shared.plumbing.migrate import upgrade

    for name in SERVICES if service == "all" else (service,):
        try:
            upgrade(service=name, url=_database_url(name), directory=Path(__file__).parent / name / "migrations")
        except (OSError, ArgumentError) as error:
            _refuse(f"The database that REGULARS_DATABASE_URL names is out of reach: {error}")
        except DBAPIError as error:
            cause = error.orig.__cause__ if error.orig else None
            if not isinstance(cause, WRONG_URL):
                raise
            _refuse(f"The database that REGULARS_DATABASE_URL names cannot be used: {cause}")


@cli.command(help="Write a migration from the difference between models and database.")
def revision(service: str, message: str) -> None:
    from alembic import command

    from shared.plumbing.migrate import alembic_config

    directory = Path(__file__).parent / service / "migrations"
    number = max((int(path.name[:4]) for path in (directory / "versions").glob("[0-9]*_*.py")), default=0) + 1
    config = alembic_config(service=service, url=_database_url(service), directory=directory)
    command.revision(config, message, autogenerate=True, rev_id=f"{number:04d}")


@cli.command(help="Write the OpenAPI documents and the page of settings to docs/.")
def openapi() -> None:
    from services.reference import write_reference

    write_reference(SERVICES)


if __name__ == "__main__":
    cli()
