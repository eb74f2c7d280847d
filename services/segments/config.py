"""Settings of the segments service."""

from importlib import resources

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import SettingsConfigDict

from shared.plumbing.settings import CommonSettings


class Settings(CommonSettings):
    """Each field is `REGULARS_SEGMENTS_<FIELD>` or, where all services share it, `REGULARS_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="REGULARS_", extra="ignore", frozen=True, populate_by_name=True)

    database_url: str = Field(
        validation_alias=AliasChoices("REGULARS_SEGMENTS_DATABASE_URL", "REGULARS_DATABASE_URL"),
        description="PostgreSQL, 15 or newer",
    )
    port: int = Field(default=8003, validation_alias="REGULARS_SEGMENTS_PORT", description="Port to listen on")
    default_timezone: str = Field(
        default="UTC", description="Time zone (IANA) of profiles without a `timezone` trait that is one"
    )
    feed_batch: int = Field(
        default=1000,
        ge=1,
        le=5000,
        validation_alias="REGULARS_SEGMENTS_FEED_BATCH",
        description="Resolved events taken in by one transaction, at most",
    )
    backfill_batch: int = Field(
        default=2000,
        ge=1,
        le=20000,
        validation_alias="REGULARS_SEGMENTS_BACKFILL_BATCH",
        description="Profiles that one transaction of a backfill writes, at most",
    )

    reconcile_hour: int = Field(
        default=3,
        ge=-1,
        le=23,
        validation_alias="REGULARS_SEGMENTS_RECONCILE_HOUR",
        description="Local hour (of the default time zone) from which on, once a day, a sample is compared with its history; -1: never",
    )
    reconcile_sample: int = Field(
        default=20,
        ge=1,
        le=10_000,
        validation_alias="REGULARS_SEGMENTS_RECONCILE_SAMPLE",
        description="Profiles of each of the 64 lanes that are compared, at most",
    )

    @field_validator("default_timezone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        if name not in resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split():
            raise ValueError(f"{name!r} is no IANA time zone")
        return name
