"""The deployment, as its callers see it: four addresses and two keys."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from httpx_aiohttp import AiohttpTransport

from shared.plumbing import json

PORTS = {"profiles": 8001, "events": 8002, "segments": 8003, "messaging": 8004}


class DemoError(Exception):
    """Something stands in the way; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Api:
    """Calls to the four services with exact JSON."""

    client: httpx.AsyncClient
    urls: dict[str, str]
    write_key: str

    async def call(self, method: str, service: str, path: str, body: Any = None, *, missing_ok: bool = False) -> Any:
        """The decoded answer. Raises DemoError when it is refused."""
        content = None if body is None else json.dumps(body)
        answer = await self.client.request(method, self.urls[service] + path, content=content)
        if missing_ok and answer.status_code == 404:
            return None
        if not answer.is_success:
            raise DemoError(f"{method} {path} was answered with {answer.status_code}: {answer.text[:300]}")
        return json.loads(answer.content) if answer.content else None

    async def items(self, service: str, path: str) -> list[Any]:
        """All items of a list, page after page."""
        items: list[Any] = []
        cursor = None
        while True:
            joint = "&" if "?" in path else "?"
            page = await self.call("GET", service, f"{path}{joint}limit=1000" + (f"&cursor={cursor}" if cursor else ""))
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                return items

    async def pending(self) -> int:
        """Events that have not taken full effect yet."""
        lag = await self.call("GET", "events", "/v1/lag")
        return int(lag["events"])


def service_urls() -> dict[str, str]:
    """Where the services of this machine's deployment answer."""
    return {
        name: f"http://127.0.0.1:{os.environ.get(f'REGULARS_{name.upper()}_PORT', port)}"
        for name, port in PORTS.items()
    }


@asynccontextmanager
async def connect() -> AsyncIterator[Api]:
    """A client of the running deployment, with the keys it wrote down, for as long as it is used."""
    file = Path(os.environ.get("REGULARS_HOME", ".local")) / "credentials.json"
    if not file.exists():
        raise DemoError(f"{file} is not there: start `make run` in another terminal first.")
    keys = json.loads(file.read_bytes())
    headers = {"Authorization": f"Bearer {keys['api_key']}", "Content-Type": "application/json"}
    transport = AiohttpTransport(limits=httpx.Limits(max_connections=16))  # takes half the time of the built-in one
    async with httpx.AsyncClient(headers=headers, timeout=60, transport=transport) as client:
        yield Api(client, service_urls(), keys["write_key"])


async def is_ready(api: Api) -> bool:
    """Whether all four services answer."""

    async def ready(url: str) -> bool:
        try:
            return (await api.client.get(url + "/readyz")).is_success
        except httpx.HTTPError:
            return False

    return all(await asyncio.gather(*(ready(url) for url in api.urls.values())))
