"""A real deployment: `python -m deploy.local` with its own home and ports, to be killed in parts and as a whole."""

import asyncio
import os
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Self

import httpx

from deploy.local.processes import start_of
from shared.plumbing import json
from tests.support.calls import Calls
from tests.support.ports import free_ports

CHECKOUT = Path(__file__).resolve().parents[2]
SERVICES = ("profiles", "events", "segments", "messaging")


class Deployment(Calls):
    """`async with Deployment(home) as deployment`: ready when entered, ended and gone when left."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.ports = dict(zip(SERVICES, free_ports(4), strict=True))
        self.urls = {name: f"http://127.0.0.1:{port}" for name, port in self.ports.items()}
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("REGULARS_")},
            "REGULARS_HOME": str(home),
            "REGULARS_SEGMENTS_RECONCILE_HOUR": "-1",
            **{f"REGULARS_{name.upper()}_PORT": str(port) for name, port in self.ports.items()},
            **environment,
        }
        self.process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        keys = json.loads((self.home / "credentials.json").read_bytes())
        self.write_key, self.api_key = keys["write_key"], keys["api_key"]
        self.http = httpx.AsyncClient(headers={"Authorization": f"Bearer {self.api_key}"}, timeout=60)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()
        await self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    async def start(self) -> None:
        """Start it and wait until all four are ready."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home.parent / f"{self.home.name}.out").open("ab") as out:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "deploy.local",
                cwd=CHECKOUT,
                env=self.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        await self.wait_ready()

    async def wait_ready(self, *, seconds: float = 60) -> None:
        """Until all four answer that they are ready."""
        async with httpx.AsyncClient(timeout=2) as client:
            for _ in range(int(seconds / 0.1)):
                if self.process is not None and self.process.returncode is not None:
                    raise AssertionError(f"it ended with {self.process.returncode}: {self.output()}")
                if all([await _ready(client, url) for url in self.urls.values()]):
                    return
                await asyncio.sleep(0.1)
        raise AssertionError(f"not ready: {self.output()}")

    def output(self) -> str:
        """What it printed."""
        return (self.home.parent / f"{self.home.name}.out").read_text(errors="replace")[-3000:]

    def pids(self) -> dict[str, int]:
        """The processes it runs now, by name (`postgres`, `events` …)."""
        known = json.loads((self.home / "processes.json").read_bytes())
        return {one["name"]: one["pid"] for one in known if start_of(one["pid"]) is not None}

    def kill(self, name: str) -> None:
        """`kill -9` of one of its processes."""
        with suppress(KeyError, ProcessLookupError):
            os.kill(self.pids()[name], signal.SIGKILL)

    async def kill_everything(self) -> None:
        """`kill -9` of all at once, the supervisor first."""
        assert self.process is not None
        pids = self.pids()
        for pid in (self.process.pid, *pids.values()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM, and wait until it has gone; its exit code."""
        assert self.process is not None
        with suppress(ProcessLookupError):
            self.process.terminate()
        try:
            return await asyncio.wait_for(self.process.wait(), 60)
        except TimeoutError:
            await self.kill_everything()
            raise


async def _ready(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url + "/readyz")).is_success
    except httpx.HTTPError:
        return False
