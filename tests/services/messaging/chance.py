"""What is left to chance elsewhere, made certain: who is drawn, and what time of day it is."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.messaging.domain.drawing import held_out
from shared.plumbing.ids import new_id
from tests.services.messaging.conftest import Messaging


def drawn(campaign: Any, *, held: bool) -> UUID:
    """The id of somebody whom this campaign holds out, or does not."""
    share = Decimal(campaign.get("holdout", 0))
    return next(one for one in iter(new_id, None) if held_out(share, UUID(campaign["id"]), one) is held)


def at_hour(messaging: Messaging, hour: int) -> None:
    """Step to the next time that it is this hour of UTC, or on to a little after it."""
    now = messaging.clock.now()
    messaging.step((now.replace(hour=hour, minute=0, second=0, microsecond=0) - now) % timedelta(days=1))
