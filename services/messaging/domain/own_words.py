"""What a person said by a link counts at once, before profiles has it and can say so."""

from dataclasses import dataclass, field

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
    preferences, traits = recipient.preferences, recipient.traits
    for change in words.preferences:
        preferences = change.applied_to(preferences)
        traits = traits if change.locale is None else traits | {"locale": change.locale}
    return msgspec.structs.replace(
        recipient, consents=(*recipient.consents, *words.consents), preferences=preferences, traits=traits
    )
