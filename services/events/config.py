"""Settings of the events service; only `app.py` reads them."""

from pathlib import Path

from pydantic import AliasChoices, Field
from pydantic_settings import SettingsConfigDict

from shared.plumbing.settings import CommonSettings


class Settings(CommonSettings):
    """`REGULARS_EVENTS_PORT` and `REGULARS_EVENTS_DATABASE_URL` are this service's own; the rest are `REGULARS_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="REGULARS_", extra="ignore", frozen=True, populate_by_name=True)

    port: int = Field(default=8002, validation_alias="REGULARS_EVENTS_PORT", description="Port to listen on")
    database_url: str = Field(
        validation_alias=AliasChoices("REGULARS_EVENTS_DATABASE_URL", "REGULARS_DATABASE_URL"),
        description="PostgreSQL 15 or newer",
    )
    bootstrap_write_key: str | None = Field(
        default=None, description="A write key of the source `default`, made at the first start"
    )
    bootstrap_api_key: str | None = Field(default=None, description="An admin API key, made at the first start")
    public_url: str | None = Field(
        default=None,
        validation_alias="REGULARS_EVENTS_PUBLIC_URL",
        description="Where SDKs reach this service, as their settings tell them (default: where they asked)",
    )
    analytics_js: Path | None = Field(
        default=None, description="Your copy of `dist/umd/standalone.js` of @segment/analytics-next, for the snippet"
    )
    max_body: int = Field(default=4 * 1024 * 1024, description="Bytes of a request, inflated, at most")
    max_message: int = Field(default=32 * 1024, description="Bytes of one message, at most")
    max_depth: int = Field(default=100, le=500, description="How deep the values of a message may nest")
    max_waiting: int = Field(
        default=64 * 1024 * 1024, description="Bytes that may wait for the disk; beyond that requests are refused (429)"
    )
    disk_path: Path | None = Field(
        default=None, description="A path on the database's volume, where that is on this machine"
    )
    disk_reserve_mb: int = Field(
        default=512, ge=0, description="What must stay free on the database's volume; below that ingest refuses (429)"
    )
    dedup_days: int = Field(default=90, ge=1, description="How long a repeated messageId is known as such")
    rejected_days: int = Field(default=30, ge=1, description="How long messages that can't be used are kept")
