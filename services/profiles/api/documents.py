"""The shapes of answers, with examples, as OpenAPI shows them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.profiles.domain.preferences import Preferences
from shared.plumbing.instants import Instant

PROFILE_ID = "01981c6e-7a4b-7c3e-9d2f-0a1b2c3d4e5f"
OTHER_ID = "01981c6e-7a4b-7c3e-9d2f-0a1b2c3d4e60"
LIFE_EVENT = {
    "id": "01981c6e-2222-7c3e-9d2f-0a1b2c3d4e5f",
    "kind": "birthday",
    "date": "1990-02-28",
    "recurs": "yearly",
    "subject": "self",
    "note": None,
}
IDENTIFIERS = [{"namespace": "user_id", "value": "ann"}, {"namespace": "anonymous_id", "value": "a-1"}]
EVENT: dict[str, Any] = {
    "message_id": "order-1001",
    "source": "web",
    "type": "track",
    "name": "Order Completed",
    "timestamp": "2026-05-02T09:00:00Z",
    "properties": {"order_id": "1001", "total": 20.5},
}
TRAITS = {"email": "ann@example.com", "first_name": "Ann", "plan": "pro"}


def example(**values: Any) -> ConfigDict:
    """A model that refuses what it does not know, with an example."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [values]})


class IdentifierShown(BaseModel):
    model_config = example(namespace="user_id", value="ann")

    namespace: str
    value: str


class LifeEventShown(BaseModel):
    model_config = example(**LIFE_EVENT)

    id: UUID
    kind: str
    date: date
    recurs: Literal["yearly"] | None
    subject: str
    note: str | None


class MembershipShown(BaseModel):
    model_config = example(key="vip", name="Spent 200 in 90 days", entered_at="2026-05-01T09:00:00Z")

    key: str
    name: str
    entered_at: datetime


class EventShown(BaseModel):
    """As `GET /v1/events` shows it, which lists all of them (`?profile_id=`)."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [EVENT]})

    message_id: str
    source: str
    type: str
    name: str | None
    timestamp: datetime
    properties: dict[str, Any]


class ProfileShown(BaseModel):
    """`user_id`: the first it had. `segments` and `events` (the newest 100 by their `timestamp`): only if asked for."""

    model_config = example(
        id=PROFILE_ID,
        user_id="ann",
        identifiers=IDENTIFIERS,
        traits=TRAITS,
        life_events=[LIFE_EVENT],
        created_at="2026-05-01T09:00:00Z",
        updated_at="2026-05-02T09:00:00Z",
    )

    id: UUID
    user_id: str | None
    identifiers: list[IdentifierShown]
    traits: dict[str, Any]
    life_events: list[LifeEventShown]
    created_at: datetime
    updated_at: datetime
    segments: list[MembershipShown] | None = None
    events: list[EventShown] | None = None


class ProfilePage(BaseModel):
    items: list[ProfileShown]
    next: str | None


class TraitShown(BaseModel):
    """`implied`: inferred from the context of events, gives way to anything told. A removed one has no `value`."""

    model_config = example(key="plan", value="pro", at="2026-05-01T09:00:00Z", source="web", message_id="m-1")

    key: str
    value: Any = None
    at: datetime
    source: str
    message_id: str
    removed: bool = False
    implied: bool = False


class TraitPage(BaseModel):
    items: list[TraitShown]
    next: str | None


class MembershipPage(BaseModel):
    items: list[MembershipShown]
    next: str | None


class MergeShown(BaseModel):
    """`cause`: `api`, or the type of the message that made them one."""

    model_config = example(
        id="01981c6e-3333-7c3e-9d2f-0a1b2c3d4e5f",
        loser_id=OTHER_ID,
        survivor_id=PROFILE_ID,
        cause="identify",
        source="web",
        message_id="m-1",
        at="2026-05-01T09:00:00Z",
    )

    id: UUID
    loser_id: UUID
    survivor_id: UUID
    cause: str
    source: str | None
    message_id: str | None
    at: datetime


class MergePage(BaseModel):
    items: list[MergeShown]
    next: str | None


class ConsentShown(BaseModel):
    """`lifted_at`: a suppression that no longer counts. `expires_at`: from then on it allows nothing."""

    model_config = example(
        id="01981c6e-4444-7c3e-9d2f-0a1b2c3d4e5f",
        purpose="marketing",
        channel="email",
        status="granted",
        source="web form",
        at="2026-05-01T09:00:00Z",
        recorded_at="2026-05-01T09:00:00Z",
        lifted_at=None,
        policy_version="2026-05",
        expires_at="2028-05-01T00:00:00Z",
    )

    id: UUID
    purpose: str
    channel: str
    status: str
    source: str | None
    at: datetime
    recorded_at: datetime
    lifted_at: datetime | None
    policy_version: str | None
    expires_at: datetime | None


class ConsentPage(BaseModel):
    items: list[ConsentShown]
    next: str | None


class PreferencesShown(Preferences):
    """As they were put; empty ones if they never were."""


class DeviceShown(BaseModel):
    model_config = example(token="fcm-token", platform="ios", app_version="4.2.0")  # noqa: S106

    token: str
    platform: str | None
    app_version: str | None


class DevicePage(BaseModel):
    items: list[DeviceShown]
    next: str | None


class ExportShown(BaseModel):
    """The others are lists likewise, of the items that their services show."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [{"exported_at": "2026-05-02T09:00:00Z", "profile": {"id": PROFILE_ID}, "events": [EVENT]}]
        },
    )

    exported_at: datetime
    profile: ProfileShown
    consents: list[ConsentShown]
    preferences: PreferencesShown
    devices: list[DeviceShown]
    merges: list[MergeShown]
    events: list[EventShown]


class ReceiptShown(BaseModel):
    """`completed` once every service has forgotten the person; `services`: since when each has, null if not yet."""

    model_config = example(
        receipt_id="01981c6e-5555-7c3e-9d2f-0a1b2c3d4e5f",
        profile_id=PROFILE_ID,
        status="completed",
        requested_at="2026-05-01T09:00:00Z",
        completed_at="2026-05-01T09:00:05Z",
        services={"segments": "2026-05-01T09:00:04Z"},
    )

    receipt_id: UUID
    profile_id: UUID
    status: Literal["pending", "completed"]
    requested_at: datetime
    completed_at: datetime | None
    services: dict[str, datetime | None]


class ReceiptPage(BaseModel):
    items: list[ReceiptShown]
    next: str | None


class NewReplay(BaseModel):
    model_config = example(**{"from": "2026-05-01T00:00:00Z", "to": "2026-05-02T00:00:00Z", "reason": "Rows were lost"})

    since: Instant = Field(alias="from", description="What was received then or later")
    to: Instant = Field(description="What was received before; not in the future")
    reason: str | None = Field(default=None, max_length=500, description="For the record")


class ReplayShown(BaseModel):
    """`progress`: from 0 to 1. `messages`: how many it has read; `repaired`: of how many something was missing here."""

    model_config = example(
        **{"from": "2026-05-01T00:00:00Z", "to": "2026-05-02T00:00:00Z"},
        id="01981c6e-6666-7c3e-9d2f-0a1b2c3d4e5f",
        reason="Rows were lost",
        status="finished",
        progress=1,
        messages=48211,
        repaired=12,
        requested_at="2026-05-02T09:00:00Z",
        finished_at="2026-05-02T09:04:00Z",
    )

    id: UUID
    since: datetime = Field(alias="from")
    to: datetime
    reason: str | None
    status: Literal["running", "finished"]
    progress: float
    messages: int
    repaired: int
    requested_at: datetime
    finished_at: datetime | None


class ReplayPage(BaseModel):
    items: list[ReplayShown]
    next: str | None


_REFUSALS = {
    400: "The body can't be read",
    403: "The key's role does not reach this far",
    404: "There is no such profile, or no such part of it",
    413: "The body is too large",
    422: "Not as it should be; `errors` says where",
    503: "A service this needs is away",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals a route may answer with, for its documentation."""
    problem = {"application/problem+json": {"schema": {"type": "object"}}}
    all_statuses: Sequence[int] = (*statuses, 401)
    return {
        status: {"description": _REFUSALS.get(status, "No key, or a bad one"), "content": problem}
        for status in all_statuses
    }
