"""What was decided, what was said, and the local mailbox."""

from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Query, Request, Response

from services.messaging.api import docs
from services.messaging.api.campaigns import frame_of
from services.messaging.service.providers import MAILBOX
from services.messaging.store import lists
from shared.plumbing.auth import Reader
from shared.plumbing.http import ExactRoute, JsonResponse
from shared.plumbing.pages import Cursor, Limit, page, read_cursor

router = APIRouter(route_class=ExactRoute)
ProfileId = Annotated[UUID | None, Query(description="Only of this profile; a merged one leads to its survivor")]
CampaignKey = Annotated[str | None, Query(description="Only of the campaign with this key")]


async def _current(request: Request, profile_id: UUID | None) -> UUID | None:
    return None if profile_id is None else await lists.find_current(frame_of(request).db, profile_id)


def _after(cursor: str | None) -> UUID | None:
    return read_cursor(cursor, lambda value: UUID(str(value)))


@router.get(
    "/v1/decisions",
    tags=["decisions"],
    summary="For every trigger its decision, the newest trigger first",
    dependencies=[Reader],
    responses=docs.items(docs.DECISION),
)
async def decisions(
    request: Request,
    profile_id: ProfileId = None,
    campaign: CampaignKey = None,
    decision: Annotated[str | None, Query(description="Only these")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """`decision`: `sent`, `held_out`, `suppressed`, `skipped`, `failed`, `unknown` (handed to a provider, no answer: not sent
    again), or for the time being `deferred` (until `facts.until`).

    `reason`: `sent`, `campaign_not_running`, `reentry`, `stale`, `not_qualified`, `no_consent`, `topic_opt_out`, `suppressed`,
    `no_address`, `frequency_cap`, `holdout`, `quiet_hours`, `contact_window`, `no_window`, `template_error`, `provider_error`,
    `no_answer`, `no_profile`, `delay`, `internal_error`.
    """
    rows = await lists.list_decisions(
        frame_of(request).db,
        profile_id=await _current(request, profile_id),
        campaign=campaign,
        decision=decision,
        after=_after(cursor),
        limit=limit + 1,
    )
    return JsonResponse(page(rows, limit=limit, item=dict, cursor=lambda row: row["id"]))


def _delivery(row: asyncpg.Record) -> dict[str, Any]:
    shown = dict(row)
    content = shown.pop("content")
    return shown | {"to": shown.pop("address"), "subject": content["subject"]}


@router.get(
    "/v1/deliveries",
    tags=["decisions"],
    summary="What was said to whom, by which provider and with which answer, the newest first",
    dependencies=[Reader],
    responses=docs.items(docs.DELIVERY),
)
async def deliveries(
    request: Request,
    profile_id: ProfileId = None,
    campaign: CampaignKey = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """`status`: `sending`, `sent`, `failed`, `unknown`."""
    rows = await lists.list_deliveries(
        frame_of(request).db,
        profile_id=await _current(request, profile_id),
        campaign=campaign,
        provider=None,
        after=_after(cursor),
        limit=limit + 1,
    )
    return JsonResponse(page(rows, limit=limit, item=_delivery, cursor=lambda row: row["id"]))


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
        "profile_id": row["profile_id"],
        "campaign": row["campaign"],
        "at": row["at"],
    }


@router.get(
    "/v1/mailbox",
    tags=["decisions"],
    summary="The local mailbox: full messages of channels without a provider, the newest first",
    dependencies=[Reader],
    responses=docs.items(docs.MAIL),
)
async def mailbox(
    request: Request,
    profile_id: ProfileId = None,
    campaign: CampaignKey = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    rows = await lists.list_deliveries(
        frame_of(request).db,
        profile_id=await _current(request, profile_id),
        campaign=campaign,
        provider=MAILBOX,
        after=_after(cursor),
        limit=limit + 1,
    )
    return JsonResponse(page(rows, limit=limit, item=_mail, cursor=lambda row: row["id"]))
