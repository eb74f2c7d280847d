"""`python -m services <service> [--role all|api|worker]` and `python -m services migrate <service|all>`."""

import gc
import importlib
import os
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
import uvicorn

SERVICES = ("events", "profiles", "segments", "messaging")
cli = typer.Typer(help=__doc__, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


class _Server(uvicorn.Server):
    """Ends the long polls of the feed when it is asked to stop; otherwise each stop would wait for them."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        running = getattr(self.config.app.state, "frame", None)  # type: ignore[union-attr]
        if running is not None:
            running.wake.stop()


def _serve(service: str, role: str) -> None:
    os.environ["REGULARS_ROLE"] = role
    module: Any = importlib.import_module(f"services.{service}.app")
    settings = module.load_settings()
    config = uvicorn.Config(
        module.create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=10,
        timeout_keep_alive=75,
        backlog=1024,
    )
    # Batches make many short-lived values; collecting after every 700 of them costs a third of the time.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
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
    from shared.plumbing.migrate import upgrade

    for name in SERVICES if service == "all" else (service,):
        upgrade(service=name, url=_database_url(name), directory=Path(__file__).parent / name / "migrations")


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
