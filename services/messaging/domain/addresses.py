"""Where a person can be reached, and how an address is compared and kept when it may not be kept itself."""

import hashlib
import hmac
import re

from shared.schemas.recipients import Recipient

_EMAIL = re.compile(r"[^\s@<>()\[\],;:\"\\\x00-\x1f\x7f]+@[^\s@<>()\[\],;:\"\\\x00-\x1f\x7f]+")
_PHONE = re.compile(r"\+?[0-9][0-9 ()./-]{3,30}")


def addresses_for(recipient: Recipient, channel: str) -> list[str]:
    """The person's addresses on a channel, the first to be used first: of devices the one seen last. A webhook is told about the
    profile itself."""
    if channel == "push":
        return [device.token for device in recipient.devices]
    address = address_for(recipient, channel)
    return [] if address is None else [address]


def address_for(recipient: Recipient, channel: str) -> str | None:
    """The first of them, or None."""
    if channel == "email":
        return _contact(recipient, "email", _EMAIL)
    if channel == "sms":
        return _contact(recipient, "phone", _PHONE)
    if channel == "push":
        return recipient.devices[0].token if recipient.devices else None
    return str(recipient.id) if channel == "webhook" else None


def _contact(recipient: Recipient, name: str, shape: re.Pattern[str]) -> str | None:
    named = (identifier.value for identifier in recipient.identifiers if identifier.namespace == name)
    for value in (recipient.traits.get(name), *named):
        if isinstance(value, str) and len(value) <= 254 and shape.fullmatch(value.strip()):
            return value.strip()
    return None


def can_be_address(channel: str, address: str) -> bool:
    """Whether a message on this channel can be given to it."""
    shape = {"email": _EMAIL, "sms": _PHONE}.get(channel)
    return address.isprintable() and (shape is None or shape.fullmatch(address) is not None)


def masked(channel: str, address: str) -> str:
    """So much of an address that its owner knows it, and nobody else: `a•••@e•••.com`, `••• 67`; nothing of a device's token."""
    user, _, domain = address.rpartition("@")
    if channel == "email" and user:
        place, _, top = domain.rpartition(".")
        return f"{user[:1]}•••@{(place or top)[:1]}•••" + (f".{top}" if place else "")
    return f"••• {address[-2:]}" if channel == "sms" else ""


def normal_address(channel: str, address: str) -> str:
    """The same for spellings that reach the same place."""
    if channel == "email":
        return address.strip().casefold()
    if channel == "sms":
        return re.sub(r"[^0-9+]", "", address)
    return address.strip()


def address_hash(secret: str, channel: str, address: str) -> str:
    """A keyed hash (HMAC-SHA256, hex) by which an address is recognised that is not kept."""
    return hmac.new(
        secret.encode(), f"{channel}\x00{normal_address(channel, address)}".encode(), hashlib.sha256
    ).hexdigest()
