"""What somebody allows: the newest word decides, a tie goes to the refusal."""

from collections.abc import Iterable

from shared.schemas.recipients import Consent


def standing(consents: Iterable[Consent]) -> tuple[Consent, ...]:
    """The last word for each purpose and channel; nothing older can decide anything."""
    last: dict[tuple[str, str], Consent] = {}
    for consent in consents:
        key = consent.purpose, consent.channel
        if key not in last or consent.rank > last[key].rank:
            last[key] = consent
    return tuple(last.values())
