"""How somebody wants to be spoken to: channels in order of preference, local times, topics."""

from collections.abc import Mapping
from datetime import time
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, model_validator

Channel = Literal["email", "sms", "push", "webhook"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
END_OF_DAY = "24:00"


def _each_once(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise ValueError("must name each only once")
    return values


def _local_time(value: str) -> str:
    """`HH:MM`, `HH:MM:SS`, or 24:00 for the end of the day."""
    try:
        if value != END_OF_DAY:
            time.fromisoformat(value)
    except ValueError:
        raise ValueError('must be a local time such as "10:00"') from None
    return value


LocalTime = Annotated[str, Field(pattern=r"^\d{2}:\d{2}(:\d{2})?$"), AfterValidator(_local_time)]


class ContactWindow(BaseModel):
    """A time of day on some days, local to the person. One that ends before it begins ends on the next day."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, serialize_by_alias=True)

    days: Annotated[list[Day], AfterValidator(_each_once)] = Field(
        default=["mon", "tue", "wed", "thu", "fri", "sat", "sun"], min_length=1
    )
    start: LocalTime = Field(alias="from")
    until: LocalTime

    @model_validator(mode="after")
    def lasts(self) -> "ContactWindow":
        """Refuse a window without any time in it."""
        if self.start == self.until or self.start == END_OF_DAY:
            raise ValueError("must end at another time than it begins")
        return self


class Preferences(BaseModel):
    """No `channels`: no preference. No `contact_windows`: any time. `topics` not named: no preference."""

    model_config = ConfigDict(
        extra="forbid",
        serialize_by_alias=True,
        json_schema_extra={
            "examples": [
                {
                    "channels": ["sms", "email"],
                    "contact_windows": [{"days": ["mon", "tue"], "from": "10:00", "until": "14:00"}],
                    "topics": {"news": False},
                }
            ]
        },
    )

    channels: Annotated[list[Channel], AfterValidator(_each_once)] = Field(default=[])
    contact_windows: list[ContactWindow] = Field(default=[], max_length=100)
    topics: dict[Annotated[str, Field(min_length=1, max_length=100)], StrictBool] = Field(default={}, max_length=1000)


def unite_preferences(older: Mapping[str, Any], newer: Mapping[str, Any]) -> dict[str, Any]:
    """Those of two profiles that are one person: the newer, with every topic that was refused before and of which they say nothing."""
    refused = {topic: False for topic, wanted in (older.get("topics") or {}).items() if wanted is False}
    return {**newer, "topics": refused | (newer.get("topics") or {})} if refused else dict(newer)
