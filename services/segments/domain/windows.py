"""Which instants stand in a window at another one."""

from datetime import datetime, timedelta

from services.segments.domain.condition import Window
from services.segments.domain.facts import ProfileFacts, micros
from services.segments.domain.local_time import period_at, zone_of


def stands(at: datetime, within: Window | None, t: datetime, facts: ProfileFacts) -> bool:
    """`at` is not later than `t`. Ages are compared, not instants: `t − within` may lie before the first instant there is."""
    if within is None:
        return True
    if isinstance(within, timedelta):
        return t - at < within
    begin, _ = period_at(micros(t), within, zone_of(facts.traits, facts.default_zone))
    return micros(at) >= begin
