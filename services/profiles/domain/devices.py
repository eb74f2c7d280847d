"""Where push messages can go: devices as they report themselves, and as the device routes name them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.schemas.raw import RawMessage

MAX_TOKEN = 1024


@dataclass(frozen=True, slots=True)
class DeviceSeen:
    """A device was seen with a person, or (`removed`) is theirs no more."""

    profile_id: UUID
    token: str
    platform: str | None
    app_version: str | None
    at: datetime
    removed: bool = False


def device_of(message: RawMessage, profile_id: UUID, at: datetime) -> DeviceSeen | None:
    """The device that a message is about or comes from; only one with a push token counts."""
    if message.type in {"device", "device_removed"}:
        told = _object(message.properties.get("device")) or message.properties
        token = _first_text(told, "token", "id", "device_id")
    elif "device" in message.context:
        told = _object(message.context["device"])
        token = _first_text(told, "token")
    else:
        return None
    if token is None or len(token) > MAX_TOKEN:
        return None
    version = _first_text(told, "app_version", "appVersion") or _first_text(
        _object(message.context.get("app")), "version"
    )
    platform = _first_text(told, "platform", "type")
    removed = message.type == "device_removed"
    return DeviceSeen(profile_id, token, platform and platform.lower(), version, at, removed=removed)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _first_text(told: Mapping[str, Any], *keys: str) -> str | None:
    found = (told.get(key) for key in keys)
    return next((value for value in found if isinstance(value, str) and value), None)
