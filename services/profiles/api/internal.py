"""Routes for the other services, and those that every service has."""

from fastapi import APIRouter, Request, Response

from services.profiles.api.desk import desk_of
from services.profiles.domain.names import names_of
from services.profiles.domain.values import faults
from services.profiles.service.finding import find_people
from services.profiles.service.reading import look_up, read_recipients
from services.profiles.service.resolve import WORK, applies
from services.profiles.service.wishes import take_consent_change, take_preferences_change
from shared.plumbing.auth import Internal
from shared.plumbing.errors import NotFound
from shared.plumbing.http import JsonResponse, read_body
from shared.plumbing.internal import parked_routes, read_progress
from shared.schemas.identifiers import IdentifiersRequest
from shared.schemas.recipients import ConsentChange, PreferencesChange, RecipientsRequest

router = APIRouter(include_in_schema=False, dependencies=[Internal])
parked = parked_routes(lambda request: applies(desk_of(request).book))


@router.get("/internal/progress")
async def progress(request: Request) -> Response:
    """How far this service is with the raw log, and its own feed's heads."""
    return JsonResponse(await read_progress(desk_of(request).book.db, "profiles", {WORK: "events"}))


@router.post("/internal/recipients")
async def recipients(request: Request) -> Response:
    """Who these people are now, and what they allow."""
    body = await read_body(request, RecipientsRequest.read)
    book = desk_of(request).book
    answer = await read_recipients(book.db, body.profile_ids, now=book.clock.now(), history=body.history)
    return JsonResponse(answer)


@router.get("/internal/lookup")
async def lookup(request: Request) -> Response:
    """The id of whom a name (`?namespace=value`) leads to. 404 if it leads to nobody."""
    book = desk_of(request).book
    given = names_of(dict(request.query_params), book.rules)
    if given.best is None or any(faults(dict(request.query_params))):
        raise NotFound("There is no such profile.")
    return JsonResponse({"id": (await look_up(book.db, given)).id})


@router.post("/internal/identifiers")
async def identifiers(request: Request) -> Response:
    """Whom many identifiers stand for."""
    body = await read_body(request, IdentifiersRequest.read)
    book = desk_of(request).book
    return JsonResponse(await find_people(book.db, body.identifiers, book.rules))


@router.post("/internal/consents")
async def consents(request: Request) -> Response:
    """A recipient's own word, once by its id. One about somebody who is gone is let go."""
    body = await read_body(request, ConsentChange.read)
    kept = await take_consent_change(desk_of(request).book, body)
    return JsonResponse({"status": "kept" if kept else "gone"})


@router.post("/internal/preferences")
async def preferences(request: Request) -> Response:
    """A recipient's own word on the preference page. One about somebody who is gone, or that is not the newest, is let go."""
    body = await read_body(request, PreferencesChange.read)
    kept = await take_preferences_change(desk_of(request).book, body)
    return JsonResponse({"status": "kept" if kept else "gone"})
