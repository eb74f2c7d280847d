"""Customer.io's Track API. It can delete and merge, so besides the write key it needs an API key as the password."""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from fastapi import APIRouter, Request, Response

from services.events.api.examples import INGEST, takes
from services.events.api.intake import answer, intake_of, read
from services.events.domain.envelope import read_batch
from services.events.domain.forms import customerio
from services.events.domain.keys import basic_credentials
from services.events.domain.records import Origin
from shared.plumbing import json
from shared.plumbing.auth import ROLES, KeyRing
from shared.plumbing.errors import Forbidden, Malformed, Unauthorized

Translate = Callable[[str, dict[str, Any]], Any]
CUSTOMER = "/api/v1/customers/{customer_id}"
PEOPLE: tuple[tuple[str, str, str, Any, Translate], ...] = (
    ("PUT", CUSTOMER, "Identify a customer", {"email": "ann@example.com", "plan": "pro"}, customerio.identify),
    ("DELETE", CUSTOMER, "Erase a customer", {}, lambda who, _: customerio.erase(who)),
    (
        "POST",
        f"{CUSTOMER}/events",
        "Track an event",
        {"name": "purchase", "data": {"price": 23.45}, "timestamp": 1_700_000_000},
        customerio.event,
    ),
    ("POST", f"{CUSTOMER}/suppress", "Suppress a customer", {}, lambda who, _: customerio.suppress(who)),
    ("POST", f"{CUSTOMER}/unsuppress", "Unsuppress a customer", {}, lambda who, _: customerio.unsuppress(who)),
    (
        "PUT",
        f"{CUSTOMER}/devices",
        "Add a device",
        {"device": {"id": "token-1", "platform": "ios"}},
        lambda who, body: customerio.add_device(who, body.get("device")),
    ),
)


def customerio_routes() -> APIRouter:
    """All of them. Ids in paths may hold an escaped slash, see `RawPaths`."""
    router = APIRouter(tags=["ingest (Customer.io)"])
    for method, path, summary, example, translate in PEOPLE:
        _add(router, method, path, _take_person(translate), summary, example)
    _add(router, "DELETE", f"{CUSTOMER}/devices/{{device_id}}", _remove_device, "Remove a device", {})
    _add(
        router,
        "POST",
        "/api/v1/events",
        _take_anonymous,
        "Track an anonymous event",
        {"name": "visit", "anonymous_id": "device-7", "data": {}},
    )
    merging = {"primary": {"id": "ann"}, "secondary": {"id": "ann-old"}}
    _add(router, "POST", "/api/v1/merge_customers", _merge, "Merge two customers", merging)
    operation = {"type": "person", "action": "identify", "identifiers": {"id": "ann"}, "attributes": {"plan": "pro"}}
    _add(router, "POST", "/api/v2/batch", _take_operations, "Many operations", {"batch": [operation]})
    _add(router, "POST", "/api/v2/entity", _take_operation, "One operation", operation)
    return router


def _add(router: APIRouter, method: str, path: str, handler: Any, summary: str, example: Any) -> None:
    router.add_api_route(
        path,
        handler,
        methods=[method],
        summary=summary,
        openapi_extra=takes(example, required=bool(example)),
        responses=INGEST,
    )


def _take_person(translate: Translate) -> Any:
    async def take_person(request: Request, customer_id: str) -> Response:
        origin, body = await _read(request)
        return await _keep(request, origin, [translate(unquote(customer_id), body)])

    return take_person


async def _remove_device(request: Request, customer_id: str, device_id: str) -> Response:
    origin, _ = await _read(request)
    return await _keep(request, origin, [customerio.remove_device(unquote(customer_id), unquote(device_id))])


async def _take_anonymous(request: Request) -> Response:
    origin, body = await _read(request)
    return await _keep(request, origin, [customerio.event(None, body)])


async def _merge(request: Request) -> Response:
    origin, body = await _read(request)
    return await _keep(request, origin, [customerio.merge(body)])


async def _take_operation(request: Request) -> Response:
    origin, body = await _read(request)
    return await _keep(request, origin, [customerio.operation(body)])


async def _take_operations(request: Request) -> Response:
    origin = await _origin(request)
    envelope = read(read_batch, await intake_of(request).body(request))
    messages = [translated(raw, customerio.operation) for raw in envelope.messages]
    _check_erasures(request, messages)
    return answer(await intake_of(request).ingest.take(messages, origin, is_plain=False))


def translated(raw: bytes, translate: Callable[[Any], Any]) -> bytes:
    """One message of a batch, translated; one that is no JSON stays as it is and is refused later, with its reason."""
    try:
        return json.dumps(translate(json.loads(raw)))
    except json.JsonError:
        return raw


async def _origin(request: Request) -> Origin:
    """Whose messages these are; 401 or 403 unless both keys are good."""
    intake = intake_of(request)
    write_key, api_key = basic_credentials(request.headers.get("authorization")) or ("", "")
    source = await intake.keys.source_of(write_key)
    ring: KeyRing = request.app.state.keys
    role = await ring.role_of(api_key)
    if role is None:
        raise Unauthorized("Send your write key as the user name and an API key as the password.")
    if ROLES.get(role, -1) < ROLES["write"]:
        raise Forbidden(f"These routes need an API key with the role `write`; this key's is `{role}`.")
    request.state.role = role
    return Origin(source, intake.clock.now(), form="customerio")


def _check_erasures(request: Request, messages: list[bytes]) -> None:
    """403 for the whole request, of which then nothing is kept, if it erases somebody and the key's role may not."""
    if request.state.role != "admin" and any(_type_of(message) == "erase" for message in messages):
        raise Forbidden(f"Erasing needs an API key with the role `admin`; this key's is `{request.state.role}`.")


def _type_of(message: bytes) -> Any:
    try:
        value = json.loads(message)
    except json.JsonError:
        return None
    return value.get("type") if isinstance(value, dict) else None


async def _read(request: Request) -> tuple[Origin, dict[str, Any]]:
    origin = await _origin(request)
    body = await intake_of(request).body(request)
    try:
        value = json.loads(body) if body.strip() else {}
    except json.JsonError as error:
        raise Malformed("The body is not JSON.") from error
    if not isinstance(value, dict):
        raise Malformed("The body is not a JSON object.")
    return origin, value


async def _keep(request: Request, origin: Origin, messages: list[Any]) -> Response:
    encoded = [json.dumps(message) for message in messages]
    _check_erasures(request, encoded)
    return answer(await intake_of(request).ingest.take(encoded, origin, is_plain=False))
