"""When a message is first due where somebody is."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from services.messaging.domain.campaign import Broadcast, Definition
from services.messaging.domain.local_time import instant_of, next_time

HABITS = timedelta(days=90)
"""How far back what somebody did with messages says when they look at them."""
LEAST_ACTS = 3
"""Fewer are no habit."""


def tested_at(definition: Definition, trigger_at: datetime) -> datetime | None:
    """When the best variant is found; None where there is no test."""
    return None if definition.test is None else trigger_at + definition.delay + definition.test.after


def best_hour(acts: Sequence[datetime], place: ZoneInfo) -> int | None:
    """The hour of the day in which most of these were there, the earliest of several; None where they are too few."""
    if len(acts) < LEAST_ACTS:
        return None
    counts = Counter(at.astimezone(place).hour for at in acts)
    return min(counts, key=lambda hour: (-counts[hour], hour))


def due_where(
    definition: Definition, trigger_at: datetime, place: ZoneInfo, acts: Sequence[datetime] = ()
) -> datetime | None:
    """When it is due there by the clock on the wall, or by habit; None where the campaign does not ask for it, or there is none.
    `acts`: when the person looked at messages."""
    trigger = definition.trigger
    local = trigger.local if isinstance(trigger, Broadcast) else None
    hour = best_hour(acts, place) if definition.best_time else None
    if local is None and definition.local_time is None and hour is None:
        return None
    due = (trigger_at if local is None else instant_of(local, place)) + definition.delay
    if hour is not None:
        return due if due.astimezone(place).hour == hour else next_time(due, time(hour), place)
    return due if definition.local_time is None else next_time(due, definition.local_time, place)
