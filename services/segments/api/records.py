"""The shapes of what was recorded and counted, with examples, as OpenAPI shows them."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.segments.api.documents import CHANGE_CAUSE, CONDITION, PROFILE_ID


def _example(**example: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


class ChangeOfProfileShown(BaseModel):
    """Why a profile entered or left `segment`. `version`: of the condition that decided; the segment's `versions` have it."""

    model_config = _example(
        segment="vip",
        profile_id=PROFILE_ID,
        user_id="ann",
        change="entered",
        at="2026-05-01T10:15:30Z",
        version=1,
        cause=CHANGE_CAUSE,
    )

    segment: str
    profile_id: UUID = Field(description="The one asked for, or one that was merged with it")
    user_id: str | None
    change: Literal["entered", "left"]
    at: datetime
    version: int
    cause: dict[str, Any]


class ChangeOfProfilePage(BaseModel):
    items: list[ChangeOfProfileShown]
    next: str | None


class VersionShown(BaseModel):
    """`live_at`: when it began to serve, null if it never did. `replaced_at`: when a later one took over."""

    model_config = _example(
        number=1,
        condition=CONDITION,
        status="replaced",
        created_at="2026-05-01T09:00:00Z",
        live_at="2026-05-01T09:00:12Z",
        replaced_at="2026-05-03T09:00:15Z",
        stale_since=None,
        error=None,
    )

    number: int
    condition: dict[str, Any]
    status: Literal["building", "live", "replaced", "failing"]
    created_at: datetime
    live_at: datetime | None
    replaced_at: datetime | None
    stale_since: datetime | None
    error: str | None


class VersionPage(BaseModel):
    items: list[VersionShown]
    next: str | None
