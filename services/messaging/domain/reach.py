"""On which channel may and can we speak to this person: consent, topics, suppressions, addresses."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.messaging.domain.addresses import addresses_for
from services.messaging.domain.campaign import CHANNELS, TRANSACTIONAL
from services.messaging.domain.confirming import Confirmed
from services.messaging.domain.rules import Rules
from services.messaging.domain.topics import refused_topic
from shared.schemas.recipients import Consent, Recipient, deciding_consent

NON_TRANSACTIONAL = "non_transactional"


@dataclass(frozen=True, slots=True)
class Suppression:
    """An address that must not be written to. `scope`: a purpose, `non_transactional`, or "" for all.

    `yields`: it was the person's own word, so that a consent granted after it lifts it.
    """

    scope: str
    reason: str
    yields: bool
    created_at: datetime

    def stands(self, purpose: str, consent: Consent | None, now: datetime) -> bool:
        if self.scope not in ("", purpose) and not (self.scope == NON_TRANSACTIONAL and purpose != TRANSACTIONAL):
            return False
        granted_since = consent is not None and consent.status == "granted" and self.created_at < consent.at <= now
        return not (self.yields and granted_since)


@dataclass(frozen=True, slots=True)
class Reached:
    """The channel and address to use. `consent`: the one that allows it (None for what needs none)."""

    channel: str
    address: str
    consent: Consent | None


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Why no channel will do."""

    reason: str
    facts: dict[str, Any]


Suppressions = Callable[[str, str], Sequence[Suppression]]
"""The suppressions of an address by channel and address."""


@dataclass(frozen=True, slots=True)
class Place:
    """An address, and what keeps it from being used."""

    address: str
    standing: Sequence[Suppression] = ()


def place_for(
    recipient: Recipient,
    channel: str,
    *,
    purpose: str,
    consent: Consent | None,
    suppressions: Suppressions,
    now: datetime,
) -> Place | None:
    """The first of the person's addresses that may be used (who has lost a device may have another one), else the first of all."""
    places = [
        Place(address, [one for one in suppressions(channel, address) if one.stands(purpose, consent, now)])
        for address in addresses_for(recipient, channel)
    ]
    return next((place for place in places if not place.standing), places[0] if places else None)


def allowed(recipient: Recipient, suppressions: Suppressions, now: datetime) -> list[tuple[str, str]]:
    """What the person consents to, by purpose and channel, and has not refused at that channel's address."""
    found = []
    for purpose in sorted({one.purpose for one in recipient.consents}):
        for channel in CHANNELS:
            consent = deciding_consent(recipient.consents, purpose=purpose, channel=channel)
            if consent is None or not consent.allows(now):
                continue
            place = place_for(recipient, channel, purpose=purpose, consent=consent, suppressions=suppressions, now=now)
            if place is None or not place.standing:
                found.append((purpose, channel))
    return found


def in_order(channels: Sequence[str], preferences: Mapping[str, Any]) -> list[str]:
    """The channels in the person's order of preference, those they do not name behind."""
    named = preferences.get("channels")
    wanted = [c for c in named if c in channels] if isinstance(named, list) else []
    return list(dict.fromkeys([*wanted, *channels]))


def reach(
    recipient: Recipient,
    channels: Sequence[str],
    *,
    purpose: str,
    topic: str | None,
    suppressions: Suppressions,
    now: datetime,
    rules: Rules,
    confirmed: Confirmed = lambda _channel, _address: (),
) -> Reached | Unreachable:
    """The first channel that is consented to, confirmed, not suppressed and has an address; else the first thing that all lack."""
    consents = {c: deciding_consent(recipient.consents, purpose=purpose, channel=c) for c in channels}
    allowed = list(channels)
    if purpose != TRANSACTIONAL:
        allowed = [c for c in channels if (consent := consents[c]) is not None and consent.allows(now)]
        if not allowed:
            return Unreachable("no_consent", {"purpose": purpose, "consents": _shown(consents)})
        reason = refused_topic(topic, recipient.preferences, rules.topics)
        if reason is not None:
            return Unreachable(reason, {"topic": topic})
    blocked: dict[str, Suppression] = {}
    unconfirmed: list[str] = []
    for channel in allowed:
        consent = consents[channel]
        place = place_for(recipient, channel, purpose=purpose, consent=consent, suppressions=suppressions, now=now)
        if place is None:
            continue
        known = confirmed(channel, place.address)
        if place.standing:
            blocked[channel] = place.standing[0]
        elif rules.confirming and rules.confirming.is_missing(purpose, channel, consent, known):
            unconfirmed.append(channel)
        else:
            return Reached(channel, place.address, consent if purpose != TRANSACTIONAL else None)
    if unconfirmed:
        return Unreachable("not_confirmed", {"purpose": purpose, "consents": _shown(consents)})
    if blocked:
        shown = {c: {"reason": s.reason, "since": s.created_at} for c, s in blocked.items()}
        return Unreachable("suppressed", {"suppressions": shown})
    return Unreachable("no_address", {"channels": allowed})


def _shown(consents: Mapping[str, Consent | None]) -> dict[str, Any]:
    return {channel: shown_consent(consent) for channel, consent in consents.items()}


def shown_consent(consent: Consent | None) -> dict[str, Any] | None:
    """A consent among the values behind a decision."""
    if consent is None:
        return None
    ends = {"expires_at": consent.expires_at} if consent.expires_at else {}
    return {"status": consent.status, "channel": consent.channel, "at": consent.at} | ends
