"""What a backtest found, counted."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.messaging.domain.replay import Decided

SAMPLED = 20
"""How many people are named for each reason."""


@dataclass(slots=True)
class Tally:
    """Counts by day (in UTC), by reason and by person, and names some."""

    decisions: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    waited: Counter[str] = field(default_factory=Counter)
    _days: defaultdict[date, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    _sent: Counter[UUID] = field(default_factory=Counter)
    _triggered: set[UUID] = field(default_factory=set)
    _sample: list[dict[str, Any]] = field(default_factory=list)
    _sampled: Counter[str] = field(default_factory=Counter)

    def add(self, decided: Decided) -> None:
        """What would have become of one trigger."""
        self.decisions[decided.decision] += 1
        self.reasons[decided.reason] += 1
        self.waited.update(set(decided.waited))
        self._days[decided.at.astimezone(UTC).date()][decided.decision] += 1
        self._triggered.add(decided.profile_id)
        if decided.decision == "sent":
            self._sent[decided.profile_id] += 1
        if self._sampled[decided.reason] < SAMPLED:
            self._sampled[decided.reason] += 1
            self._sample.append(_shown(decided))

    def shown(self, since: datetime, until: datetime) -> dict[str, Any]:
        """As the API shows it, with every day of the time. People count once in `people`, however often they are sent something."""
        often = Counter(self._sent.values())
        return {
            "decisions": dict(self.decisions.most_common()),
            "reasons": dict(self.reasons.most_common()),
            "waited": dict(self.waited.most_common()),
            "days": [{"day": day, **self._of(day)} for day in days_of(since, until)],
            "people": {"triggered": len(self._triggered), "messaged": len(self._sent)},
            "per_person": {
                "max": max(often, default=0),
                "mean": round(Decimal(self._sent.total()) / max(1, len(self._sent)), 2),
                "histogram": {str(times): often[times] for times in sorted(often)},
            },
            "sample": self._sample,
        }

    def _of(self, day: date) -> dict[str, int]:
        found = self._days[day]
        return {
            "sent": found["sent"],
            "held_out": found["held_out"],
            "not_sent": found.total() - found["sent"] - found["held_out"],
        }


def days_of(since: datetime, until: datetime) -> Iterator[date]:
    """The days in UTC that a time touches."""
    day, last = since.astimezone(UTC).date(), (until - timedelta(microseconds=1)).astimezone(UTC).date()
    while day <= last:
        yield day
        day += timedelta(days=1)


def _shown(decided: Decided) -> dict[str, Any]:
    return {
        "profile_id": decided.profile_id,
        "user_id": decided.user_id,
        "at": decided.at,
        "decision": decided.decision,
        "reason": decided.reason,
        "facts": decided.facts,
    }
