"""All live segment versions as one: each distinct leaf is kept and judged once, however many versions contain it."""

import hashlib
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar, assert_never

from services.segments.domain.condition import (
    All,
    Any,
    Bucket,
    Condition,
    EventAggregate,
    Leaf,
    LifeEvent,
    Not,
    SegmentRef,
    Sequence,
    Spend,
    Trait,
    leaves,
)
from services.segments.domain.definition import Definition
from services.segments.domain.engine import leaf as engine
from services.segments.domain.engine.verdict import Formula, Verdict, combine, earliest
from services.segments.domain.facts import Event, ProfileFacts, instant, micros
from services.segments.domain.render import leaf_key

V = TypeVar("V", bound=Hashable)
States = Mapping[str, engine.State]


@dataclass(frozen=True, slots=True)
class Evaluation(Generic[V]):
    """`next_at`: the earliest instant at which any of the truths can change with nothing happening; None: never."""

    truths: dict[V, bool]
    next_at: datetime | None


class Ruleset(Generic[V]):
    """Built once for a set of versions; holds nothing about any profile."""

    def __init__(self) -> None:
        self._leaves: dict[str, Leaf] = {}
        self._formulas: dict[str, Formula] = {}  # each after those it refers to
        self._versions: dict[V, str] = {}
        self._versions_of: dict[str, set[V]] = {}  # by leaf
        self._leaves_of: dict[str, set[str]] = {}  # by event name

    @classmethod
    def build(cls, definitions: Mapping[V, Definition]) -> "Ruleset[V]":
        ruleset = cls()
        for version, definition in definitions.items():
            ruleset._add(version, definition)
        return ruleset

    def _add(self, version: V, definition: Definition) -> None:
        segments: dict[str, str] = {}
        for key, condition in definition.segments.items():
            segments[key] = self._keep_formula(condition, segments)
        self._versions[version] = self._keep_formula(definition.condition, segments)
        for condition in (*definition.segments.values(), definition.condition):
            for leaf in leaves(condition):
                if not isinstance(leaf, SegmentRef):
                    self._versions_of.setdefault(leaf_key(leaf), set()).add(version)

    def _keep_formula(self, condition: Condition, segments: Mapping[str, str]) -> str:
        """Under a name made of its content: segments that mean the same are worked out once."""
        formula = self._formula(condition, segments)
        name = hashlib.sha256(repr(formula).encode()).hexdigest()
        self._formulas.setdefault(name, formula)
        return name

    def _formula(self, condition: Condition, segments: Mapping[str, str]) -> Formula:
        match condition:
            case All(of):
                return "all", tuple(self._formula(child, segments) for child in of)
            case Any(of):
                return "any", tuple(self._formula(child, segments) for child in of)
            case Not(child):
                return "not", (self._formula(child, segments),)
            case SegmentRef(key):
                return segments[key]
            case Trait() | EventAggregate() | Spend() | LifeEvent() | Sequence() | Bucket():
                return self._keep_leaf(condition)
            case _:
                assert_never(condition)

    def _keep_leaf(self, leaf: Leaf) -> str:
        key = leaf_key(leaf)
        self._leaves[key] = leaf
        for name in engine.event_names(leaf):
            self._leaves_of.setdefault(name, set()).add(key)
        return key

    @property
    def versions(self) -> frozenset[V]:
        return frozenset(self._versions)

    @property
    def event_names(self) -> frozenset[str]:
        return frozenset(self._leaves_of)

    def touched_by_event(self, name: str) -> frozenset[V]:
        return self._versions_with(self._leaves_of.get(name, ()))

    def touched_by_trait(self, key: str) -> frozenset[V]:
        """By a change of a top-level trait."""
        return self._versions_with(found for found, leaf in self._leaves.items() if _reads_trait(leaf, key))

    def touched_by_life_events(self) -> frozenset[V]:
        return self._versions_with(found for found, leaf in self._leaves.items() if isinstance(leaf, LifeEvent))

    def _versions_with(self, keys: Iterable[str]) -> frozenset[V]:
        return frozenset[V]().union(*(self._versions_of[key] for key in keys))

    def fold(self, states: States, events: Iterable[Event]) -> dict[str, engine.State]:
        """Takes in events in any order of time, each once."""
        by_leaf: dict[str, list[Event]] = {}
        for event in events:
            for key in self._leaves_of.get(event.name, ()):
                by_leaf.setdefault(key, []).append(event)
        folded = dict(states)
        for key, relevant in by_leaf.items():
            state = engine.fold(self._leaves[key], states.get(key), relevant)
            if state is not None:
                folded[key] = state
        return folded

    def trim(self, states: States, t: datetime) -> dict[str, engine.State]:
        """Without what can't matter at `t` or later, and without leaves of no version here."""
        now = micros(t)
        known = ((key, engine.trim(self._leaves[key], states[key], now)) for key in states if key in self._leaves)
        return {key: state for key, state in known if state is not None}

    def refold(self, events: Iterable[Event], t: datetime) -> dict[str, engine.State]:
        return self.trim(self.fold({}, events), t)

    def evaluate(self, states: States, facts: ProfileFacts, t: datetime) -> Evaluation[V]:
        now = micros(t)
        verdicts: dict[str, Verdict] = {
            key: engine.evaluate(leaf, states.get(key), facts, now) for key, leaf in self._leaves.items()
        }
        for name, formula in self._formulas.items():
            verdicts[name] = combine(formula, verdicts)
        judged = {version: verdicts[name] for version, name in self._versions.items()}
        next_at = earliest(verdict.next_at for verdict in judged.values())
        truths = {version: verdict.truth for version, verdict in judged.items()}
        return Evaluation(truths, None if next_at is None else instant(next_at))


def _reads_trait(leaf: Leaf, key: str) -> bool:
    if isinstance(leaf, LifeEvent):
        return key == "timezone"
    return isinstance(leaf, Trait) and key in (leaf.path, leaf.path.split(".")[0])
