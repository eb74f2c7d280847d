"""Forgetting people: knowing a message of theirs again without knowing them, and when it is done everywhere."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.profiles.domain.names import Name


def keyed_hash(name: Name, key: str) -> bytes:
    """A name as nobody without the deployment's secret can guess it (HMAC-SHA256)."""
    return hmac.new(key.encode(), f"{name.namespace}\x00{name.value}".encode(), hashlib.sha256).digest()


@dataclass(frozen=True, slots=True)
class Receipt:
    """How far an erasure is. `rows`, `raw_heads`, `heads` by lane, see table `erasures`; `services`: through since when."""

    id: UUID
    profile_id: UUID
    status: Literal["pending", "completed"]
    requested_at: datetime
    completed_at: datetime | None
    rows: Mapping[int, int]
    raw_heads: Mapping[int, int] | None
    heads: Mapping[int, int] | None
    services: Mapping[str, str | None]


def who_is_through(
    receipt: Receipt, passed: Mapping[str, Mapping[int, int]], consumers: Sequence[str], *, now: datetime
) -> dict[str, str | None]:
    """Since when each consumer has forgotten the person; None for those that have not yet, as far as is known.

    `passed`: the last number each consumer has taken in, by lane. Nobody is through before the messages that were still on
    their way have been found.
    """
    until = {lane: max(row, (receipt.heads or {}).get(lane, 0)) for lane, row in receipt.rows.items()}

    def is_through(consumer: str) -> bool:
        theirs = passed.get(consumer, {})
        return receipt.heads is not None and all(theirs.get(lane, 0) >= seq for lane, seq in until.items())

    return {
        consumer: receipt.services.get(consumer) or (now.isoformat() if is_through(consumer) else None)
        for consumer in consumers
    }
