"""Time passes: every instant at which a truth changes with nothing happening."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from services.segments.domain.facts import ProfileFacts
from services.segments.domain.ruleset import Ruleset, States

V = TypeVar("V", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Flip(Generic[V]):
    version_id: V
    truth: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Advance(Generic[V]):
    """`flips` in order of time; `truths` and `next_at` are those at the end of the walk."""

    flips: list[Flip[V]]
    truths: dict[V, bool]
    next_at: datetime | None


def advance(
    ruleset: Ruleset[V],
    states: States,
    facts: ProfileFacts,
    truths: Mapping[V, bool],
    since: datetime,
    until: datetime,
) -> Advance[V]:
    """Walks all boundaries in (since, until]: a truth that changes and changes back is two flips, each at its instant.

    `truths` are those at `since`; a version without one is left out, for its first truth is not made by time.
    """
    current = dict(truths)
    flips: list[Flip[V]] = []
    next_at = ruleset.evaluate(states, facts, since).next_at
    while next_at is not None and next_at <= until:
        at, evaluation = next_at, ruleset.evaluate(states, facts, next_at)
        for version, truth in evaluation.truths.items():
            if version in current and current[version] is not truth:
                flips.append(Flip(version, truth, at))
                current[version] = truth
        next_at = evaluation.next_at
    return Advance(flips, current, next_at)
