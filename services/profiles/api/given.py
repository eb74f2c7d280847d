"""The shapes of requests, with examples, as OpenAPI shows them."""

import re
from datetime import date
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from services.profiles.api.documents import OTHER_ID, PROFILE_ID, TRAITS, example
from shared.plumbing.instants import Instant

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")


def _written_date(value: Any) -> Any:
    if not isinstance(value, str) or not _ISO_DATE.match(value):
        raise ValueError('must be a date such as "1990-02-28"')
    return value


IsoDate = Annotated[date, BeforeValidator(_written_date)]
Slug = Annotated[str, Field(min_length=1, max_length=64)]
Value = Annotated[str, Field(min_length=1, max_length=512)]


class IdentifierGiven(BaseModel):
    """A name within a namespace: `user_id`, `anonymous_id`, or one of yours. `email` and `phone` are lookup keys."""

    model_config = example(namespace="user_id", value="ann")

    namespace: Slug
    value: Value


class ProfileUpsert(BaseModel):
    """Who it is, by `identifiers` or by the fields of the same names, and traits (a JSON merge patch)."""

    model_config = example(identifiers=[{"namespace": "user_id", "value": "ann"}], traits=TRAITS)

    identifiers: list[IdentifierGiven] = Field(default=[], max_length=50)
    user_id: Value | None = Field(default=None, validation_alias=AliasChoices("user_id", "userId"))
    anonymous_id: Value | None = Field(default=None, validation_alias=AliasChoices("anonymous_id", "anonymousId"))
    email: Value | None = None
    phone: Value | None = None
    traits: dict[str, Any] = Field(default={})

    def names(self) -> dict[str, str | None]:
        """Values by namespace."""
        named: dict[str, str | None] = {given.namespace: given.value for given in self.identifiers}
        fields = {
            "user_id": self.user_id,
            "anonymous_id": self.anonymous_id,
            "email": self.email,
            "phone": self.phone,
        }
        return named | {key: value for key, value in fields.items() if value}

    @model_validator(mode="after")
    def one_each(self) -> Self:
        """Refuse two values of one namespace, and none at all."""
        spaces = [given.namespace for given in self.identifiers]
        if len(set(spaces)) != len(spaces):
            raise ValueError("give one value of each namespace")
        if not self.names():
            raise ValueError("give at least one identifier")
        return self


class TraitsPatch(BaseModel):
    """A JSON merge patch (RFC 7396): objects are merged, null removes."""

    model_config = example(traits={"plan": "pro", "address": {"city": "Bonn"}, "nickname": None})

    traits: dict[str, Any]


class PersonGiven(BaseModel):
    """A person by `id` or by one identifier."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [{"user_id": "ann"}]})

    id: UUID | None = None
    __pydantic_extra__: dict[str, Value]

    @model_validator(mode="after")
    def one(self) -> Self:
        """Refuse anything but exactly one."""
        if (self.id is not None) + len(self.__pydantic_extra__) != 1:
            raise ValueError("name the person in exactly one way: id, user_id, anonymous_id, or a namespace of yours")
        return self


class MergeRequest(BaseModel):
    """Two or more profiles that are one person: `profile_ids`, or `primary` and `secondary`.

    Which one survives does not depend on the order: the one with a user id, else the older.
    """

    model_config = example(profile_ids=[PROFILE_ID, OTHER_ID])

    profile_ids: list[UUID] = Field(default=[], max_length=50)
    primary: PersonGiven | None = None
    secondary: PersonGiven | None = None

    @model_validator(mode="after")
    def two(self) -> Self:
        """Refuse fewer than two people."""
        given = len(self.profile_ids) + (self.primary is not None) + (self.secondary is not None)
        if given < 2:
            raise ValueError("name at least two profiles")
        return self


class LifeEventGiven(BaseModel):
    """`subject`: whose: `self`, `partner`, `child` or any word of yours."""

    model_config = example(kind="birthday", date="1990-02-28", recurs="yearly", subject="self", note="likes cake")

    kind: Slug
    date: IsoDate
    recurs: Literal["yearly"] | None = None
    subject: Slug = "self"
    note: Annotated[str, Field(max_length=1000)] | None = None


class ConsentGiven(BaseModel):
    """`channel`: `email`, `sms`, … or `any`. `at`: now, if not given; one ahead counts as now. `policy_version`: to what it was said.
    `expires_at`: from then on what was granted allows nothing, until it is granted anew.
    """

    model_config = example(
        purpose="marketing",
        channel="email",
        status="granted",
        source="web form",
        policy_version="2026-05",
        expires_at="2028-05-01T00:00:00Z",
    )

    purpose: Slug
    channel: Slug
    status: Literal["granted", "denied", "withdrawn"]
    source: Annotated[str, Field(max_length=200)] | None = None
    at: Instant | None = None
    policy_version: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    expires_at: Instant | None = None

    @model_validator(mode="after")
    def only_a_yes_expires(self) -> Self:
        """Refuse an end of what never began."""
        if self.expires_at is not None and self.status != "granted":
            raise ValueError("only what is granted expires")
        return self


class DeviceGiven(BaseModel):
    """What is known of a device; its push token is in the path."""

    model_config = example(platform="ios", app_version="4.2.0")

    platform: Slug | None = None
    app_version: Slug | None = None


def _split(values: object) -> object:
    return [part for value in values for part in str(value).split(",")] if isinstance(values, list) else values


INCLUDED = (
    "Show these, too: `segments` (asked of segments), `events` (the newest 100, asked of events); comma-separated"
)
Include = Annotated[list[Literal["segments", "events"]], BeforeValidator(_split)]


class LookUp(BaseModel):
    """Exactly one name: `user_id`, `anonymous_id`, `email`, `phone`, or a namespace of yours."""

    model_config = ConfigDict(extra="allow")

    user_id: str | None = None
    anonymous_id: str | None = None
    email: str | None = None
    phone: str | None = None
    include: Include = Field(default=[], description=INCLUDED, examples=[["segments", "events"]])
    __pydantic_extra__: dict[str, str]

    def name(self) -> dict[str, str | None] | None:
        """What was given, if it is exactly one."""
        named = self.model_dump(exclude_none=True, exclude={"include"})
        return named if len(named) == 1 else None
