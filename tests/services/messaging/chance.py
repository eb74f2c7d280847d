"""What is left to chance elsewhere, made certain: who is drawn, and what time it is."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.messaging.domain.drawing import held_out
from shared.plumbing.ids import new_id
from tests.services.messaging.conftest import Messaging


def someone(fits: Callable[[UUID], bool]) -> UUID:
    """The id of somebody of whom this is so."""
    return next(one for one in iter(new_id, None) if fits(one))


def drawn(campaign: Any, *, held: bool) -> UUID:
    """The id of somebody whom this campaign holds out, or does not."""
    share = Decimal(campaign.get("holdout", 0))
    return someone(lambda one: held_out(share, UUID(campaign["id"]), one) is held)


def at_hour(messaging: Messaging, hour: int) -> None:
    """Step to the next time that it is this hour of UTC."""
    now = messaging.clock.now()
    messaging.step((now.replace(hour=hour, minute=0, second=0, microsecond=0) - now) % timedelta(days=1))


def in_july(messaging: Messaging) -> None:
    """Step to noon of a day on which no clocks change."""
    now = messaging.clock.now()
    messaging.step(datetime(now.year + 1, 7, 1, 12, tzinfo=UTC) - now)
