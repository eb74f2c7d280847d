"""Databases for tests: one server for all workers of a run, a migrated template made once, a clone for each asker.

The server is the embedded one (without fsync), or that of `REGULARS_TEST_DATABASE_URL`. It is started by the first
worker that asks, and ends with the pytest run even if that is killed. Fixtures:

    database_url     the URL of an empty database, one for each worker
    make_database    `url = await make_database(migrate)`: a new database that `migrate(url)` was applied to; the work is
                     done once for each `migrate`, later calls clone its result
"""

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from filelock import FileLock

from deploy.local.processes import Known, end_all, start_of

Migrate = Callable[[str], Awaitable[None]]
MakeDatabase = Callable[[Migrate], Awaitable[str]]

CHECKOUT = Path(__file__).resolve().parents[2]
RUN_FOLDER = "REGULARS_TEST_RUN"  # set by the controller, inherited by its workers
EXISTING_SERVER = "REGULARS_TEST_DATABASE_URL"
START_WITHIN = 60.0  # seconds


# --- the run: made and ended by the process that starts the workers


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder that the workers of this run share."""
    if not hasattr(config, "workerinput") and RUN_FOLDER not in os.environ:
        folder = tempfile.mkdtemp(prefix="regulars-tests-")
        os.environ[RUN_FOLDER] = folder
        Path(folder, "controller").write_text(str(os.getpid()))


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the server, or drop what was made on an existing one, and remove the folder."""
    folder = Path(os.environ.get(RUN_FOLDER, "/nowhere"))
    if hasattr(config, "workerinput") or not folder.exists():
        return
    if (folder / "controller").read_text() != str(os.getpid()):
        return  # a pytest run inside a test
    del os.environ[RUN_FOLDER]
    pid_file, url_file = folder / "server.pid", folder / "existing"
    if pid_file.exists():
        pid = int(pid_file.read_text())
        end_all([Known("postgres", pid, start_of(pid) or "")], patience=30)
    if url_file.exists():
        asyncio.run(_drop_all(url_file.read_text(), _prefix(folder)))
    shutil.rmtree(folder, ignore_errors=True)


def _prefix(folder: Path) -> str:
    return f"regulars_test_{hashlib.sha256(folder.name.encode()).hexdigest()[:8]}"


async def _drop_all(server: str, prefix: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        rows = await connection.fetch("SELECT datname FROM pg_database WHERE starts_with(datname, $1)", prefix)
        for row in rows:
            await connection.execute(f'ALTER DATABASE "{row[0]}" IS_TEMPLATE false')
            await connection.execute(f'DROP DATABASE "{row[0]}" WITH (FORCE)')
    finally:
        await connection.close()


# --- the server


def _start_server(folder: Path) -> None:
    """Start the embedded server, not as our child: it serves all workers and ends with the controller."""
    served = [sys.executable, "-m", "deploy.local", "postgres", "--without-fsync"]
    watched = ["--while-pid", (folder / "controller").read_text()]
    started = subprocess.run(
        ["/bin/sh", "-c", '"$@" >"$OUT.url" 2>"$OUT.log" </dev/null & echo $!', "sh", *served, *watched],
        env={**os.environ, "REGULARS_HOME": str(folder / "home"), "OUT": str(folder / "server")},
        cwd=CHECKOUT, start_new_session=True, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    (folder / "server.pid").write_text(started.stdout.strip())


def _wait_for_url(folder: Path) -> str:
    until = time.monotonic() + START_WITHIN
    pid = int((folder / "server.pid").read_text())
    while time.monotonic() < until:
        said = (folder / "server.url").read_text()
        if said.endswith("\n"):
            return str(json.loads(said.splitlines()[-1])["url"])
        if start_of(pid) is None:
            break
        time.sleep(0.02)
    pytest.fail(f"The tests' PostgreSQL did not start: {(folder / 'server.log').read_text()}", pytrace=False)


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """The URL of the server's maintenance database, as a role that may create databases."""
    folder = Path(os.environ[RUN_FOLDER])
    existing = os.environ.get(EXISTING_SERVER)
    if existing:
        (folder / "existing").write_text(existing)
        return existing
    with FileLock(folder / "server.lock"):
        if not (folder / "server.pid").exists():
            _start_server(folder)
    return _wait_for_url(folder)


# --- the databases


def with_database(server: str, database: str) -> str:
    """The same server's URL for another database."""
    return urlunsplit(urlsplit(server)._replace(path=f"/{database}"))


@contextlib.contextmanager
def _numbered(folder: Path) -> Iterator[int]:
    with FileLock(folder / "number.lock"):
        path = folder / "number"
        number = int(path.read_text()) + 1 if path.exists() else 1
        path.write_text(str(number))
    yield number


async def _execute(server: str, statement: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _create(server: str, folder: Path, *, template: str | None = None) -> str:
    """A new database; a template is waited for while somebody is still leaving it."""
    with _numbered(folder) as number:
        name = f"{_prefix(folder)}_{number}"
    # Copying files beats writing pages to the log where nothing is flushed.
    source = f' TEMPLATE "{template}" STRATEGY FILE_COPY' if template else ""
    for attempt in range(200):
        try:
            await _execute(server, f'CREATE DATABASE "{name}"{source}')
            break
        except asyncpg.ObjectInUseError:
            if attempt == 199:
                raise
            await asyncio.sleep(0.02)
    return name


async def _template(server: str, folder: Path, migrate: Migrate) -> str:
    """The name of the database that `migrate` was applied to, made by the first worker that needs it."""
    what = f"{getattr(migrate, '__module__', '')}.{getattr(migrate, '__qualname__', repr(migrate))}"
    done = folder / f"template-{hashlib.sha256(what.encode()).hexdigest()[:16]}"
    with FileLock(f"{done}.lock"):
        if not done.exists():
            name = await _create(server, folder)
            await migrate(with_database(server, name))
            await _execute(server, f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false IS_TEMPLATE true')
            done.write_text(name)
    return done.read_text()


@pytest.fixture(scope="session")
def make_database(postgres_server: str) -> MakeDatabase:
    folder = Path(os.environ[RUN_FOLDER])
    one_at_a_time = asyncio.Lock()  # the file locks keep other workers away, not our own tasks

    async def make(migrate: Migrate) -> str:
        async with one_at_a_time:
            template = await _template(postgres_server, folder, migrate)
        return with_database(postgres_server, await _create(postgres_server, folder, template=template))

    return make


@pytest.fixture(scope="session")
async def database_url(postgres_server: str) -> str:
    return with_database(postgres_server, await _create(postgres_server, Path(os.environ[RUN_FOLDER])))
