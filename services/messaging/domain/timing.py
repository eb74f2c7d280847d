"""When a message is first due where somebody is."""

from datetime import datetime
from zoneinfo import ZoneInfo

from services.messaging.domain.campaign import Broadcast, Definition
from services.messaging.domain.local_time import instant_of, next_time


def tested_at(definition: Definition, trigger_at: datetime) -> datetime | None:
    """When the best variant is found; None where there is no test."""
    return None if definition.test is None else trigger_at + definition.delay + definition.test.after


def due_where(definition: Definition, trigger_at: datetime, place: ZoneInfo) -> datetime | None:
    """When it is due there by the clock on the wall; None where the campaign does not ask for it."""
    trigger = definition.trigger
    local = trigger.local if isinstance(trigger, Broadcast) else None
    if local is None and definition.local_time is None:
        return None
    due = (trigger_at if local is None else instant_of(local, place)) + definition.delay
    return due if definition.local_time is None else next_time(due, definition.local_time, place)
