"""The settings of the profiles service, beside those that every service has."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_settings import SettingsConfigDict

from shared.language.durations import parse_duration
from shared.plumbing.settings import CommonSettings


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


class IdentifierLimit(BaseModel):
    """How many values of one namespace messages link to one profile; `within`: how many that are new in that time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    values: int = Field(ge=1, le=10_000)
    within: Annotated[timedelta | None, BeforeValidator(_duration)] = None


class Settings(CommonSettings):
    """Every field is the environment variable `REGULARS_<FIELD>`, or the one it names."""

    model_config = SettingsConfigDict(env_prefix="REGULARS_", extra="ignore", frozen=True, populate_by_name=True)

    database_url: str = Field(
        validation_alias=AliasChoices("REGULARS_PROFILES_DATABASE_URL", "REGULARS_DATABASE_URL"),
        description="PostgreSQL of the profiles service",
    )
    port: int = Field(
        default=8001, validation_alias="REGULARS_PROFILES_PORT", description="Port of the profiles service"
    )
    profiles_batch: int = Field(
        default=1000, ge=1, le=5000, description="Messages of the raw log that are resolved in one transaction"
    )
    blocked_identifiers: frozenset[str] = Field(
        default=frozenset({"null", "-1", "0", "anonymous", "undefined", "none", "nan", "unknown"}),
        description="Identifier values that mean nobody (any case, trimmed; also empty ones and those of only zeros and dashes): "
        "they lead to no profile and link none",
    )
    max_identifiers: int = Field(
        default=500,
        ge=1,
        le=10_000,
        description="Values of one namespace (other than user_id) that messages link to one profile; beyond it a value "
        "is not linked any more, so that a kiosk's or a robot's profile cannot swallow everybody",
    )
    identifier_limits: dict[str, IdentifierLimit] = Field(
        default={},
        description="The same for single namespaces, and if wanted in a time, as JSON: "
        '{"anonymous_id": {"values": 20, "within": "P30D"}} links at most 20 new ones in 30 days',
    )
    merge_on: frozenset[Literal["email", "phone"]] = Field(
        default=frozenset(),
        description="Contact points that identify a person like a user id does, and so merge profiles",
    )
    phone_region: str = Field(
        default="",
        description="Country (DE, US ...) of phone numbers without a country code; empty: they stay as written",
    )
    profiles_max_body: int = Field(default=1024 * 1024, ge=1024, description="Size in bytes of a request body, at most")
    erasure_every: Decimal = Field(
        default=Decimal(1), gt=0, description="Seconds between two looks whether an erasure is complete"
    )
