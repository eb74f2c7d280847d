"""Who lives with whom: people with the same trait `household_id` are one household. One without it stands for themselves."""

import hashlib
import hmac

from shared.schemas.recipients import Recipient

TRAIT = "household_id"
LONGEST = 200


def household_of(recipient: Recipient) -> str | None:
    """The household's name, a text or a whole number (as its decimal text), or None."""
    value = recipient.traits.get(TRAIT)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    text = value.strip() if isinstance(value, str) else ""
    return text if 0 < len(text) <= LONGEST else None


def household_key(secret: str, recipient: Recipient) -> str | None:
    """A keyed hash by which a household is recognised whose name (it may be an address) is not kept."""
    name = household_of(recipient)
    if name is None:
        return None
    return hmac.new(secret.encode(), f"household\x00{name}".encode(), hashlib.sha256).hexdigest()
