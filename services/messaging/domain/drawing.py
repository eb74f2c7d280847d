"""Chance that stays: who is held out and who gets which variant, by a stable hash."""

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")
_WHOLE = 1 << 256
EVERY_CAMPAIGN = UUID(int=0)


def draw(salt: str, campaign_id: UUID, profile_id: UUID) -> Decimal:
    """A number in [0, 1), always the same for one profile in one campaign."""
    digest = hashlib.sha256(f"{salt}:{campaign_id}:{profile_id}".encode()).digest()
    return Decimal(int.from_bytes(digest, "big")) / _WHOLE


def held_out(share: Decimal, campaign_id: UUID, profile_id: UUID) -> bool:
    """Whether the profile is of those who are kept without the message to measure what it does."""
    return share > 0 and draw("holdout", campaign_id, profile_id) < share


def in_control_group(share: Decimal, profile_id: UUID) -> bool:
    """Whether the profile is of those who are told nothing by any campaign: drawn by the person alone, so that they stay it."""
    return share > 0 and draw("control", EVERY_CAMPAIGN, profile_id) < share


def in_test(share: Decimal, campaign_id: UUID, profile_id: UUID) -> bool:
    """Whether the profile is of those who get the variants, by whom it is found which one the others get."""
    return draw("test", campaign_id, profile_id) < share


def pick(choices: Sequence[tuple[T, Decimal]], campaign_id: UUID, profile_id: UUID) -> T:
    """One of the choices, with a chance in proportion to its weight. There must be one."""
    if len(choices) == 1:
        return choices[0][0]
    point = draw("variant", campaign_id, profile_id) * sum(weight for _, weight in choices)
    for choice, weight in choices:
        point -= weight
        if point < 0:
            return choice
    return choices[-1][0]
