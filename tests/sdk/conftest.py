"""The events service as a process, and what the SDKs need to run; what lacks is said once and skipped."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import services.events
from shared.plumbing import json
from shared.plumbing.migrate import upgrade
from tests.sdk.running import RunningEvents, Source
from tests.sdk.story import STORY
from tests.support.postgres import MakeDatabase

FOLDER = Path(__file__).parent
MIGRATIONS = Path(services.events.__file__).parent / "migrations"
ENDS_WITHIN = 60  # seconds
StartNode = Callable[..., AbstractAsyncContextManager[Process]]
RunNode = Callable[..., Coroutine[Any, Any, None]]


async def migrate(url: str) -> None:
    await asyncio.to_thread(upgrade, service="events", url=url, directory=MIGRATIONS)


@pytest.fixture(scope="session")
async def events(make_database: MakeDatabase, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningEvents]:
    """One for all tests of a worker; each has a source of its own."""
    async with RunningEvents(await make_database(migrate), tmp_path_factory.mktemp("events")) as running:
        yield running


@pytest.fixture
async def own_events(make_database: MakeDatabase, tmp_path: Path) -> AsyncIterator[RunningEvents]:
    """One that the test may stop and start."""
    async with RunningEvents(await make_database(migrate), tmp_path) as running:
        yield running


@pytest.fixture
async def source(events: RunningEvents) -> Source:
    return await events.new_source()


@pytest.fixture(scope="session")
def node() -> str:
    """The program; skips where it or the packages are not installed."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("no node: apt-get install nodejs npm, then npm ci --prefix tests/sdk")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < 20:
        pytest.skip(f"node is {version}, the SDKs need 20 or newer: install one, then npm ci --prefix tests/sdk")
    if not (FOLDER / "node_modules" / ".package-lock.json").exists():
        pytest.skip("no tests/sdk/node_modules: npm ci --prefix tests/sdk")
    return found


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("no chromium: apt-get install chromium")
    return found


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose name leaves room for a browser's socket: the path of one has 107 characters at most."""
    with tempfile.TemporaryDirectory(prefix="sdk-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def start_node(node: str, short_path: Path) -> StartNode:
    """`async with start_node("segment.mjs", host=…, key=…) as process`: a script of tests/sdk/node, until it has ended well."""

    @asynccontextmanager
    async def start(script: str, **given: Any) -> AsyncIterator[Process]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(short_path), "TMPDIR": str(short_path)}
        environment["SDK_INPUT"] = json.dumps({"story": STORY, **given}).decode()
        process = await asyncio.create_subprocess_exec(
            *(node, str(FOLDER / "node" / script)),
            cwd=FOLDER, env=environment, stdin=PIPE, stdout=PIPE, stderr=STDOUT,
        )  # fmt: skip
        try:
            yield process
            async with asyncio.timeout(ENDS_WITHIN):
                said, _ = await process.communicate()
            assert process.returncode == 0, said.decode(errors="replace")
        finally:
            if process.returncode is None:
                process.terminate()  # a browser that it has started ends with it
                with suppress(TimeoutError):
                    await asyncio.wait_for(process.communicate(), 10)

    return start


@pytest.fixture
def run_node(start_node: StartNode) -> RunNode:
    """`await run_node("segment.mjs", host=…, key=…)`: runs a script to its end."""

    async def run(script: str, **given: Any) -> None:
        async with start_node(script, **given):
            pass

    return run
