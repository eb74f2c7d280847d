"""Sources with their write keys, and API keys."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, StringConstraints

from services.events.api.examples import answers
from services.events.service.keys import Keys
from services.events.store.catalogue import list_api_keys, list_sources
from shared.plumbing.auth import Admin
from shared.plumbing.http import JsonResponse, ListedRoute
from shared.plumbing.pages import Cursor, Limit, page, read_cursor

ID = "01940000-0000-7000-8000-000000000001"
AT = "2026-11-20T10:15:01Z"
SOURCE = {"id": ID, "name": "web", "kind": "web", "trust": "standard", "created_at": AT}
KEY = {"id": ID, "name": "reports", "role": "read", "created_at": AT}
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")
]


class NewSource(BaseModel):
    """A source of messages: a web shop, an app, tills."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "web", "kind": "web", "trust": "standard"}]}
    )

    name: Name
    kind: Literal["web", "ios", "android", "server", "pos", "survey", "social", "import", "other"] = "other"
    trust: Literal["low", "standard", "high"] = "standard"


class NewKey(BaseModel):
    """An API key to be made."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "reports", "role": "read"}]})

    name: Name
    role: Literal["admin", "write", "read"] = "read"


def _keys(request: Request) -> Keys:
    keys: Keys = request.app.state.key_list
    return keys


def keys_routes() -> APIRouter:
    """All need the role admin."""
    router = APIRouter(route_class=ListedRoute, dependencies=[Admin])
    _source_routes(router)
    _api_key_routes(router)
    return router


def _source_routes(router: APIRouter) -> None:
    @router.post(
        "/v1/sources",
        status_code=201,
        tags=["sources"],
        summary="Add a source, with its first write key",
        responses={201: answers(SOURCE | {"write_key": "c…"})[200], 409: {"description": "There is one of this name"}},
    )
    async def add_source(request: Request, body: NewSource) -> Response:
        source = await _keys(request).add_source(name=body.name, kind=body.kind, trust=body.trust)
        return JsonResponse(source, 201)

    @router.get(
        "/v1/sources",
        tags=["sources"],
        summary="Sources with their write keys",
        responses=answers({"items": [SOURCE | {"revoked_at": None, "write_keys": ["c…"]}], "next": None}),
    )
    async def sources(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
        rows = await list_sources(request.app.state.frame.db, after=read_cursor(cursor, UUID), limit=limit + 1)
        return JsonResponse(page(rows, limit=limit, item=dict, cursor=lambda row: row["id"]))

    @router.delete("/v1/sources/{source_id}", status_code=204, tags=["sources"], summary="Revoke a source")
    async def revoke_source(request: Request, source_id: UUID) -> Response:
        await _keys(request).revoke_source(source_id)
        return Response(status_code=204)

    @router.post(
        "/v1/sources/{source_id}/write-keys",
        status_code=201,
        tags=["sources"],
        summary="Add a write key to a source",
        responses={201: answers({"source_id": ID, "write_key": "c…", "created_at": AT})[200]},
    )
    async def add_write_key(request: Request, source_id: UUID) -> Response:
        return JsonResponse(await _keys(request).add_write_key(source_id), 201)

    @router.delete(
        "/v1/sources/{source_id}/write-keys/{write_key}",
        status_code=204,
        tags=["sources"],
        summary="Revoke one write key of a source",
    )
    async def revoke_write_key(request: Request, source_id: UUID, write_key: str) -> Response:
        await _keys(request).revoke_write_key(source_id, write_key)
        return Response(status_code=204)


def _api_key_routes(router: APIRouter) -> None:
    @router.post(
        "/v1/keys",
        status_code=201,
        tags=["keys"],
        summary="Add an API key; it is shown this once",
        responses={201: answers(KEY | {"key": "rk_…"})[200]},
    )
    async def add_key(request: Request, body: NewKey) -> Response:
        return JsonResponse(await _keys(request).add_api_key(name=body.name, role=body.role), 201)

    @router.get(
        "/v1/keys",
        tags=["keys"],
        summary="API keys, without the keys themselves",
        responses=answers({"items": [KEY | {"revoked_at": None}], "next": None}),
    )
    async def api_keys(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
        rows = await list_api_keys(request.app.state.frame.db, after=read_cursor(cursor, UUID), limit=limit + 1)
        return JsonResponse(page(rows, limit=limit, item=dict, cursor=lambda row: row["id"]))

    @router.delete("/v1/keys/{key_id}", status_code=204, tags=["keys"], summary="Revoke an API key")
    async def revoke_key(request: Request, key_id: UUID) -> Response:
        await _keys(request).revoke_api_key(key_id)
        request.app.state.keys.expire()
        return Response(status_code=204)
