"""What was decided, what was said, and the local mailbox."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, Query, Request, Response

from services.messaging.api import docs
from services.messaging.api.campaigns import frame_of
from services.messaging.clients.neighbours import Profiles
from services.messaging.service.providers import MAILBOX
from services.messaging.store import lists
from services.messaging.store.delivery_events import list_events
from shared.plumbing.auth import Reader
from shared.plumbing.db import Database
from shared.plumbing.errors import Invalid, NotFound
from shared.plumbing.http import JsonResponse, ListedRoute
from shared.plumbing.pages import Cursor, Limit, page, read_cursor

router = APIRouter(route_class=ListedRoute)
ProfileId = Annotated[UUID | None, Query(description="Only of this profile; a merged one leads to its survivor")]
UserId = Annotated[str | None, Query(description="Only of whom this user id leads to; instead of `profile_id`")]
CampaignKey = Annotated[str | None, Query(description="Only of the campaign with this key")]
NOBODY = {
    404: "There is no such profile",
    503: "Profiles can't say now whose the user id is; try again after `Retry-After`",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose, of which campaign, and which page."""

    profile_id: ProfileId = None
    user_id: UserId = None
    campaign: CampaignKey = None
    limit: Limit = 100
    cursor: Cursor = None


async def list_of(
    request: Request,
    asked: Asked,
    read: Callable[..., Awaitable[list[Any]]],
    item: Callable[[Any], dict[str, Any]],
    **which: object,
) -> Response:
    """A page of decisions or deliveries."""
    db, whose = frame_of(request).db, await _whose(request, asked)
    rows = await read(
        db,
        profile_id=None if whose is None else await lists.find_current(db, whose),
        campaign=asked.campaign,
        after=read_cursor(asked.cursor, lambda value: UUID(str(value))),
        limit=asked.limit + 1,
        **which,
    )
    return JsonResponse(page(rows, limit=asked.limit, item=item, cursor=lambda row: row["id"]))


async def _whose(request: Request, asked: Asked) -> UUID | None:
    if asked.user_id is None:
        return asked.profile_id
    if asked.profile_id is not None:
        raise Invalid.of([{"loc": ["query", "user_id"], "msg": "goes instead of profile_id, not with it"}])
    profiles: Profiles = request.app.state.profiles
    found = await profiles.look_up(asked.user_id)
    if found is None:
        raise NotFound("There is no profile with this user id.")
    return found


@router.get(
    "/v1/decisions",
    tags=["decisions"],
    summary="For every trigger its decision, the newest trigger first",
    dependencies=[Reader],
    responses=docs.items(docs.DECISION, also=NOBODY),
)
async def decisions(
    request: Request,
    asked: Annotated[Asked, Depends()],
    decision: Annotated[str | None, Query(description="Only these")] = None,
) -> Response:
    """`decision`: `sent`, `held_out`, `suppressed`, `skipped`, `failed`, `unknown` (handed to a provider, no answer: not sent
    again), or for the time being `deferred` (until `facts.until`).

    `reason`: `sent`, `campaign_not_running`, `reentry`, `stale`, `not_qualified`, `journey_exited`, `journey_paused`, `no_consent`, `topic_opt_out`, `suppressed`,
    `no_address`, `frequency_cap`, `control_group`, `holdout`, `quiet_hours`, `contact_window`, `no_window`, `template_error`, `provider_error`,
    `no_answer`, `no_profile`, `unreadable_profile`, `delay`, `redriven`, `internal_error`.
    """
    return await list_of(request, asked, lists.list_decisions, dict, decisions=None if decision is None else [decision])


def _delivery(row: Mapping[str, Any]) -> dict[str, Any]:
    shown = dict(row)
    content = shown.pop("content")
    return shown | {"to": shown.pop("address"), "subject": content["subject"], "locale": content.get("locale")}


@router.get(
    "/v1/deliveries",
    tags=["decisions"],
    summary="What was said to whom, by which provider and with which answer, the newest first",
    dependencies=[Reader],
    responses=docs.items(docs.DELIVERY, also=NOBODY),
)
async def deliveries(request: Request, asked: Annotated[Asked, Depends()]) -> Response:
    """`status`: `sending`, `sent`, `failed`, `unknown`; `test` of a test message, which counts nowhere.

    `events`: what happened to it since, as providers and our own links tell it: `delivered`, `bounced` (`bounce`: `hard` or `soft`),
    `complained`, `unsubscribed`, `opened`, `clicked`; with a `machine_reason` where a machine did it.
    """
    return await list_of(request, asked, _with_events, _delivery, provider=None)


async def _with_events(db: Database, **which: Any) -> list[Any]:
    rows = await lists.list_deliveries(db, **which)
    events = await list_events(db, rows)
    return [dict(row) | {"events": [_event(one) for one in events.get(row["id"], ())]} for row in rows]


def _event(row: asyncpg.Record) -> dict[str, Any]:
    return {"kind": row["kind"], "at": row["at"], "machine_reason": row["machine"], **row["detail"]}


def _mail(row: asyncpg.Record) -> dict[str, Any]:
    content = row["content"]
    return {
        "id": row["id"],
        "channel": row["channel"],
        "to": row["address"],
        "subject": content["subject"],
        "text": content["text"],
        "html": content["html"],
        "headers": content["headers"],
        "locale": content.get("locale"),
        "profile_id": row["profile_id"],
        "campaign": row["campaign"],
        "at": row["at"],
    }


@router.get(
    "/v1/mailbox",
    tags=["decisions"],
    summary="The local mailbox: full messages of channels without a provider, the newest first",
    dependencies=[Reader],
    responses=docs.items(docs.MAIL, also=NOBODY),
)
async def mailbox(request: Request, asked: Annotated[Asked, Depends()]) -> Response:
    return await list_of(request, asked, lists.list_deliveries, _mail, provider=MAILBOX)
