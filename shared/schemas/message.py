"""The base of every message between services."""

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """Frozen, and tolerant of fields that a newer release added."""

    model_config = ConfigDict(frozen=True, extra="ignore", arbitrary_types_allowed=False)
