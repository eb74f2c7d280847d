"""States in the one form that does not depend on how they came about."""

from collections.abc import Hashable
from datetime import datetime
from typing import TypeVar

from services.segments.domain.engine.keeper import Kept
from services.segments.domain.ruleset import Ruleset, States

V = TypeVar("V", bound=Hashable)


def settled(ruleset: Ruleset[V], states: States, t: datetime) -> dict[str, Kept]:
    """Trimmed to `t` also where a verdict that still lasts let the trimming wait."""
    return ruleset.trim({key: [None, *kept[1:]] for key, kept in states.items()}, t)
