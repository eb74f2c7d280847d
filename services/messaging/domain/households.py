"""Who lives with whom: people with the same trait `household_id` are one household. One without it stands for themselves.

An address that is asked to be confirmed is counted like one: whoever claims to have it, its owner is asked once.
"""

import hashlib
import hmac

from services.messaging.domain.addresses import address_for, address_hash
from services.messaging.domain.campaign import TRANSACTIONAL, ConfirmTrigger, Definition
from services.messaging.domain.confirming import CHANNEL
from services.messaging.domain.staff import OPERATIONAL
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


def counted_with(secret: str, definition: Definition, recipient: Recipient) -> str | None:
    """The key of the household that a message is counted for beside its person, or of the address that it asks to be confirmed;
    None where nobody else counts."""
    address = address_for(recipient, CHANNEL)
    if isinstance(definition.trigger, ConfirmTrigger) and address is not None:
        return f"{definition.trigger.purpose} {address_hash(secret, CHANNEL, address)}"
    return None if definition.purpose in (TRANSACTIONAL, OPERATIONAL) else household_key(secret, recipient)
