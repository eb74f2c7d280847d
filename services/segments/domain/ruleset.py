"""All live segment versions as one: each distinct leaf is kept and judged once, however many versions contain it."""

import hashlib
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, NotRequired, TypedDict, TypeVar, assert_never, cast

from services.segments.domain.condition import (
    All,
    Any,
    Bucket,
    Condition,
    EventAggregate,
    Leaf,
    LifeEvent,
    Not,
    OfEvents,
    OfFacts,
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


class Kept(TypedDict):
    """The state of one leaf of one profile, and its verdict once it was trimmed: truth, since when, until when."""

    state: engine.State
    verdict: NotRequired[list[int | None]]


States = Mapping[str, Kept]


@dataclass(frozen=True, slots=True)
class Evaluation(Generic[V]):
    """`next_at`: the earliest instant at which any of the truths can change with nothing happening; None: never."""

    truths: dict[V, bool]
    next_at: datetime | None


class Ruleset(Generic[V]):
    """Built once for a set of versions; holds nothing about any profile."""

    def __init__(self) -> None:
        self._of_facts: dict[str, OfFacts] = {}
        self._of_events: dict[str, OfEvents] = {}
        self._without_events: dict[str, Verdict] = {}  # of those, where none has mattered
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
        if isinstance(leaf, OfFacts):
            self._of_facts[key] = leaf
            return key
        self._of_events[key] = leaf
        self._without_events[key] = engine.judge_state(leaf, None, 0)
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
        return self._versions_with(found for found, leaf in self._of_facts.items() if _reads_trait(leaf, key))

    def touched_by_life_events(self) -> frozenset[V]:
        return self._versions_with(found for found, leaf in self._of_facts.items() if isinstance(leaf, LifeEvent))

    def _versions_with(self, keys: Iterable[str]) -> frozenset[V]:
        return frozenset[V]().union(*(self._versions_of[key] for key in keys))

    def fold(self, states: States, events: Iterable[Event]) -> dict[str, Kept]:
        """Takes in events in any order of time, each once."""
        by_leaf: dict[str, list[Event]] = {}
        for event in events:
            for key in self._leaves_of.get(event.name, ()):
                by_leaf.setdefault(key, []).append(event)
        folded = dict(states)
        for key, relevant in by_leaf.items():
            known = states[key]["state"] if key in states else None
            state = engine.fold(self._of_events[key], known, relevant)
            if state is not known:
                folded[key] = {"state": state}
        return folded

    def trim(self, states: States, t: datetime) -> dict[str, Kept]:
        """Without what can't matter at `t` or later, and without leaves of no version here; judged, until they change."""
        now = micros(t)
        trimmed: dict[str, Kept] = {}
        for key, kept in states.items():
            leaf = self._of_events.get(key)
            if leaf is None or _lasting(kept, now):
                trimmed |= {key: kept} if leaf else {}
                continue
            state = engine.trim(leaf, kept["state"], now)
            if state is not None:
                verdict = engine.judge_state(leaf, state, now)
                trimmed[key] = {"state": state, "verdict": [verdict.truth, now, verdict.next_at]}
        return trimmed

    def refold(self, events: Iterable[Event], t: datetime) -> dict[str, Kept]:
        return self.trim(self.fold({}, events), t)

    def evaluate(self, states: States, facts: ProfileFacts, t: datetime) -> Evaluation[V]:
        now = micros(t)
        verdicts = dict(self._without_events)
        for key, kept in states.items():
            if key in self._of_events:
                verdicts[key] = _lasting(kept, now) or engine.judge_state(self._of_events[key], kept["state"], now)
        for key, leaf in self._of_facts.items():
            verdicts[key] = engine.judge_facts(leaf, facts, now)
        for name, formula in self._formulas.items():
            verdicts[name] = combine(formula, verdicts)
        judged = {version: verdicts[name] for version, name in self._versions.items()}
        next_at = earliest(verdict.next_at for verdict in judged.values())
        truths = {version: verdict.truth for version, verdict in judged.items()}
        return Evaluation(truths, None if next_at is None else instant(next_at))


def _lasting(kept: Kept, now: int) -> Verdict | None:
    """The verdict kept with a state, if it was reached by `now` and nothing has happened since."""
    if "verdict" not in kept:
        return None
    truth, since, until = cast(tuple[bool, int, int | None], kept["verdict"])
    return Verdict(truth, until) if since <= now and (until is None or now < until) else None


def _reads_trait(leaf: OfFacts, key: str) -> bool:
    if isinstance(leaf, LifeEvent):
        return key == "timezone"
    return isinstance(leaf, Trait) and key in (leaf.path, leaf.path.split(".")[0])
