"""Static lists: who is on them is uploaded."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from services.segments.api.desk import desk_of
from services.segments.api.documents import refusals
from services.segments.api.list_bodies import BODY, read_people
from services.segments.service.lists import SHOWN, Mode, upload
from shared.plumbing.auth import Writer
from shared.plumbing.http import JsonResponse, ListedRoute

router = APIRouter(route_class=ListedRoute, tags=["lists"])
Column = Annotated[
    str | None, Query(description="Of a CSV with several columns, the one that names people; its name is the namespace")
]
_ONE_AT_A_TIME = (
    "People who are not known are counted and not made; add them first. A namespace in which nobody is known is refused. Each person changes in one step. One upload to a list at a "
    "time. One that was cut off keeps what it did; send it again."
)


class IdentifierShown(BaseModel):
    namespace: str
    value: str


class UploadShown(BaseModel):
    """In people. `kept`: of whom it was so already. `unknown`: identifiers that lead to nobody, `first_unknown` some of them."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "added": 2,
                    "removed": 0,
                    "kept": 1,
                    "unknown": 1,
                    "first_unknown": [{"namespace": "user_id", "value": "nobody"}],
                }
            ]
        }
    )

    added: int
    removed: int
    kept: int
    unknown: int
    first_unknown: list[IdentifierShown]


PATH = "/v1/segments/{key}/list"
_UPLOAD: dict[str, Any] = {
    "response_model": UploadShown,
    "responses": refusals(400, 404, 409, 413, 422),
    "openapi_extra": BODY,
    "dependencies": [Writer],
}


@router.put(
    PATH,
    summary="Replace who is on a list",
    description=f'Whoever is not named is taken off. To take everybody off, say so: `{{"user_ids": []}}`. {_ONE_AT_A_TIME}',
    **_UPLOAD,
)
async def replace(request: Request, key: str, column: Column = None) -> Response:
    return await _upload(request, key, "replace", column)


@router.post(
    PATH,
    summary="Add people to a list",
    description=_ONE_AT_A_TIME,
    **_UPLOAD,
)
async def add(request: Request, key: str, column: Column = None) -> Response:
    return await _upload(request, key, "add", column)


@router.delete(
    PATH,
    summary="Take people off a list",
    description=_ONE_AT_A_TIME,
    **_UPLOAD,
)
async def remove(request: Request, key: str, column: Column = None) -> Response:
    return await _upload(request, key, "remove", column)


async def _upload(request: Request, key: str, mode: Mode, column: str | None) -> Response:
    desk, people = desk_of(request), await read_people(request, column, replace=mode == "replace")
    done = await upload(
        desk.db,
        desk.book,
        desk.profiles,
        desk.clock,
        key=key,
        mode=mode,
        identifiers=people,
        committed=desk.wake.hint,
    )
    counts = {"added": done.added, "removed": done.removed, "kept": done.kept, "unknown": len(done.unknown)}
    return JsonResponse({**counts, "first_unknown": done.unknown[:SHOWN]})
