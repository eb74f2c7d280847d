"""How often one link may be used: what a person needs is let through, what a machine does in a loop is not."""

from collections import deque
from dataclasses import dataclass, field

MOST_KEYS = 10_000


@dataclass(slots=True)
class Turnstile:
    """At most `most` uses of each key within `within` seconds of one clock. Keys that were used longest ago are forgotten."""

    most: int = 30
    within: float = 60.0
    _used: dict[str, deque[float]] = field(default_factory=dict)

    def allows(self, key: str, now: float) -> bool:
        """Whether it may be used now; if so, it is."""
        used = self._used.pop(key, deque())
        while used and used[0] <= now - self.within:
            used.popleft()
        self._used[key] = used
        if len(self._used) > MOST_KEYS:
            del self._used[next(iter(self._used))]
        if len(used) >= self.most:
            return False
        used.append(now)
        return True
