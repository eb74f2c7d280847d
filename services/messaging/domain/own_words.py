"""What a person said by a link counts at once, before profiles has it and can say so."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from shared.schemas.recipients import Consent, PreferencesChange, Recipient


@dataclass(slots=True)
class OwnWords:
    """What one person said lately: consents, and changes of preferences, the oldest first."""

    consents: list[Consent] = field(default_factory=list)
    preferences: list[PreferencesChange] = field(default_factory=list)


def heard(recipient: Recipient, words: OwnWords | None) -> Recipient:
    """The person as they will be known once profiles has heard it all. To hear a word twice changes nothing."""
    if words is None:
        return recipient
    return msgspec.structs.replace(
        recipient,
        consents=(*recipient.consents, *words.consents),
        preferences=_changed(recipient.preferences, words.preferences),
    )


def _changed(preferences: dict[str, Any], changes: Iterable[PreferencesChange]) -> dict[str, Any]:
    for change in changes:
        topics = preferences.get("topics")
        preferences = preferences | {"topics": (topics if isinstance(topics, dict) else {}) | change.topics}
        if change.contact_windows is not None:
            preferences = preferences | {"contact_windows": list(change.contact_windows)}
    return preferences
