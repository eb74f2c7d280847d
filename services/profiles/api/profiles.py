"""Profiles: found, read, listed, made, patched, merged."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.profiles.api.desk import LimitedRoute, check_values, desk_of
from services.profiles.api.documents import (
    ExportShown,
    MembershipPage,
    MergePage,
    ProfilePage,
    ProfileShown,
    TraitPage,
    refusals,
)
from services.profiles.api.given import INCLUDED, Include, LookUp, MergeRequest, PersonGiven, ProfileUpsert, TraitsPatch
from services.profiles.api.shown import shown, shown_trait
from services.profiles.domain.names import Given, Rules, names_of
from services.profiles.domain.profile import Profile
from services.profiles.service import changing, exporting, reading
from shared.plumbing.auth import Reader, Writer
from shared.plumbing.errors import Invalid, NotFound
from shared.plumbing.http import JsonResponse
from shared.plumbing.lanes import lane_of
from shared.plumbing.pages import Cursor, Limit, page, read_cursor

router = APIRouter(route_class=LimitedRoute, tags=["profiles"])
NOTHING: Include = []


@router.get(
    "/v1/profiles/lookup",
    summary="Find a profile by any of its names",
    description="Give exactly one of `user_id`, `anonymous_id`, `email`, `phone`, or a namespace of yours "
    "(`?loyalty_card=123`), and with `&include=segments,events` where they belong and what they did last. Of several profiles with one e-mail address or number it is the one with a user id, then the oldest.",
    response_model=ProfileShown,
    responses=refusals(404, 422, 503),
    dependencies=[Reader],
)
async def look_up(request: Request, query: Annotated[LookUp, Query()]) -> Response:
    book = desk_of(request).book
    name = query.name()
    if name is None:
        raise Invalid("Give exactly one of user_id, anonymous_id, email, phone, or a namespace of yours.")
    check_values(name, "query")
    given = names_of(name, book.rules)
    if given.best is None:
        raise NotFound("There is no such profile.")
    return await _show(request, await reading.look_up(book.db, given), query.include)


@router.get(
    "/v1/profiles",
    summary="All profiles, in a fixed order",
    response_model=ProfilePage,
    responses=refusals(422),
    dependencies=[Reader],
)
async def list_profiles(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Response:
    after = read_cursor(cursor, lambda value: (lane_of(UUID(value)), UUID(value)))
    profiles = await reading.list_profiles(desk_of(request).book.db, after=after, limit=limit + 1)
    return JsonResponse(page(profiles, limit=limit, item=shown, cursor=lambda profile: profile.id))


@router.post(
    "/v1/profiles",
    summary="Make or change a profile by its identifiers",
    description="Several identifiers are linked as those of a message would be. An e-mail address or number alone finds a profile "
    "that has it, or makes one. Answers 201 for a new profile, else 200.",
    response_model=ProfileShown,
    responses=refusals(400, 403, 413, 422) | {201: {"model": ProfileShown, "description": "It is new"}},
    dependencies=[Writer],
)
async def upsert_profile(request: Request, body: ProfileUpsert) -> Response:
    book = desk_of(request).book
    check_values(body.names(), "body")
    check_values(body.traits, "body", "traits")
    given = names_of(body.names(), book.rules)
    if given.best is None:
        raise Invalid("No identifier is usable: such values are sent when no id is known.", code="blocked_identifier")
    profile, is_new = await changing.upsert_profile(book, given, body.traits)
    return JsonResponse(shown(profile), 201 if is_new else 200)


@router.post(
    "/v1/profiles/merge",
    summary="Make profiles one person",
    description="The survivor is the profile with a user id, else (none or both) the older. The others' ids and identifiers "
    "lead to it for ever.",
    response_model=ProfileShown,
    responses=refusals(400, 403, 404, 413, 422),
    dependencies=[Writer],
)
async def merge_profiles(request: Request, body: MergeRequest) -> Response:
    book = desk_of(request).book
    people = [_person(person, book.rules) for person in (body.primary, body.secondary) if person is not None]
    return JsonResponse(shown(await changing.merge_profiles(book, [*body.profile_ids, *people])))


def _person(person: PersonGiven, rules: Rules) -> UUID | Given:
    if person.id is not None:
        return person.id
    check_values(person.__pydantic_extra__, "body")
    given = names_of(dict(person.__pydantic_extra__), rules)
    if given.best is None:
        raise NotFound("There is no such profile.")
    return given


@router.get(
    "/v1/profiles/{profile_id}",
    summary="A profile; an id that was merged away shows the survivor",
    response_model=ProfileShown,
    responses=refusals(404, 422, 503),
    dependencies=[Reader],
)
async def get_profile(
    request: Request, profile_id: UUID, include: Annotated[Include, Query(description=INCLUDED)] = NOTHING
) -> Response:
    return await _show(request, await reading.get_profile(desk_of(request).book.db, profile_id), include)


async def _show(request: Request, profile: Profile, include: Include) -> Response:
    document, desk = shown(profile), desk_of(request)
    if "segments" in include:
        document["segments"] = (await desk.segments.read_memberships(profile.id))["items"]
    if "events" in include:
        document["events"] = (await desk.events.read_newest(profile.id))["items"]
    return JsonResponse(document)


@router.get(
    "/v1/profiles/{profile_id}/export",
    summary="All that is held on a person, as one file",
    description="As the lists of the services say it: `profile`, `traits` (since when and from what), `consents`, `preferences`, `devices`, "
    "`merges`; `events`, `rejected`; `segments`, `segment_changes`; `decisions`, `deliveries`, `mailbox`, `journey_runs`, `tasks`, and `suppressions` "
    "of the addresses known now. What is still on its way between the services (`GET /v1/lag`) is not in it yet.",
    response_model=ExportShown,
    responses=refusals(404, 422, 503),
    dependencies=[Reader],
)
async def export_profile(request: Request, profile_id: UUID) -> Response:
    desk = desk_of(request)
    elsewhere = desk.elsewhere(request.headers["authorization"])
    found = await exporting.export_profile(desk.book.db, elsewhere, profile_id, shown=shown)
    document = {"exported_at": desk.book.clock.now()} | found
    name = f'attachment; filename="profile-{found["profile"]["id"]}.json"'
    return JsonResponse(document, headers={"Content-Disposition": name})


@router.patch(
    "/v1/profiles/{profile_id}",
    summary="Patch traits, dated now",
    response_model=ProfileShown,
    responses=refusals(400, 403, 404, 413, 422),
    dependencies=[Writer],
)
async def patch_profile(request: Request, profile_id: UUID, body: TraitsPatch) -> Response:
    check_values(body.traits, "body", "traits")
    return JsonResponse(shown(await changing.patch_traits(desk_of(request).book, profile_id, body.traits)))


@router.get(
    "/v1/profiles/{profile_id}/traits",
    summary="Every trait with its source and time, removed ones too",
    response_model=TraitPage,
    responses=refusals(404, 422),
    dependencies=[Reader],
)
async def list_traits(request: Request, profile_id: UUID, limit: Limit = 1000, cursor: Cursor = None) -> Response:
    profile = await reading.get_profile(desk_of(request).book.db, profile_id)
    after = read_cursor(cursor, str) or ""
    rows = sorted((key, told) for key, told in profile.traits.provenance.items() if key > after)
    items = page(rows, limit=limit, item=lambda row: shown_trait(profile, *row), cursor=lambda row: row[0])
    return JsonResponse(items)


@router.get(
    "/v1/profiles/{profile_id}/segments",
    summary="The segments a profile is a member of, asked of segments",
    response_model=MembershipPage,
    responses=refusals(404, 422, 503),
    dependencies=[Reader],
)
async def list_segments(request: Request, profile_id: UUID) -> Response:
    desk = desk_of(request)
    profile = await reading.get_profile(desk.book.db, profile_id)
    answer = await desk.segments.read_memberships(profile.id)
    return JsonResponse({"next": None} | answer)


@router.get(
    "/v1/profiles/{profile_id}/merges",
    summary="Which profiles became this one, when and why",
    response_model=MergePage,
    responses=refusals(404, 422),
    dependencies=[Reader],
)
async def list_merges(request: Request, profile_id: UUID, limit: Limit = 100, cursor: Cursor = None) -> Response:
    after = read_cursor(cursor, UUID)
    merges = await reading.list_merges(desk_of(request).book.db, profile_id, after=after, limit=limit + 1)
    return JsonResponse(page(merges, limit=limit, item=reading.as_values, cursor=lambda merge: merge.id))
