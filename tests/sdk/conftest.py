"""The events service as a process, and what the SDKs need to run; what lacks is said once and skipped."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
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
NODE_WITHIN = 60  # seconds
RunNode = Callable[..., Awaitable[str]]


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
def run_node(node: str, tmp_path: Path) -> RunNode:
    """`await run_node("segment.mjs", host=…, key=…)`: runs a script of tests/sdk/node to its end; what it printed."""

    async def run(script: str, **given: Any) -> str:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
        environment["SDK_INPUT"] = json.dumps({"story": STORY, **given}).decode()
        process = await asyncio.create_subprocess_exec(
            *(node, str(FOLDER / "node" / script)),
            cwd=FOLDER, env=environment,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            said, _ = await asyncio.wait_for(process.communicate(), NODE_WITHIN)
        finally:
            if process.returncode is None:
                process.terminate()  # it ends its browser, too
                await process.wait()
        assert process.returncode == 0, said.decode(errors="replace")
        return said.decode()

    return run
