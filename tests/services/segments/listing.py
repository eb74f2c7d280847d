"""A list, and people whom profiles knows by name."""

from typing import Any

from tests.services.segments.standing import Standing
from tests.services.segments.told import changed, person

PATH = "/v1/segments/guests/list"


async def make_list(segments: Standing) -> Any:
    return await segments.call("POST", "/v1/segments", {"key": "guests", "list": True}, status=201)


async def know(segments: Standing, *names: str) -> None:
    """Also those who were merged away are asked for by the id that they had."""
    for name in names:
        segments.others.people["user_id", name] = [person(name)]
    await segments.take(*(changed(name) for name in names))
