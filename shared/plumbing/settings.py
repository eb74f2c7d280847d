"""Settings that every service has, read from the environment once, in `app.py`."""

import os
import socket
from datetime import timedelta
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def _worker_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


class CommonSettings(BaseSettings):
    """Every field is the environment variable `REGULARS_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="REGULARS_", extra="ignore", frozen=True)

    role: Literal["all", "api", "worker"] = Field(default="all", description="What this process does")
    host: str = Field(default="127.0.0.1", description="Address to listen on")
    secret: str = Field(
        min_length=16,
        description="The deployment's secret; internal tokens and link signatures derive from it",
    )
    worker_name: str = Field(
        default_factory=_worker_name,
        description="Owner name of leases; a process started again under the same name takes its lanes back at once",
    )
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")
    pool_size: int = Field(default=8, ge=2, le=100, description="Database connections of one process, at most")
    lease_ttl: timedelta = Field(
        default=timedelta(seconds=10), description="After this a dead worker's lanes are taken over"
    )
    clock_offset: timedelta = Field(default=timedelta(), description="Run ahead of the machine's clock (for trials)")
    events_url: str = Field(default="http://127.0.0.1:8002", description="Where the events service answers")
    profiles_url: str = Field(default="http://127.0.0.1:8001", description="Where the profiles service answers")
    segments_url: str = Field(default="http://127.0.0.1:8003", description="Where the segments service answers")
    messaging_url: str = Field(default="http://127.0.0.1:8004", description="Where the messaging service answers")
