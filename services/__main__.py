"""`python -m services <service> [--role all|api|worker]` and `python -m services migrate <service|all>`."""

import importlib
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import uvicorn

SERVICES = ("events", "profiles", "segments", "messaging")
cli = typer.Typer(help=__doc__, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


def _serve(service: str, role: str) -> None:
    os.environ["REGULARS_ROLE"] = role
    module: Any = importlib.import_module(f"services.{service}.app")
    settings = module.load_settings()
    uvicorn.run(
        module.create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=10,
        timeout_keep_alive=75,
        backlog=1024,
    )


def _add(service: str) -> None:
    @cli.command(service, help=f"Run the {service} service (API, worker, or both in one process).")
    def run(role: Annotated[str, typer.Option(help="all, api or worker")] = "all") -> None:
        _serve(service, role)


for _name in SERVICES:
    _add(_name)


@cli.command(help="Bring the database of one service, or of all, to the newest migration.")
def migrate(service: Annotated[str, typer.Argument(help="a service's name, or all")] = "all") -> None:
    from shared.plumbing.migrate import upgrade

    for name in SERVICES if service == "all" else (service,):
        url = os.environ.get(f"REGULARS_{name.upper()}_DATABASE_URL") or os.environ.get("REGULARS_DATABASE_URL")
        if not url:
            sys.exit("Set REGULARS_DATABASE_URL to a PostgreSQL (15 or newer), or use `make run`.")
        upgrade(service=name, url=url, directory=Path(__file__).parent / name / "migrations")


if __name__ == "__main__":
    cli()
