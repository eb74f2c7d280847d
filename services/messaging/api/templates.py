"""Templates: what is said, in Liquid."""

from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Body, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.messaging.api import docs
from services.messaging.api.campaigns import JsonBody, frame_of
from services.messaging.service import catalogue
from services.messaging.service.checks import Checker
from services.messaging.service.previews import content_for, get_recipient, preview_template
from services.messaging.service.trials import Trial
from services.messaging.store import catalogue as store
from shared.plumbing.auth import Reader, Writer
from shared.plumbing.http import JsonResponse, ListedRoute
from shared.plumbing.pages import Cursor, Limit, page, read_cursor

router = APIRouter(route_class=ListedRoute, tags=["templates"])
REFUSALS = {404: "There is no such template", 422: "`errors` names each fault with its path"}
SHOWN = docs.TEMPLATE | {"version": 1, "created_at": "2026-11-21T08:00:00Z", "updated_at": "2026-11-21T08:00:00Z"}
FIELDS = ("key", "channel", "body")


def shown(row: asyncpg.Record) -> dict[str, Any]:
    """One content of a template."""
    state = {"version": row["version"], "created_at": row["created_at"], "updated_at": row["updated_at"]}
    return dict(row["definition"]) | state


def whole(rows: list[asyncpg.Record]) -> dict[str, Any]:
    """A template: its first content, and all of them by channel."""
    return shown(rows[0]) | {"contents": {row["channel"]: shown(row) for row in rows}}


@router.post(
    "/v1/templates",
    status_code=201,
    summary="Make a template, or give one a content for another channel",
    dependencies=[Writer],
    openapi_extra=docs.body(docs.TEMPLATE, FIELDS),
    responses=docs.answers(SHOWN, status=201, also={409: "It exists", 422: REFUSALS[422]}),
)
async def create(request: Request, body: JsonBody) -> Response:
    """Liquid with `profile.id`, `profile.traits.*`, `profile.identifiers.<namespace>`, `profile.life_events`, `trigger.*` (an
    event's `properties`, also directly; a segment's `change`), `campaign.key`, `unsubscribe_url`, `preferences_url`.

    An e-mail's `body` that holds a tag is HTML: values in it are escaped, and its text part is made from it unless `text` is
    given. With `"strict": true` an unknown name fails the message (`template_error`). `from` overrides the deployment's sender.
    `locales` holds the same in other languages: `{"de": {"subject", "body", "text"?}}`; the one nearest to the person's trait
    `locale` is taken (`de-AT`, then `de`, then the template's own words).
    A template can have one content for each channel; a campaign with `"channel": "preferred"` chooses among them.
    """
    frame = frame_of(request)
    rows = await catalogue.create_template(frame.db, body, at=frame.clock.now())
    return JsonResponse(whole(sorted(rows, key=lambda row: row["channel"] != body["channel"])), 201)


@router.get("/v1/templates", summary="All templates, by key", dependencies=[Reader], responses=docs.items(SHOWN))
async def list_all(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
    after = read_cursor(cursor, lambda value: (str(value[0]), str(value[1])))
    rows = await store.list_templates(frame_of(request).db, after=after, limit=limit + 1)
    return JsonResponse(page(rows, limit=limit, item=shown, cursor=lambda row: [row["key"], row["channel"]]))


@router.get(
    "/v1/templates/{key}",
    summary="One template",
    dependencies=[Reader],
    responses=docs.answers(SHOWN, also={404: REFUSALS[404]}),
)
async def get_one(request: Request, key: str) -> Response:
    return JsonResponse(whole(await catalogue.get_templates(frame_of(request).db, key)))


def shown_version(row: asyncpg.Record) -> dict[str, Any]:
    """A content as it was."""
    return dict(row["definition"]) | {"version": row["version"], "created_at": row["created_at"]}


@router.get(
    "/v1/templates/{key}/versions",
    summary="All that the template ever said, the newest version first",
    dependencies=[Reader],
    responses=docs.items(docs.TEMPLATE | {"version": 1, "created_at": "2026-11-21T08:00:00Z"}),
)
async def versions(
    request: Request,
    key: str,
    channel: Annotated[str | None, Query(description="Only its content for this channel")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Each channel's content counts its own versions. A message is rendered with one of them, which its delivery names."""
    db = frame_of(request).db
    await catalogue.get_templates(db, key)
    after = read_cursor(cursor, lambda value: (int(value[0]), str(value[1])))
    rows = await store.list_versions(db, key, channel=channel, after=after, limit=limit + 1)
    return JsonResponse(
        page(rows, limit=limit, item=shown_version, cursor=lambda row: [row["version"], row["channel"]])
    )


@router.put(
    "/v1/templates/{key}",
    summary="A new version, used from now on",
    dependencies=[Writer],
    openapi_extra=docs.body(docs.TEMPLATE, FIELDS),
    responses=docs.answers(SHOWN | {"version": 2}, also=REFUSALS),
)
async def replace(request: Request, key: str, body: JsonBody) -> Response:
    frame = frame_of(request)
    rows = await catalogue.replace_template(frame.db, key, body, at=frame.clock.now())
    return JsonResponse(whole(sorted(rows, key=lambda row: row["channel"] != body["channel"])))


@router.delete(
    "/v1/templates/{key}",
    status_code=204,
    summary="Delete a template that no campaign uses",
    dependencies=[Writer],
    responses={404: {"description": REFUSALS[404]}, 409: {"description": "A campaign uses it"}},
)
async def delete(request: Request, key: str) -> Response:
    await catalogue.delete_template(frame_of(request).db, key)
    return Response(status_code=204)


class Preview(BaseModel):
    """For whom, and what triggered it: `context` is `trigger` (or holds it under that name). `locale`: instead of the person's."""

    model_config = ConfigDict(extra="forbid")

    profile_id: UUID
    context: dict[str, Any] | None = None
    channel: str | None = None
    locale: str | None = None


@router.post(
    "/v1/templates/{key}/preview",
    summary="What this person would get; nothing is sent",
    dependencies=[Reader],
    responses=docs.answers(docs.PREVIEW_SHOWN, also={404: "No such template or profile", 422: "It can't be rendered"}),
)
async def preview(
    request: Request, key: str, body: Annotated[Preview, Body(openapi_examples={"an order": {"value": docs.PREVIEW}})]
) -> Response:
    state = request.app.state
    rows = await catalogue.get_templates(frame_of(request).db, key)
    content = await preview_template(
        rows,
        profiles=state.profiles,
        speech=state.speech,
        profile_id=body.profile_id,
        context=body.context or {},
        channel=body.channel,
        locale=body.locale,
    )
    return JsonResponse(content)


class Check(BaseModel):
    """Whose data to look through, and what would trigger it. `limit`: how many members at most."""

    model_config = ConfigDict(extra="forbid")

    segment: str = Field(min_length=1, max_length=200)
    context: dict[str, Any] | None = None
    channel: str | None = None
    limit: int = Field(default=1000, ge=1, le=10_000)


@router.post(
    "/v1/templates/{key}/check",
    summary="For whom of a segment a variable that the template uses is missing",
    dependencies=[Reader],
    responses=docs.answers(docs.CHECK_SHOWN, also={404: "No such template", 422: "No such segment"}),
)
async def check(
    request: Request, key: str, body: Annotated[Check, Body(openapi_examples={"a segment": {"value": docs.CHECK}})]
) -> Response:
    """Also where the template is not `strict`; what has a `default` is not missing. `missing` counts people by name, `looked_at` and
    `of` say how many members were looked at of how many, `items` lists up to 1,000 of those concerned: with `error` where the
    template can't be rendered for them at all."""
    state = request.app.state
    template = content_for(await catalogue.get_templates(frame_of(request).db, key), body.channel)
    checker = Checker(state.segments, state.profiles, state.speech)
    return JsonResponse(await checker.check(template, body.segment, body.context or {}, limit=body.limit))


class TestSend(BaseModel):
    """Whose data to show, and where to. `context` and `locale` as in a preview."""

    model_config = ConfigDict(extra="forbid")

    profile_id: UUID
    to: str = Field(min_length=1, max_length=1000)
    channel: str | None = None
    context: dict[str, Any] | None = None
    locale: str | None = None


@router.post(
    "/v1/templates/{key}/test",
    summary="Send what this person would get to an address of your own, marked as a test",
    dependencies=[Writer],
    responses=docs.answers(
        docs.TEST_SHOWN,
        also={
            404: "No such template or profile",
            409: "The address is suppressed for all purposes",
            422: "No such address, or it can't be rendered",
        },
    ),
)
async def send_test(
    request: Request, key: str, body: Annotated[TestSend, Body(openapi_examples={"an e-mail": {"value": docs.TEST}})]
) -> Response:
    """By the channel's provider, else into the local mailbox. The subject begins with `[Test]`, an e-mail has the header
    `X-Regulars-Test: true`, and its links change nothing. It asks for no consent and counts nowhere: no decision, no cap, no report.

    `status`: `sent`, `failed`, `unknown`; it is tried once. `GET /v1/deliveries` lists it with the status `test`.
    """
    state, frame = request.app.state, frame_of(request)
    template = content_for(await catalogue.get_templates(frame.db, key), body.channel)
    recipient = await get_recipient(state.profiles, body.profile_id)
    spoken = template.speaking(body.locale or recipient.traits.get("locale"))
    trial = Trial(frame.db, state.carriers, state.speech, frame.clock)
    return JsonResponse(await trial.send(spoken, recipient, body.to, body.context or {}))
