"""In which currencies orders were completed, and by about how many profiles: one mark a profile, of which only the rarest
of each slot is kept (a HyperLogLog whose registers lie in the lanes). A mark says nothing of whom it is."""

import hashlib
import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from services.segments.domain.spending import COMPLETED

SLOTS = 16  # of a lane: with 64 lanes the count is right within some 3 %
LONGEST = 8  # characters; what is longer is no currency
MOST = 50  # currencies; what comes after them is not noted


class Mark(NamedTuple):
    """Where the mark of a profile stands in a currency."""

    lane: int
    currency: str
    slot: int


def currency_of(name: str | None, properties: Mapping[str, object]) -> str | None:
    """In which currency this event completed an order; None if it did not, or does not say."""
    if name not in COMPLETED:
        return None
    currency = properties.get("currency")
    return currency if isinstance(currency, str) and 1 <= len(currency) <= LONGEST else None


def mark_of(profile_id: UUID, currency: str, *, lane: int) -> tuple[Mark, int]:
    """With its rank: n is half as likely as n − 1. `lane`: the profile's."""
    digest = hashlib.sha256(profile_id.bytes).digest()
    drawn = int.from_bytes(digest[1:5], "big")
    return Mark(lane, currency, digest[0] % SLOTS), 33 - drawn.bit_length()


def about(ranks: Iterable[int], *, lanes: int) -> int:
    """How many profiles left marks of these ranks, one for each slot of so many lanes that has any."""
    known = list(ranks)
    registers = lanes * SLOTS
    empty = registers - len(known)
    estimate = 0.7213 / (1 + 1.079 / registers) * registers**2 / (empty + sum(2.0**-rank for rank in known))
    if estimate <= 2.5 * registers and empty:
        estimate = registers * math.log(registers / empty)
    return round(estimate)
