"""The versions taken apart: distinct leaves, distinct formulas over them, and what each of them is part of."""

import hashlib
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar, assert_never

from services.segments.domain.condition import (
    All,
    Any,
    Bucket,
    Condition,
    EventAggregate,
    For,
    Leaf,
    LifeEvent,
    Not,
    SegmentRef,
    Sequence,
    Spend,
    Trait,
    TraitDate,
    leaves,
    traits_needed,
)
from services.segments.domain.definition import Definition, closed
from services.segments.domain.engine.keeper import Keeper, Leaves
from services.segments.domain.engine.leaf import keeper_of
from services.segments.domain.engine.ledger import Ledger
from services.segments.domain.engine.verdict import Formula, Verdict
from services.segments.domain.facts import micros_of
from services.segments.domain.render import leaf_key

V = TypeVar("V", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Lasting:
    """A `for`: the formula of its condition, that condition by itself, and the leaves it has."""

    length: int
    formula: str
    definition: Definition
    leaves: Mapping[str, Leaf]

    @property
    def looks_at_facts(self) -> bool:
        leaves = self.leaves.values()
        return any(isinstance(leaf, Trait | LifeEvent | TraitDate) or traits_needed(leaf) for leaf in leaves)


class Rulebase(Generic[V]):
    """Built once for a set of versions. Formulas go by a name made of their content, so that what means the same is one."""

    def __init__(self, definitions: Mapping[V, Definition]) -> None:
        self.keepers: dict[str, Keeper] = {}
        self.ledgers: dict[str, Ledger] = {}  # which leaves of spend share
        self.resting: dict[str, Verdict] = {}  # of leaves that look at events, where none has mattered
        self.traits: dict[str, Trait] = {}
        self.others: dict[str, LifeEvent | TraitDate | Bucket] = {}
        self.formulas: dict[str, Formula] = {}
        self.needs: dict[
            str, tuple[str, ...]
        ] = {}  # the formulas that one refers to, each after those it refers to itself
        self.formula_of: dict[V, str] = {}
        self.versions_of: dict[str, list[V]] = {}  # by formula
        self.keepers_of: dict[str, dict[str, Keeper]] = {}  # by event name
        self.formulas_with: dict[str, dict[str, None]] = {}  # those of versions, and the `for`s, by leaf; by `for`
        self.referring: dict[str, Leaf] = {}  # those that compare events with traits, or go by the calendar
        self.fors: dict[str, Lasting] = {}
        self.fors_with: dict[str, dict[str, None]] = {}  # by leaf
        for version, definition in definitions.items():
            self._add(version, definition)

    def _add(self, version: V, definition: Definition) -> None:
        segments: dict[str, str] = {}
        self._segments, self._met = definition.segments, dict[str, None]()
        for key, condition in definition.segments.items():
            segments[key] = self._keep_formula(condition, segments)
        name = self.formula_of[version] = self._keep_formula(definition.condition, segments)
        self.needs[name] = tuple(dict.fromkeys(segments.values()))
        self.versions_of.setdefault(name, []).append(version)
        for condition in (*definition.segments.values(), definition.condition):
            for leaf in leaves(condition):
                if not isinstance(leaf, SegmentRef):
                    self.formulas_with.setdefault(leaf_key(leaf), {})[name] = None
        for met in self._met:
            self.formulas_with.setdefault(met, {})[name] = None
            for key in self.fors[met].leaves:
                self.formulas_with[key][met] = None
                self.fors_with.setdefault(key, {})[met] = None

    def _keep_formula(self, condition: Condition, segments: Mapping[str, str]) -> str:
        formula = self._formula(condition, segments)
        name = hashlib.sha256(repr(formula).encode()).hexdigest()[:32]
        self.formulas.setdefault(name, formula)
        return name

    def _formula(self, condition: Condition, segments: Mapping[str, str]) -> Formula:
        match condition:
            case All(of):
                return "all", self._parts(of, segments)
            case Any(of):
                return "any", self._parts(of, segments)
            case Not(child):
                return "not", (self._formula(child, segments),)
            case For():
                return self._keep_for(condition, segments)
            case SegmentRef(key):
                return segments[key]
            case Trait() | EventAggregate() | Spend() | LifeEvent() | TraitDate() | Sequence() | Bucket():
                return self._keep_leaf(condition)
            case _:
                assert_never(condition)

    def _parts(self, of: Iterable[Condition], segments: Mapping[str, str]) -> tuple[Formula, ...]:
        return tuple(self._formula(child, segments) for child in sorted(of, key=_cost))

    def _keep_for(self, condition: For, segments: Mapping[str, str]) -> str:
        """A formula of its own: it is followed through time whatever the truth of what it is part of."""
        formula, length = self._keep_formula(condition.of, segments), micros_of(condition.length)
        self.needs.setdefault(formula, tuple(dict.fromkeys(segments.values())))
        key = hashlib.sha256(repr(("for", length, formula)).encode()).hexdigest()[:32]
        if key not in self.fors:
            definition = closed(condition.of, self._segments)
            conditions = (*definition.segments.values(), definition.condition)
            found = (leaf for inner in conditions for leaf in leaves(inner) if not isinstance(leaf, SegmentRef))
            self.fors[key] = Lasting(length, formula, definition, {leaf_key(leaf): leaf for leaf in found})
        self._met[key] = None
        return key

    def _keep_leaf(self, leaf: Leaf) -> str:
        key = leaf_key(leaf)
        match leaf:
            case Trait():
                self.traits[key] = leaf
            case LifeEvent() | TraitDate() | Bucket():
                self.others[key] = leaf
            case EventAggregate() | Sequence() | Spend():
                self._keep_keeper(key, leaf)
            case _:
                assert_never(leaf)
        return key

    def _keep_keeper(self, key: str, leaf: EventAggregate | Sequence | Spend) -> None:
        if key in self.keepers:
            return
        keeper = self.keepers[key] = keeper_of(key, leaf, self.ledgers)
        if traits_needed(leaf):
            self.referring[key] = leaf
        self.resting[key] = keeper.resting()
        for use in keeper.uses():
            for name in use.selection.names:
                self.keepers_of.setdefault(name, {})[key] = keeper

    def let_go(self, leaves: Leaves, now: int) -> None:
        """Of orders that no leaf here can need at `now` or later."""
        for ledger in self.ledgers.values():
            ledger.let_go(leaves, now)


def _cost(condition: Condition) -> int:
    """What is known at once comes first: it may decide the rest."""
    if isinstance(condition, Trait):
        return 0
    return 1 if isinstance(condition, EventAggregate | Spend | Sequence) else 2
