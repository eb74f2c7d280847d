"""What the routes stand on, and how bodies are read: with a limit of size, and only values that can be kept."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request, Response
from starlette.types import Message

from services.profiles.clients import Elsewhere, Events, Segments
from services.profiles.domain.values import faults
from services.profiles.service.book import Book
from shared.plumbing.errors import Invalid
from shared.plumbing.http import ListedRoute, read_bytes


@dataclass(frozen=True, slots=True)
class Desk:
    """One for the application. `elsewhere`: by whose right. `replay_due`: set when a replay was asked for."""

    book: Book
    events: Events
    segments: Segments
    elsewhere: Callable[[str], Elsewhere]
    max_body: int
    replay_due: asyncio.Event = field(default_factory=asyncio.Event)


def desk_of(request: Request) -> Desk:
    """The application's."""
    desk: Desk = request.app.state.desk
    return desk


class LimitedRoute(ListedRoute):
    """Refuses a body over the limit while it comes in, before anything else looks at it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def limited(request: Request) -> Response:
            body = await read_bytes(request, limit=desk_of(request).max_body)

            async def replay() -> Message:
                return {"type": "http.request", "body": body, "more_body": False}

            return await handler(Request(request.scope, replay))

        return limited


def check_values(value: Any, *loc: str) -> None:
    """Raise Invalid for what can't be kept: numbers beyond the limits, null characters, endless nesting."""
    found = [fault for fault, _ in zip(faults(value, loc), range(20), strict=False)]
    if found:
        raise Invalid.of(found)
