"""What somebody allows: the newest word decides, a tie goes to the refusal."""

from collections.abc import Iterable
from datetime import datetime

from shared.schemas.recipients import Consent

ANY = "any"
GRANTED = "granted"
STATUSES = ("granted", "denied", "withdrawn")


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


def is_granted(consents: Iterable[Consent], *, purpose: str, channel: str) -> bool:
    """Whether the newest word for that channel, or for any, is a grant."""
    about = [c for c in consents if c.purpose == purpose and c.channel in {channel, ANY}]
    return bool(about) and max(about, key=_rank).status == GRANTED
