"""Time passes: every instant at which a truth changes with nothing happening."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from services.segments.domain.facts import ProfileFacts
from services.segments.domain.ruleset import Ruleset
from services.segments.domain.standing import Standing

V = TypeVar("V", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Flip(Generic[V]):
    version_id: V
    truth: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Advance(Generic[V]):
    """`flips` in order of time; `truths` are those at the end of the walk."""

    flips: list[Flip[V]]
    truths: dict[V, bool]


def advance(
    ruleset: Ruleset[V], standing: Standing, facts: ProfileFacts, truths: Mapping[V, bool], until: datetime
) -> Advance[V]:
    """Walks all boundaries up to `until`: a truth that changes and changes back is two flips, each at its instant.

    Takes `standing` along. `truths` are those it was judged with; a version without one is left out, for its first
    truth is not made by time.
    """
    current = dict(truths)
    flips: list[Flip[V]] = []
    for at, judged in ruleset.pass_time(standing, facts, until):
        for version, truth in judged.items():
            if version in current and current[version] is not truth:
                flips.append(Flip(version, truth, at))
                current[version] = truth
    return Advance(flips, current)
