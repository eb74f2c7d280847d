"""When to try a provider again: sooner at first, then later and later, each time somewhat at random, until it is stale."""

from datetime import datetime, timedelta

FIRST = timedelta(seconds=5)
LONGEST = timedelta(minutes=15)


def next_try(
    attempts: int, *, now: datetime, give_up_at: datetime, chance: float, wait: timedelta | None = None
) -> datetime | None:
    """The instant of the next try after `attempts` (1 or more) of them, or None if it would come too late.

    `wait`: what the provider asks for, at least.
    `chance` in [0, 1) spreads the tries over half to one and a half times the delay, so that they do not come at once.
    """
    delay = min(FIRST * 2 ** min(attempts - 1, 20), LONGEST)
    at = now + delay * (0.5 + chance)
    if wait is not None:
        at = max(at, now + wait * (1 + chance / 10))
    return at if at <= give_up_at else None
