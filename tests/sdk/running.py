"""One real events service: a process of its own on a port that the system chose."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx

from shared.plumbing.ids import new_id
from tests.support.calls import Calls
from tests.support.ports import free_ports
from tests.support.world import API_KEY, SECRET, WRITE_KEY

CHECKOUT = Path(__file__).resolve().parents[2]
ANALYTICS_JS = Path(__file__).parent / "node_modules/@segment/analytics-next/dist/umd/standalone.js"


class Source(NamedTuple):
    """Where one SDK sends: nobody else sends as this source."""

    name: str
    write_key: str


class RunningEvents(Calls):
    """`async with RunningEvents(url, folder) as events`: ready when entered, ended by its pid when left."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.database_url = database_url
        self.output = folder / f"events-{new_id()}.out"
        self.write_key = WRITE_KEY
        self.http = httpx.AsyncClient(headers={"Authorization": f"Bearer {API_KEY}"}, timeout=60)
        self.process: asyncio.subprocess.Process | None = None
        self._use_port(*free_ports(1))

    def _use_port(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.urls = {"events": self.url}

    async def __aenter__(self) -> Self:
        for _ in range(5):
            if await self.start():
                return self
            self._use_port(*free_ports(1))  # somebody was quicker to take it
        raise AssertionError(self.output.read_text()[-3000:])

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()
        await self.end(signal.SIGTERM)

    async def start(self, **settings: str) -> bool:
        """Start it; whether it came up."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("REGULARS_")}
        environment |= {
            "REGULARS_EVENTS_PORT": str(self.port),
            "REGULARS_EVENTS_DATABASE_URL": self.database_url,
            "REGULARS_SECRET": SECRET,
            "REGULARS_BOOTSTRAP_WRITE_KEY": WRITE_KEY,
            "REGULARS_BOOTSTRAP_API_KEY": API_KEY,
            "REGULARS_ANALYTICS_JS": str(ANALYTICS_JS),
            "REGULARS_POOL_SIZE": "4",
            **settings,
        }
        with self.output.open("ab") as out:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "services", "events", "--role", "api"),
                cwd=CHECKOUT, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip
        for _ in range(600):
            if self.process.returncode is not None:
                return False
            with suppress(httpx.TransportError):
                if (await self.http.get(self.url + "/readyz")).is_success:
                    return True
            await asyncio.sleep(0.1)
        return False

    async def end(self, by: signal.Signals) -> None:
        """End it by this signal, and wait until it has gone."""
        assert self.process is not None
        with suppress(ProcessLookupError):
            self.process.send_signal(by)
        try:
            await asyncio.wait_for(self.process.wait(), 30)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            raise

    async def new_source(self) -> Source:
        """A source that nobody else uses."""
        name = f"sdk-{new_id()}"
        made = await self.call("POST", "events", "/v1/sources", {"name": name}, status=201)
        return Source(name, made["write_key"])

    async def stored(self, source: Source, count: int, *, seconds: float = 30) -> list[dict[str, Any]]:
        """What is stored of the source, oldest first: waits for `count` of them; nothing of it may be rejected."""
        for _ in range(int(seconds / 0.05)):
            found = await self.items("events", f"/v1/events?source={source.name}")
            if len(found) >= count:
                break
            await asyncio.sleep(0.05)
        rejected = await self.items("events", f"/v1/rejected?source={source.name}")
        assert not rejected, rejected
        assert len(found) == count, [(item["type"], item["name"], item["message_id"]) for item in found]
        return sorted(found, key=lambda item: str(item["timestamp"]))
