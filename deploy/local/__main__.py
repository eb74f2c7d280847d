"""`python -m deploy.local` runs everything; `exec -- COMMAND` runs a command with the database; `postgres` only serves."""

import argparse
import asyncio
import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.local import ports
from deploy.local.faults import Fault
from deploy.local.home import Home
from deploy.local.launcher import PR_SET_PDEATHSIG
from deploy.local.only_postgres import Command, serve_postgres
from deploy.local.postgres.server import Server
from deploy.local.processes import Register
from deploy.local.run import end_leftovers, run, say
from deploy.local.settings import Settings, read_settings, service_environment


def _arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    parser.add_argument("--with-parent", action="store_true", help="stop when the parent process ends (Linux)")
    commands = parser.add_subparsers(dest="command")
    execute = commands.add_parser(
        "exec",
        help="run a command with the local database up and named in its environment; pg_dump and psql are on its PATH",
    )
    execute.add_argument("words", nargs="+", metavar="COMMAND")
    postgres = commands.add_parser("postgres", help="serve only PostgreSQL, and print its address as JSON")
    postgres.add_argument("--bin", type=Path, help="the folder of the PostgreSQL programs to use")
    postgres.add_argument("--without-fsync", action="store_true", help="fast and not durable: for tests only")
    postgres.add_argument("--while-pid", type=int, help="stop when this process has ended")
    return parser.parse_args(given)


def _stop_with_parent() -> None:
    """`make` does not always hand a signal on: when it is gone, so are we."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit(1)


def _open(home: Home) -> Register:
    home.open()
    home.lock()
    register = Register(home.path / "processes.json")
    end_leftovers(register)
    return register


def _run(settings: Settings) -> int:
    home = Home(settings.home)
    register = _open(home)
    home.credentials()
    home.secret()
    ports.check_free(settings.ports_by_variable())
    server = Server(home.path) if settings.needs_postgres else None
    if server:
        server.prepare()
    return asyncio.run(run(settings, home, register, server))


def _environment(settings: Settings, home: Home, server: Server | None) -> dict[str, str]:
    return service_environment(
        os.environ,
        settings=settings,
        secret=home.secret(),
        credentials=home.credentials(),
        database_url=server.url if server else None,
    )


def _with_programs(environment: dict[str, str], server: Server) -> dict[str, str]:
    """So that plain `pg_dump` and `psql` are those of the server's version."""
    return environment | {"PATH": os.pathsep.join([str(server.programs()), environment.get("PATH", os.defpath)])}


def _execute(settings: Settings, words: Sequence[str]) -> int:
    home = Home(settings.home)
    home.open()
    server = Server(home.path) if settings.needs_postgres else None
    if server is None:
        return subprocess.run(list(words), env=_environment(settings, home, None), check=False).returncode
    if home.is_locked():  # a run is up, and so is its PostgreSQL
        environment = _with_programs(_environment(settings, home, server), server)
        return subprocess.run(list(words), env=environment, check=False).returncode
    register = _open(home)
    server.prepare()
    environment = _with_programs(_environment(settings, home, server), server)
    return asyncio.run(serve_postgres(home, register, server, meanwhile=Command(words, environment)))


def _postgres(settings: Settings, asked: argparse.Namespace) -> int:
    home = Home(settings.home)
    register = _open(home)
    server = Server(home.path, durable=not asked.without_fsync, binaries=asked.bin)
    server.prepare()

    def announce() -> None:
        say(json.dumps({"url": server.url, "version": server.version}))

    return asyncio.run(serve_postgres(home, register, server, ready=announce, while_pid=asked.while_pid))


def main(given: Sequence[str]) -> int:
    asked = _arguments(given)
    try:
        if asked.with_parent:
            _stop_with_parent()
        settings = read_settings(os.environ)
        if asked.command == "exec":
            return _execute(settings, asked.words)
        if asked.command == "postgres":
            return _postgres(settings, asked)
        return _run(settings)
    except Fault as fault:
        sys.stderr.write(f"{fault}\n")
        return 1
    except OSError as error:  # most likely a full disk under the state directory
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
