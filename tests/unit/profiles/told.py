"""Messages and people for the tests of decisions."""

from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import UUID

from services.profiles.domain.fold import Fold
from services.profiles.domain.names import Rules, given_by
from services.profiles.domain.people import People
from shared.schemas.raw import RawMessage
from shared.schemas.resolved import LogPosition

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
RULES = Rules(blocked=frozenset({"null", "-1", "0", "anonymous", "undefined", "none", "nan", "unknown"}))


def message(type: str = "track", **fields: Any) -> RawMessage:  # noqa: A002
    """A message; its time is NOW unless given."""
    values: dict[str, Any] = {"source": "web", "message_id": "m", "type": type, "timestamp": NOW, "received_at": NOW}
    return RawMessage(**(values | fields))


def fold_of(*messages: RawMessage, rules: Rules = RULES) -> Fold:
    """What becomes of these messages, taken in by people nobody knew before."""
    numbers = count(1)
    fold = Fold(People(rules, lambda: UUID(int=next(numbers))), NOW)
    for number, each in enumerate(messages):
        given = given_by(each, rules)
        log = LogPosition(lane=0, seq=number + 1, received_at=each.received_at)
        fold.take_in(each, given, log)
    return fold
