"""The tracking plan: schemas of events, and what was found to break them."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.events.api.examples import answers
from services.events.api.keys import AT, Name
from services.events.service.schemas import EventSchemas
from services.events.store.schemas import list_schemas
from services.events.store.violations import list_violations
from shared.plumbing.auth import Admin, Reader
from shared.plumbing.http import JsonResponse, ListedRoute
from shared.plumbing.instants import Instant
from shared.plumbing.pages import Cursor, Limit, page, read_cursor

SCHEMA: dict[str, Any] = {
    "schema": {
        "type": "object",
        "required": ["order_id", "total"],
        "properties": {
            "order_id": {"type": "string"},
            "total": {"type": "number", "minimum": 0},
            "currency": {"enum": ["EUR", "USD"]},
        },
    },
    "on_violation": "report",
    "sources": None,
}
SAVED: dict[str, Any] = {"name": "Order Completed", **SCHEMA, "created_at": AT, "updated_at": AT}
VIOLATION = {
    "event": "Order Completed", "source": "web", "path": "total", "rule": "type", "message": "must be number", "count": 12,
    "first_seen": AT, "last_seen": AT, "example_message_id": "order-1001",
}  # fmt: skip
EventName = Annotated[
    str,
    Path(
        min_length=1,
        max_length=512,
        pattern=r"^[^\x00]*[^\s\x00][^\x00]*$",
        description="As in the event, to the letter",
    ),
]
Text = Annotated[str | None, Query(min_length=1, max_length=512, pattern=r"^[^\x00]+$")]


class NewEventSchema(BaseModel):
    """What an event's properties must be.

    `schema` is JSON Schema 2020-12, in one document (`$ref` leads to its own `$defs`). `sources`: the names of those that it
    holds for; all, if there is none.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [SCHEMA]})

    schema_: dict[str, Any] = Field(alias="schema")
    on_violation: Literal["report", "reject"] = "report"
    sources: Annotated[list[Name], Field(min_length=1, max_length=100)] | None = None


def _schemas(request: Request) -> EventSchemas:
    schemas: EventSchemas = request.app.state.schemas
    return schemas


def schema_routes() -> APIRouter:
    """Changing them needs the role admin."""
    router = APIRouter(route_class=ListedRoute, tags=["event schemas"])
    _changing(router)
    _looking(router)
    return router


def _changing(router: APIRouter) -> None:
    @router.put(
        "/v1/event-schemas/{name:path}",
        summary="Say what an event's properties must be",
        description="Holds in every process within two seconds, for what comes from then on. `report`: an event that breaks it "
        "is kept as ever, and counted; `reject`: it is kept among the rejected messages.",
        dependencies=[Admin],
        responses=answers(SAVED),
    )
    async def put(request: Request, name: EventName, body: NewEventSchema) -> Response:
        return JsonResponse(
            await _schemas(request).put(name, schema=body.schema_, on_violation=body.on_violation, sources=body.sources)
        )

    @router.delete(
        "/v1/event-schemas/{name:path}",
        status_code=204,
        summary="Look at an event's properties no more",
        dependencies=[Admin],
    )
    async def delete(request: Request, name: EventName) -> Response:
        await _schemas(request).delete(name)
        return Response(status_code=204)


def _looking(router: APIRouter) -> None:
    @router.get(
        "/v1/event-schemas",
        summary="All event schemas, by the event's name",
        dependencies=[Reader],
        responses=answers({"items": [SAVED], "next": None}),
    )
    async def all_schemas(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
        rows = await list_schemas(request.app.state.frame.db, after=read_cursor(cursor, _text), limit=limit + 1)
        return JsonResponse(page(rows, limit=limit, item=dict, cursor=lambda row: row["name"]))

    @router.get(
        "/v1/event-schemas/{name:path}",
        summary="The schema of an event",
        dependencies=[Reader],
        responses=answers(SAVED),
    )
    async def one_schema(request: Request, name: EventName) -> Response:
        return JsonResponse(await _schemas(request).get(name))

    @router.get(
        "/v1/violations",
        summary="What was found to break event schemas, and how often",
        description="By event, source, path and rule. `path` is dotted, with `*` for a place in a list and for a name that the "
        "schema does not know; it is empty for the properties as a whole. An event's values are never shown.",
        dependencies=[Reader],
        responses=answers({"items": [VIOLATION], "next": None}),
    )
    async def violations(
        request: Request,
        event: Text = None,
        source: Text = None,
        since: Annotated[Instant | None, Query(description="Seen at this instant or later")] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Response:
        rows = await list_violations(
            request.app.state.frame.db,
            event=event,
            source=source,
            since=since,
            after=read_cursor(cursor, lambda place: [_text(place[number]) for number in range(4)]),
            limit=limit + 1,
        )
        return JsonResponse(
            page(
                rows, limit=limit, item=dict, cursor=lambda row: [row["event"], row["source"], row["path"], row["rule"]]
            )
        )


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError("a cursor of ours holds text")
    return value
