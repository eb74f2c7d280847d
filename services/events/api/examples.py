"""What the OpenAPI document shows of bodies that are read as they come."""

from typing import Any

TRACK = {
    "type": "track",
    "event": "Order Completed",
    "messageId": "order-1001",
    "userId": "ann",
    "timestamp": "2026-11-20T10:15:00Z",
    "properties": {"order_id": "1001", "total": 20.50, "currency": "EUR", "products": [{"sku": "A-1", "quantity": 2}]},
}
SINGLE: dict[str, dict[str, Any]] = {
    "track": {name: value for name, value in TRACK.items() if name != "type"},
    "identify": {
        "userId": "ann",
        "anonymousId": "device-7",
        "traits": {"first_name": "Ann", "email": "ann@example.com"},
    },
    "page": {"anonymousId": "device-7", "name": "Home", "properties": {"url": "https://shop.example/"}},
    "screen": {"anonymousId": "device-7", "name": "Basket"},
    "group": {"userId": "ann", "groupId": "acme", "traits": {"name": "Acme"}},
    "alias": {"userId": "ann", "previousId": "device-7"},
}
BATCH = {"batch": [TRACK, {"type": "identify", **SINGLE["identify"]}], "sentAt": "2026-11-20T10:15:01Z"}
OUTCOMES = {
    "success": True,
    "accepted": 1,
    "duplicates": 1,
    "rejected": 1,
    "results": [
        {"messageId": "order-1001", "status": "accepted"},
        {"messageId": "order-1000", "status": "duplicate"},
        {
            "messageId": "m-3",
            "status": "rejected",
            "reason": "no_event_name",
            "detail": "A track message needs the event's name in `event`.",
        },
    ],
}
PROBLEM = {
    "type": "urn:regulars:error:unauthorized",
    "title": "Unauthorized",
    "status": 401,
    "detail": "This write key is unknown or revoked.",
    "code": "unauthorized",
    "message": "This write key is unknown or revoked.",
}


def takes(example: Any, *, required: bool = True) -> dict[str, Any]:
    """`openapi_extra` of a route that reads its JSON body itself."""
    content = {"application/json": {"schema": {"type": "object"}, "example": example}}
    return {"requestBody": {"required": required, "content": content}}


def _json(description: str, example: Any, kind: str = "application/json") -> dict[str, Any]:
    return {"description": description, "content": {kind: {"example": example}}}


def answers(example: Any, description: str = "Done") -> dict[int | str, dict[str, Any]]:
    """`responses` of a route that answers with JSON."""
    return {200: _json(description, example)}


def _refusal(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/problem+json": {"example": PROBLEM}}}


INGEST: dict[int | str, dict[str, Any]] = {
    200: _json("Everything is on disk: in the log, or among the rejected", OUTCOMES),
    400: _refusal("The body can't be read"),
    401: _refusal("Unknown write key"),
    413: _refusal("Over 4 MB inflated"),
    429: _refusal("No room for more; nothing was kept"),
    503: _refusal("The database is out of reach; nothing was kept"),
}
