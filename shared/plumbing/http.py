"""HTTP in and out: exact JSON both ways, one client per neighbour, never a transaction open meanwhile."""

import ssl
from collections.abc import Callable, Coroutine, Mapping
from contextlib import aclosing
from decimal import DecimalException
from functools import cache
from typing import Any, TypeVar

import aiohttp
import httpx
from fastapi import Request, Response
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute
from httpx_aiohttp import AiohttpTransport
from pydantic import BaseModel
from starlette.types import Scope

from shared.plumbing import json
from shared.plumbing.db import forbid_open_transaction
from shared.plumbing.errors import Invalid, Malformed, TooLarge, Unavailable

FEED_WAIT = 20.0
LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=60)
T = TypeVar("T")


class JsonResponse(Response):
    """An answer in exact JSON, on a line of its own."""

    media_type = "application/json"

    def __init__(self, content: Any, status_code: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(json.dumps(content) + b"\n", status_code, headers=dict(headers or {}))


class ExactRequest(Request):
    """A request whose JSON body keeps exact decimals."""

    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            try:
                self._json = json.loads(await self.body())
            except json.JsonError as error:
                raise Malformed(f"The body is not JSON: {_first_line(error)}") from error
        return self._json


def _first_line(error: Exception) -> str:
    if isinstance(error, DecimalException):
        return "a number is too large or too long to be read"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0][:200]


class ExactRoute(APIRoute):
    """Route class of every router: bodies are read as exact JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler, takes_body = super().get_route_handler(), self.body_field is not None

        async def exact(request: Request) -> Response:
            scope = _as_json(request.scope) if takes_body else request.scope
            return await handler(ExactRequest(scope, request.receive))

        return exact


class ListedRoute(ExactRoute):
    """The same, but a parameter that is not known is refused, not overlooked: a filter with a wrong name would let
    everything through. Where any name is taken (a namespace of identifiers), the parameters' model says what it refuses."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()
        known = {one.alias for one in get_flat_params(self.dependant) if isinstance(one.field_info, Query)}
        if any(_takes_any_name(one.field_info.annotation) for one in self.dependant.query_params):
            return handler

        async def listed(request: Request) -> Response:
            unknown = [name for name in request.query_params if name not in known]
            if unknown:
                msg = f"is not known here; known: {', '.join(sorted(known)) or 'none'}"
                raise Invalid.of([{"loc": ["query", name], "msg": msg} for name in unknown])
            return await handler(request)

        return listed


def _takes_any_name(model: Any) -> bool:
    return isinstance(model, type) and issubclass(model, BaseModel) and model.model_config.get("extra") == "allow"


def _as_json(scope: Scope) -> Scope:
    """Whatever a client calls its body (curl says it is a form), it is read as JSON: nothing else is taken here."""
    headers = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
    return {**scope, "headers": [*headers, (b"content-type", b"application/json")]}


async def read_bytes(request: Request, *, limit: int) -> bytes:
    """The body as it came. Raises TooLarge as soon as there are more than so many bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise TooLarge(f"A body may have {limit:,} bytes.")
    return bytes(body)


async def read_body(request: Request, read: Callable[[bytes], T]) -> T:
    """What another service sent, in the shape that `read` reads."""
    try:
        return read(await request.body())
    except json.JsonError as error:
        raise Malformed(f"The body can't be read: {_first_line(error)}") from error


@cache
def _tls() -> ssl.SSLContext:
    """One for all: to read the machine's certificates takes a tenth of a second."""
    return httpx.create_ssl_context()


class Neighbour:
    """Another service of the deployment, over HTTP."""

    def __init__(self, base_url: str, *, token: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        # httpx's client would add cookies, redirects, proxies: nothing that is needed here, for as much time again.
        self._transport = transport or AiohttpTransport(verify=_tls(), limits=LIMITS)

    async def close(self) -> None:
        """Close its connections."""
        await self._transport.aclose()

    async def get(self, path: str, **params: Any) -> Any:
        """The decoded answer of a GET. Raises Unavailable when the service is away or answers anything but 2xx."""
        return _content(await self._send("GET", path, params=params))

    async def find(self, path: str, **params: Any) -> Any:
        """The same, or None where the service answers that there is no such thing."""
        answer = await self._send("GET", path, params=params)
        return None if answer.status_code == 404 else _content(answer)

    async def list_as(self, authorization: str, path: str, **params: Any) -> list[Any]:
        """All items of a public list, read with the right of a caller of ours. Raises Unavailable likewise."""
        items: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            page = _content(await self._send("GET", path, params=params | cursor, authorization=authorization))
            items += page["items"]
            if page["next"] is None:
                return items
            cursor = {"cursor": page["next"]}

    async def post(self, path: str, body: Any, *, timeout: float = 10) -> Any:
        """The decoded answer of a POST. Raises Unavailable likewise."""
        return _content(await self._post(path, body, timeout=timeout))

    async def _post(self, path: str, body: Any, *, timeout: float) -> httpx.Response:
        return await self._send("POST", path, content=json.dumps(body), timeout=timeout)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        params: Mapping[str, Any] | None = None,
        timeout: float = 10,
        authorization: str | None = None,
    ) -> httpx.Response:
        forbid_open_transaction()
        headers = self._headers if authorization is None else self._headers | {"Authorization": authorization}
        limits = {"timeout": {"connect": 2.0, "read": timeout, "write": timeout, "pool": timeout}}
        request = httpx.Request(
            method, self.base_url + path, params=params, headers=headers, content=content, extensions=limits
        )
        try:
            answer = await self._transport.handle_async_request(request)
            async with aclosing(answer):  # a cancelled long poll, too: its connection can't be used again
                await answer.aread()
        except (httpx.HTTPError, aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(f"{self.base_url} is out of reach ({type(error).__name__}).") from error
        answer.request = request
        return answer

    async def pull(
        self, consumer: str, cursors: Mapping[int, int], *, limit: int, wait: float = FEED_WAIT, linger: float = 0.0
    ) -> bytes:
        """The next page of its feed, as JSON (`items` of lane, seq, message)."""
        body = {
            "consumer": consumer,
            "cursors": {str(k): v for k, v in cursors.items()},
            "limit": limit,
            "wait": wait,
            "linger": linger,
        }
        return _succeeded(await self._post("/internal/feed", body, timeout=wait + 10)).content


def _content(answer: httpx.Response) -> Any:
    content = _succeeded(answer).content
    return json.loads(content) if content else None


def _succeeded(answer: httpx.Response) -> httpx.Response:
    if not answer.is_success:
        raise Unavailable(f"{answer.url.copy_with(query=None)} answered {answer.status_code}.")
    return answer
