"""The shapes of requests and answers, with examples, as OpenAPI shows them."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from shared.plumbing.instants import Instant

CONDITION: dict[str, Any] = {
    "all": [
        {"spend": "total", "within": "P90D", "op": ">=", "value": 200},
        {"trait": "plan", "op": "=", "value": "pro"},
    ]
}
CHANGE_CAUSE: dict[str, Any] = {"kind": "event", "message_id": "a1b2", "name": "Order Completed"}
PROFILE_ID = "01981c6e-7a4b-7c3e-9d2f-0a1b2c3d4e5f"
NODES = (
    "The condition language, with examples of every node: docs/segments.md. One object with exactly one of `all`, `any`, `not`, `for`, "
    "`trait`, `trait_changed`, `event`, `spend`, `life_event`, `trait_date`, `sequence`, `segment`, `bucket`; `POST /v1/segments/preview` tries it."
)
WARNING = {
    "code": "mixed_currencies",
    "message": "Amounts are added whatever their currency, and orders came in several; `currency` takes one of them.",
    "currencies": [{"currency": "EUR", "profiles": 1210}, {"currency": "USD", "profiles": 340}],
}
KEY = r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$"


def example(**shown: Any) -> ConfigDict:
    """A shape with this example, and no keys but its own."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [shown]})


class TemplateGiven(BaseModel):
    """A ready-made definition and what is to be put into it; defaults for the rest."""

    model_config = example(key="vip", parameters={"amount": 300, "within": "P180D"})

    key: str = Field(description="Of `GET /v1/segment-templates`")
    parameters: dict[str, Any] = Field(default={}, description="By name")


class NewSegment(BaseModel):
    """A key, a name, and who belongs to it: a `condition`, a `template` that makes one, or a `list` that people are put on by
    name. Exactly one of the three."""

    model_config = example(key="vip", name="Spent 200 in 90 days", condition=CONDITION)

    key: str = Field(pattern=KEY, description="How it is called in paths and in other segments' conditions; for good")
    name: str = Field(default="", max_length=500, description="For people; the template's or the key, if none is given")
    condition: dict[str, Any] | None = Field(default=None, description=NODES)
    template: TemplateGiven | None = None
    list: StrictBool = Field(default=False, description="A static list, see `PUT /v1/segments/{key}/list`")


class SegmentEdit(BaseModel):
    """What is given replaces what was. A `template` stands for the condition that it makes."""

    model_config = example(name="Spent 300 in 90 days", condition=CONDITION)

    key: str | None = Field(default=None, description="If given, the same as in the path")
    name: str | None = Field(default=None, min_length=1, max_length=500)
    condition: dict[str, Any] | None = Field(default=None, description=NODES)
    template: TemplateGiven | None = None


class CurrencyShown(BaseModel):
    """`profiles`: about how many have orders in it."""

    currency: str
    profiles: int


class WarningShown(BaseModel):
    """`mixed_currencies`: amounts are added whatever their currency, and there are orders in several (`currencies`).
    `unknown_event`: no event has ever had the name in `event`."""

    model_config = example(**WARNING)

    code: Literal["mixed_currencies", "unknown_event"]
    message: str
    currencies: list[CurrencyShown] | None = None
    event: str | None = None


class SegmentShown(BaseModel):
    """`status`: `building` with `progress` from 0 to 1 (an edited segment serves its old `version` meanwhile; at 1 its
    members are going over to the new one), `live`, or
    `failing`: not evaluated since `stale_since`, for the reason in `error`; its members stay as they were. `warnings`: what in the
    condition may not be what is meant, by what has been seen so far. A `list` has no condition."""

    model_config = example(
        id="01981c6e-1111-7c3e-9d2f-0a1b2c3d4e5f",
        key="vip",
        name="Spent 200 in 90 days",
        kind="condition",
        condition=CONDITION,
        status="live",
        progress=None,
        stale_since=None,
        error=None,
        version=1,
        newest_version=1,
        size=1234,
        warnings=[WARNING],
        created_at="2026-05-01T09:00:00Z",
        updated_at="2026-05-01T09:00:00Z",
    )

    id: UUID
    key: str
    name: str
    kind: Literal["condition", "list"]
    condition: dict[str, Any] | None
    status: Literal["building", "live", "failing"]
    progress: float | None
    stale_since: datetime | None
    error: str | None
    version: int
    newest_version: int
    size: int
    warnings: list[WarningShown]
    created_at: datetime
    updated_at: datetime


class SomePeople(BaseModel):
    count: int
    sample: list[dict[str, Any]] = Field(description="Up to ten of them: `profile_id`, `user_id`")


class DryRunOfAnother(BaseModel):
    """What becomes of a segment that refers to the edited one."""

    key: str
    enter: SomePeople
    leave: SomePeople
    stay: int


class DryRunShown(BaseModel):
    """What an edit would do: its members at `as_of` against the present ones. `also`: the segments rebuilt with it."""

    model_config = example(
        dry_run=True,
        as_of="2026-05-01T10:15:30Z",
        enter={"count": 0, "sample": []},
        leave={"count": 1, "sample": [{"profile_id": PROFILE_ID, "user_id": "ann"}]},
        stay=1233,
        also=[],
    )

    dry_run: Literal[True]
    as_of: datetime
    enter: SomePeople
    leave: SomePeople
    stay: int
    also: list[DryRunOfAnother]


class SegmentPage(BaseModel):
    items: list[SegmentShown]
    next: str | None


class MemberShown(BaseModel):
    model_config = example(profile_id=PROFILE_ID, user_id="ann", entered_at="2026-05-01T10:15:30Z")

    profile_id: UUID
    user_id: str | None
    entered_at: datetime


class MemberPage(BaseModel):
    items: list[MemberShown]
    next: str | None


class ChangeShown(BaseModel):
    """`at`: the exact boundary for a change by time alone, otherwise when it was processed. `cursor` continues after it."""

    model_config = example(
        profile_id=PROFILE_ID,
        user_id="ann",
        change="entered",
        at="2026-05-01T10:15:30Z",
        version=1,
        cause=CHANGE_CAUSE,
        cursor="WzAsMyww…",
    )

    profile_id: UUID
    user_id: str | None
    change: Literal["entered", "left"]
    at: datetime
    version: int
    cause: dict[str, Any] = Field(
        description="`kind` is one of event, profile, time, merge, backfill, edit, import; beside it what is known more"
    )
    cursor: str


class ChangePage(BaseModel):
    items: list[ChangeShown]
    next: str | None


class PreviewRequest(BaseModel):
    """A `condition`, or a `template` that makes one. `as_of`: at which instant; now, if none is given."""

    model_config = example(condition=CONDITION, as_of="2026-04-01T00:00:00Z")

    condition: dict[str, Any] | None = Field(default=None, description=NODES)
    template: TemplateGiven | None = None
    as_of: Instant | None = None


class PreviewShown(BaseModel):
    model_config = example(
        count=1234, sample=[{"profile_id": PROFILE_ID, "user_id": "ann"}], as_of="2026-04-01T00:00:00Z"
    )

    count: int
    sample: list[dict[str, Any]] = Field(description="Up to ten of them")
    as_of: datetime


class Explanation(BaseModel):
    """The condition tree: a node is `kind`, `value`, `next_at` (when it may next change by itself), `children`; a leaf has its
    `condition` and `facts` (the numbers and the newest events behind it). `segments`: those it refers to, each explained once.
    `member_since` and `last_change` are what was recorded last."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "segment": "vip",
                    "version": 1,
                    "profile_id": PROFILE_ID,
                    "user_id": "ann",
                    "member_since": "2026-05-01T10:15:30Z",
                    "last_change": {
                        "change": "entered",
                        "at": "2026-05-01T10:15:30Z",
                        "version": 1,
                        "cause": CHANGE_CAUSE,
                    },
                    "kind": "spend",
                    "value": True,
                    "condition": CONDITION["all"][0],
                    "facts": {"actual": 240.5, "count": 3, "orders": []},
                    "next_at": "2026-06-01T10:15:30Z",
                    "as_of": "2026-05-01T10:15:30Z",
                    "segments": {},
                }
            ]
        }
    )

    segment: str
    version: int
    profile_id: UUID
    user_id: str | None
    member_since: datetime | None
    last_change: dict[str, Any] | None
    kind: str
    value: bool
    as_of: datetime
    next_at: datetime | None
    segments: dict[str, Any]


class Refusal(BaseModel):
    """RFC 9457, `application/problem+json`."""

    model_config = example(
        type="urn:regulars:error:not_found",
        title="Not found",
        status=404,
        detail="There is no segment with the key 'vip'.",
        code="not_found",
        message="There is no segment with the key 'vip'.",
    )

    type: str
    title: str
    status: int
    detail: str
    code: str
    message: str
    errors: list[dict[str, Any]] | None = None


_MEANINGS = {
    400: "The body can't be read",
    401: "No API key, or an unknown one",
    403: "The key's role does not reach this far",
    404: "There is no such segment, or profile",
    409: "The key is taken, something refers to it, or it is not for this",
    413: "The body is too large",
    422: "Not as it must be; `errors` says where",
    503: "The database, or a service this needs, is away",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route may refuse with, for its docs."""
    return {
        status: {"description": _MEANINGS[status], "content": {"application/problem+json": {"schema": _REFUSAL}}}
        for status in (401, 403, *statuses, 503)
    }


_REFUSAL = Refusal.model_json_schema()
