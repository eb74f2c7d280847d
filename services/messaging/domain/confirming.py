"""Double opt-in: a consent for an address that was never confirmed is a wish only, until its owner confirms it by a link."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from services.messaging.domain.campaign import (
    TRANSACTIONAL,
    Campaign,
    ConfirmTrigger,
    Definition,
    Variant,
)
from services.messaging.domain.campaign_reading import parse_instant
from shared.language.reading import Loc, Reading
from shared.schemas.recipients import Consent

CHANNEL = "email"
AGAIN_AFTER = timedelta(days=7)
"""Nobody is asked to confirm more often, and no address, whatever is granted meanwhile."""
_ASKING = UUID("6a0c3a52-6f1a-5d0e-9a53-4b1f3d0c7e11")

Confirmed = Callable[[str, str], Collection[str]]
"""The purposes for which an address is confirmed, by channel and address."""


@dataclass(frozen=True, slots=True)
class Confirming:
    """`since`: from when on, by purpose; what was granted before counts as confirmed. `template`: asks for it."""

    template: str
    since: Mapping[str, datetime] = field(default_factory=dict)
    purposes: tuple[str, ...] = ()

    def is_missing(self, purpose: str, channel: str, consent: Consent | None, confirmed: Collection[str]) -> bool:
        """Whether this consent does not count yet."""
        since = self.since.get(purpose)
        if channel != CHANNEL or since is None or consent is None:
            return False
        return consent.at >= since and purpose not in confirmed

    def campaigns(self) -> list[Campaign]:
        """What asks: for each purpose a campaign of our own, to which all rules for transactional messages apply."""
        return [self._campaign(purpose, since) for purpose, since in sorted(self.since.items())]

    def _campaign(self, purpose: str, since: datetime) -> Campaign:
        definition = Definition(
            trigger=ConfirmTrigger(purpose),
            variants=(Variant(self.template),),
            purpose=TRANSACTIONAL,
            channel=CHANNEL,
            reentry=AGAIN_AFTER,
        )
        return Campaign(asking_id(purpose), f"double_opt_in:{purpose}", definition, "running", ((since, None),))


def asking_id(purpose: str) -> UUID:
    """The id of the campaign that asks for a purpose."""
    return uuid5(_ASKING, purpose)


def read_confirming(json: object, loc: Loc, reading: Reading) -> Confirming | None:
    """The setting; None where there is none. `since` is filled in when it is put."""
    if json is None:
        return None
    found = reading.fields(json, loc) or {}
    reading.keys(found, loc, required=("purposes", "template"), optional=("since",))
    purposes = [one for one, _ in reading.items(found.get("purposes", []), (*loc, "purposes")) if isinstance(one, str)]
    if not purposes or TRANSACTIONAL in purposes or not all(0 < len(one.strip()) <= 200 for one in purposes):
        reading.fault((*loc, "purposes"), "must be a list of purposes other than transactional")
    given = reading.fields(found.get("since", {}), (*loc, "since")) or {}
    since = {one: reading.converted(given, one, (*loc, "since"), parse_instant) for one in purposes}
    return Confirming(
        reading.text(found, "template", loc),
        {one: at for one, at in since.items() if at is not None},
        tuple(purposes),
    )
