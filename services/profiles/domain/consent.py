"""What somebody allows: the newest word decides, a tie goes to the refusal."""

from collections.abc import Iterable
from datetime import datetime

from shared.schemas.recipients import Consent

GRANTED = "granted"


def _rank(consent: Consent) -> tuple[datetime, bool]:
    return consent.at, consent.status != GRANTED


def standing(consents: Iterable[Consent]) -> tuple[Consent, ...]:
    """The last word for each purpose and channel; nothing older can decide anything."""
    last: dict[tuple[str, str], Consent] = {}
    for consent in consents:
        key = consent.purpose, consent.channel
        if key not in last or _rank(consent) > _rank(last[key]):
            last[key] = consent
    return tuple(last.values())


def deciding(consents: Iterable[Consent], *, purpose: str, channel: str) -> Consent | None:
    """The newest for that channel or `any`."""
    about = [one for one in consents if one.purpose == purpose and one.channel in (channel, "any")]
    return max(about, key=_rank, default=None)
