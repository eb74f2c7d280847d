"""Ready-made definitions: listed, and what a new segment makes of one."""

from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from services.segments.api.documents import NewSegment, TemplateGiven, refusals
from services.segments.domain.templates import TEMPLATES
from services.segments.service.templates import fill_template, get_template
from shared.plumbing.auth import Reader
from shared.plumbing.errors import Invalid
from shared.plumbing.http import JsonResponse, ListedRoute
from shared.plumbing.pages import Cursor, Limit, page, read_cursor

router = APIRouter(route_class=ListedRoute, tags=["segments"])


_EXAMPLE: dict[str, Any] = TEMPLATES["spent-lately"].shown()


class ParameterShown(BaseModel):
    """`minimum`, `maximum` or `options`: what it may be; `nullable`: whether null may stand for none."""

    name: str
    description: str
    type: Literal["number", "integer", "duration", "string"]
    default: Any
    unit: str | None
    nullable: bool
    minimum: Any = None
    maximum: Any = None
    maximum_length: int | None = None
    options: list[str] | None = None


class TemplateShown(BaseModel):
    """`condition`: what the defaults make."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    key: str
    name: str
    description: str
    parameters: list[ParameterShown]
    condition: dict[str, Any] = Field(description="The condition language: docs/segments.md")


class TemplatePage(BaseModel):
    items: list[TemplateShown]
    next: str | None


@router.get(
    "/v1/segment-templates",
    summary="Ready-made definitions, with their parameters",
    description='Make a segment of one with `POST /v1/segments` and `"template": {"key", "parameters"}` instead of a condition.',
    response_model=TemplatePage,
    responses=refusals(422),
    dependencies=[Reader],
)
async def list_templates(limit: Limit = 100, cursor: Cursor = None) -> Response:
    after = read_cursor(cursor, str)
    keys = list(TEMPLATES)
    if after is not None and after not in TEMPLATES:
        raise Invalid("This is no cursor of ours.", errors=[{"loc": ["query", "cursor"], "msg": "not a cursor"}])
    rest = keys if after is None else keys[keys.index(after) + 1 :]
    found = [TEMPLATES[key] for key in rest[: limit + 1]]
    return JsonResponse(
        page(found, limit=limit, item=lambda template: template.shown(), cursor=lambda template: template.key)
    )


def told(body: NewSegment) -> tuple[str, dict[str, Any] | None]:
    """The name and the condition of a new segment, None for a list. Raises Invalid for none or two of the ways to say it."""
    ways = {"condition": body.condition is not None, "template": body.template is not None, "list": body.list}
    given = [way for way, is_given in ways.items() if is_given]
    if not given:
        raise _refused("condition", "is missing: give it, a template, or a list")
    if len(given) > 1:
        raise _refused(given[1], f"goes without a {given[0]}")
    name = body.key if body.template is None else get_template(body.template.key).name
    return body.name or name, filled(body.condition, body.template)


def filled(condition: dict[str, Any] | None, template: TemplateGiven | None) -> dict[str, Any] | None:
    """The condition, or the one that the template makes; None for neither. Raises Invalid for both."""
    if template is None:
        return condition
    if condition is not None:
        raise _refused("template", "goes without a condition")
    return fill_template(get_template(template.key), template.parameters)


def one_filled(condition: dict[str, Any] | None, template: TemplateGiven | None) -> dict[str, Any]:
    """The same, and Invalid for neither."""
    found = filled(condition, template)
    if found is None:
        raise _refused("condition", "is missing: give it, or a template")
    return found


def _refused(field: str, msg: str) -> Invalid:
    return Invalid("A segment has a condition, a template or a list.", errors=[{"loc": ["body", field], "msg": msg}])
