"""How much a provider may be given at a moment: a rate, and a pause while it fails."""

from dataclasses import dataclass, replace

OPENS_AFTER = 5  # answers in a row that are none, or "not now"
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds
BURST = 1.0  # seconds' worth that may be saved up
SECONDS_SAVED = 2.0  # of a campaign's rate: it is looked at once a second or so


@dataclass(frozen=True, slots=True)
class Gate:
    """Of one provider. `per_second`: None for any number. Times are seconds of one clock that never runs backwards.

    `failures`: how many in a row. While it pauses nothing is let through; then one message at a time, until one is taken.
    """

    per_second: float | None = None
    saved: float = 0.0
    at: float = 0.0
    failures: int = 0
    closed_until: float = 0.0
    burst: float = BURST

    def allowed(self, now: float, *, under_way: int = 0) -> int | None:
        """How many messages may be given to it now; None for any number. `under_way`: how many it has not answered yet."""
        if now < self.closed_until:
            return 0
        saved = self._saved(now)
        if self.failing:
            one = 0 if under_way else 1
            return one if saved is None else min(one, int(saved))
        return None if saved is None else int(saved)

    @property
    def failing(self) -> bool:
        """Whether it is to be given one message at a time at most, until one is taken."""
        return self.failures >= OPENS_AFTER

    def given(self, count: int, now: float) -> "Gate":
        """So many were given to it."""
        saved = self._saved(now)
        return self if saved is None else replace(self, saved=saved - count, at=now)

    def answered(self, *, well: bool, now: float) -> "Gate":
        """`well`: it took the message, or refused it for good."""
        if well:
            return replace(self, failures=0, closed_until=0.0) if self.failures or self.closed_until else self
        failures = self.failures + 1
        if failures < OPENS_AFTER:
            return replace(self, failures=failures)
        pause = min(FIRST_PAUSE * 2 ** min(failures - OPENS_AFTER, 10), LONGEST_PAUSE)
        return replace(self, failures=failures, closed_until=max(self.closed_until, now + pause))

    def at_rate(self, per_second: float | None) -> "Gate":
        """With another share of what all workers together may give it."""
        return self if per_second == self.per_second else replace(self, per_second=per_second)

    def _saved(self, now: float) -> float | None:
        if self.per_second is None:
            return None
        return min(self.saved + (now - self.at) * self.per_second, max(1.0, self.per_second * self.burst))


def within_a_minute(most: float) -> float:
    """A second's worth of at most so many in any minute, what is saved up at its beginning included."""
    return max(min((most - 1) / 60, most / (60 + SECONDS_SAVED)), at_least(most))


def at_least(most: float) -> float:
    """A second's worth that `within_a_minute` is never below, however many share the rate."""
    return most / 120
