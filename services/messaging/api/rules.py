"""The deployment's rules: frequency caps and quiet hours; and addresses that must not be written to."""

from datetime import timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Body, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from services.messaging.api import docs
from services.messaging.api.campaigns import JsonBody, frame_of
from services.messaging.domain.addresses import address_hash
from services.messaging.service import catalogue
from services.messaging.service.reports import report_on_control_group
from services.messaging.store import suppressions as store
from shared.plumbing.auth import Reader, Writer
from shared.plumbing.errors import Invalid, NotFound
from shared.plumbing.http import JsonResponse, ListedRoute
from shared.plumbing.pages import Cursor, Limit, page, read_cursor

router = APIRouter(route_class=ListedRoute)
LOOKS_BACK = timedelta(days=90)
Channel = Literal["email", "sms", "push", "webhook"]


@router.get(
    "/v1/settings",
    tags=["settings"],
    summary="Frequency caps, quiet hours, topics",
    dependencies=[Reader],
    responses=docs.answers(docs.SETTINGS),
)
async def get_settings(request: Request) -> Response:
    return JsonResponse(await catalogue.get_settings(frame_of(request).db))


@router.put(
    "/v1/settings",
    tags=["settings"],
    summary="Replace frequency caps, quiet hours, topics",
    dependencies=[Writer],
    openapi_extra=docs.body(docs.SETTINGS),
    responses=docs.answers(docs.SETTINGS, also={422: "`errors` names each fault with its path"}),
)
async def put_settings(request: Request, body: JsonBody) -> Response:
    """A cap counts the messages sent to a person within its time, of its purpose and (if given) channel; with `"per":
    "household"` those to everybody with the same trait `household_id`. Quiet hours are in
    the person's local time. `control_group`: the share of all people who are told nothing by any campaign, drawn once by the
    person (`held_out`, `control_group`). `topics`: those of `opt_in` need the person's yes (`topic_not_chosen`), the others hold
    until a no. None of them holds back what is transactional."""
    frame = frame_of(request)
    return JsonResponse(await catalogue.put_settings(frame.db, body, at=frame.clock.now()))


@router.get(
    "/v1/control-group/report",
    tags=["settings"],
    summary="Did all campaigns together help: everybody else against the control group",
    dependencies=[Reader],
    responses=docs.answers(docs.CONTROL_REPORT),
)
async def control_report(
    request: Request,
    since: Annotated[
        AwareDatetime | None, Query(description="Only triggers since then; default: the last 90 days")
    ] = None,
) -> Response:
    """By people, with the fields of a campaign's `effect`. A goal event counts once, however many campaigns hoped for it."""
    frame = frame_of(request)
    return JsonResponse(await report_on_control_group(frame.db, since=since or frame.clock.now() - LOOKS_BACK))


class Suppression(BaseModel):
    """An address that must not be written to: for any purpose, or for one."""

    model_config = ConfigDict(extra="forbid")

    channel: Channel
    address: str = Field(min_length=1, max_length=1000)
    reason: str = Field(default="manual", min_length=1, max_length=500)
    purpose: str | None = Field(default=None, min_length=1, max_length=200)


def shown(row: asyncpg.Record) -> dict[str, Any]:
    """`address` is null where only its keyed hash is kept: the person was erased, or refused another address than the one that their
    link was sent to."""
    return {
        "id": row["id"],
        "channel": row["channel"],
        "address": row["address"],
        "purpose": row["scope"] or None,
        "reason": row["reason"],
        "created_at": row["created_at"],
    }


@router.post(
    "/v1/suppressions",
    tags=["suppressions"],
    status_code=201,
    summary="Never write to an address again",
    dependencies=[Writer],
    responses=docs.answers(docs.SUPPRESSION_SHOWN, status=201),
)
async def suppress(
    request: Request,
    body: Annotated[Suppression, Body(openapi_examples={"an e-mail address": {"value": docs.SUPPRESSION}})],
) -> Response:
    """Holds from the moment of the answer: it is checked in the transaction that claims a message, and claims that may not have seen
    it have ended. Also for `transactional`, unless a `purpose` is given."""
    frame = frame_of(request)
    row = await store.suppress(
        frame.db,
        channel=body.channel,
        address_hash=_hashed(request, body.channel, body.address),
        address=body.address,
        scope=body.purpose or "",
        reason=body.reason,
        yields=False,
        at=frame.clock.now(),
    )
    await store.outlast_claims(frame.db)
    return JsonResponse(shown(row), 201)


def _hashed(request: Request, channel: str, address: str) -> str:
    return address_hash(request.app.state.speech.address_secret, channel, address)


@router.get(
    "/v1/suppressions",
    tags=["suppressions"],
    summary="Addresses that are not written to, the first made first",
    dependencies=[Reader],
    responses=docs.items(docs.SUPPRESSION_SHOWN),
)
async def list_all(
    request: Request,
    channel: Channel | None = None,
    address: Annotated[str | None, Query(description="Finds erased people's too; needs `channel`")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    hashed = _hashed(request, channel, address) if channel and address else None
    after = read_cursor(cursor, lambda value: UUID(str(value)))
    rows = await store.list_suppressions(
        frame_of(request).db, channel=channel, address_hash=hashed, after=after, limit=limit + 1
    )
    return JsonResponse(page(rows, limit=limit, item=shown, cursor=lambda row: row["id"]))


@router.delete(
    "/v1/suppressions",
    tags=["suppressions"],
    status_code=204,
    summary="Write to an address again",
    dependencies=[Writer],
    responses={404: {"description": "It is not suppressed"}},
)
async def lift(
    request: Request,
    channel: Annotated[Channel | None, Query()] = None,
    address: Annotated[str | None, Query()] = None,
    purpose: Annotated[str | None, Query(description="Only the suppression for this purpose")] = None,
) -> Response:
    """By `channel` and `address`, in the query or as a JSON body."""
    given = await request.json() if await request.body() else {}
    named = {"channel": channel, "address": address, "purpose": purpose}
    wanted = (given if isinstance(given, dict) else {}) | {key: value for key, value in named.items() if value}
    try:
        asked = Suppression.model_validate({key: wanted.get(key) for key in named})
    except ValidationError as error:
        faults = [{"loc": list(fault["loc"]), "msg": fault["msg"]} for fault in error.errors()]
        raise Invalid("Name the channel and the address.", errors=faults) from error
    done = await store.lift(
        frame_of(request).db,
        channel=asked.channel,
        address_hash=_hashed(request, asked.channel, asked.address),
        scope=asked.purpose,
    )
    if not done:
        raise NotFound("This address is not suppressed.")
    return Response(status_code=204)


@router.delete(
    "/v1/suppressions/{suppression_id}",
    tags=["suppressions"],
    status_code=204,
    summary="Forget one suppression",
    dependencies=[Writer],
    responses={404: {"description": "There is no such suppression"}},
)
async def lift_one(request: Request, suppression_id: UUID) -> Response:
    if not await store.lift_one(frame_of(request).db, suppression_id):
        raise NotFound("There is no such suppression.")
    return Response(status_code=204)
