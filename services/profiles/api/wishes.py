"""Life events, consents, preferences and devices of a profile."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from services.profiles.api.desk import LimitedRoute, check_values, desk_of
from services.profiles.api.documents import (
    ConsentPage,
    ConsentShown,
    DevicePage,
    DeviceShown,
    LifeEventShown,
    PreferencesShown,
    refusals,
)
from services.profiles.api.given import ConsentGiven, DeviceGiven, LifeEventGiven
from services.profiles.domain.preferences import Preferences
from services.profiles.service import changing, reading, wishes
from shared.plumbing.auth import Reader, Writer
from shared.plumbing.http import JsonResponse
from shared.plumbing.pages import Cursor, Limit, page, read_cursor

router = APIRouter(route_class=LimitedRoute, prefix="/v1/profiles/{profile_id}")
Token = Annotated[str, Path(min_length=1, max_length=1024, description="The push token")]
NO_CONTENT = 204


@router.post(
    "/life-events",
    tags=["life events"],
    summary="Keep a date in somebody's life",
    status_code=201,
    response_model=LifeEventShown,
    responses=refusals(400, 403, 404, 413, 422),
    dependencies=[Writer],
)
async def add_life_event(request: Request, profile_id: UUID, body: LifeEventGiven) -> Response:
    check_values([body.kind, body.subject, body.note], "body")
    told = changing.NewLifeEvent(body.kind, body.date, body.recurs, body.subject, body.note)
    return JsonResponse(await changing.add_life_event(desk_of(request).book, profile_id, told), 201)


@router.delete(
    "/life-events/{event_id}",
    tags=["life events"],
    summary="Forget a date; a birthday that follows from the trait goes with the trait",
    status_code=NO_CONTENT,
    responses=refusals(403, 404, 422),
    dependencies=[Writer],
)
async def delete_life_event(request: Request, profile_id: UUID, event_id: UUID) -> Response:
    await changing.delete_life_event(desk_of(request).book, profile_id, event_id)
    return Response(status_code=NO_CONTENT)


@router.post(
    "/consents",
    tags=["consent"],
    summary="Record what somebody allows or refuses",
    description="""The newest word by `at` for a channel or for `any` decides; a tie goes to the refusal. One that has expired allows
nothing, whatever was granted before it. All are kept.""",
    status_code=201,
    response_model=ConsentShown,
    responses=refusals(400, 403, 404, 413, 422),
    dependencies=[Writer],
)
async def record_consent(request: Request, profile_id: UUID, body: ConsentGiven) -> Response:
    check_values([body.purpose, body.channel, body.source, body.policy_version], "body")
    consent = await wishes.record_consent(desk_of(request).book, profile_id, wishes.NewConsent(**body.model_dump()))
    return JsonResponse(reading.as_values(consent), 201)


@router.get(
    "/consents",
    tags=["consent"],
    summary="Every word given, in the order in which it was recorded",
    response_model=ConsentPage,
    responses=refusals(404, 422),
    dependencies=[Reader],
)
async def list_consents(request: Request, profile_id: UUID, limit: Limit = 100, cursor: Cursor = None) -> Response:
    after = read_cursor(cursor, UUID)
    consents = await reading.list_consents(desk_of(request).book.db, profile_id, after=after, limit=limit + 1)
    return JsonResponse(page(consents, limit=limit, item=reading.as_values, cursor=lambda consent: consent.id))


@router.put(
    "/preferences",
    tags=["preferences"],
    summary="Replace somebody's preferences",
    response_model=PreferencesShown,
    responses=refusals(400, 403, 404, 413, 422),
    dependencies=[Writer],
)
async def put_preferences(request: Request, profile_id: UUID, body: Preferences) -> Response:
    content = body.model_dump(by_alias=True)
    check_values(content, "body")
    await wishes.put_preferences(desk_of(request).book, profile_id, content)
    return JsonResponse(content)


@router.get(
    "/preferences",
    tags=["preferences"],
    summary="Somebody's preferences",
    response_model=PreferencesShown,
    responses=refusals(404, 422),
    dependencies=[Reader],
)
async def get_preferences(request: Request, profile_id: UUID) -> Response:
    content = await reading.get_preferences(desk_of(request).book.db, profile_id)
    return JsonResponse(Preferences().model_dump(by_alias=True) | content)


@router.get(
    "/devices",
    tags=["devices"],
    summary="Where push messages reach somebody, the device seen last first",
    response_model=DevicePage,
    responses=refusals(404, 422),
    dependencies=[Reader],
)
async def list_devices(request: Request, profile_id: UUID) -> Response:
    devices = await reading.get_devices(desk_of(request).book.db, profile_id)
    return JsonResponse({"items": devices, "next": None})


@router.put(
    "/devices/{token:path}",
    tags=["devices"],
    summary="A device is this person's, and nobody else's any more",
    response_model=DeviceShown,
    responses=refusals(400, 403, 404, 413, 422),
    dependencies=[Writer],
)
async def put_device(request: Request, profile_id: UUID, token: Token, body: DeviceGiven) -> Response:
    check_values([token, body.platform, body.app_version], "body")
    platform = body.platform and body.platform.lower()
    book = desk_of(request).book
    await wishes.put_device(book, profile_id, token=token, platform=platform, app_version=body.app_version)
    return JsonResponse({"token": token, "platform": platform, "app_version": body.app_version})


@router.delete(
    "/devices/{token:path}",
    tags=["devices"],
    summary="A device is not this person's any more",
    status_code=NO_CONTENT,
    responses=refusals(403, 404, 422),
    dependencies=[Writer],
)
async def delete_device(request: Request, profile_id: UUID, token: Token) -> Response:
    check_values(token, "path", "token")
    await wishes.delete_device(desk_of(request).book, profile_id, token)
    return Response(status_code=NO_CONTENT)
