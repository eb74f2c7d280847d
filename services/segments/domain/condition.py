"""The tree of a condition: an immutable tagged union, and nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, assert_never

from services.segments.domain.facts import TRAITS_CHANGED
from shared.language.compare import Cmp, Op
from shared.language.exact import Number
from shared.language.predicates import Changed, Predicate, by_themselves, paths_in
from shared.language.reading import Loc

Aggregate = Literal["count", "sum", "avg", "min", "max", "distinct"]
Basis = Literal["total", "revenue", "subtotal"]
Period = Literal["day", "week", "month", "year"]
Window = timedelta | Period
"""What is not older, or what lies in the present period of the person's calendar."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Events of any of these names that satisfy all of `where`."""

    names: tuple[str, ...]
    where: tuple[Predicate, ...] = ()

    @property
    def by_itself(self) -> "Selection":
        """Without what a second step asks of the first."""
        return Selection(self.names, by_themselves(self.where))


@dataclass(frozen=True, slots=True)
class Subtrahend:
    selection: Selection
    path: str


@dataclass(frozen=True, slots=True)
class All:
    of: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class Any:
    of: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    of: "Condition"


@dataclass(frozen=True, slots=True)
class For:
    """It has been true at every instant for so long."""

    length: timedelta
    of: "Condition"


@dataclass(frozen=True, slots=True)
class Trait:
    path: str
    op: Op
    value: object  # None with exists and not_exists


@dataclass(frozen=True, slots=True)
class EventAggregate:
    selection: Selection
    op: Cmp
    value: Number
    aggregate: Aggregate = "count"
    path: str | None = None  # None with count alone
    minus: Subtrahend | None = None
    within: Window | None = None


@dataclass(frozen=True, slots=True)
class Spend:
    basis: Basis
    op: Cmp
    value: Number
    currency: str | None = None
    within: Window | None = None


@dataclass(frozen=True, slots=True)
class LifeEvent:
    kind: str
    first_day: int  # days from the date on which it begins to hold, and the last on which it does
    last_day: int
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class TraitDate:
    path: str
    first_day: int  # as of a life event
    last_day: int
    recurs: Literal["yearly"] | None = None


@dataclass(frozen=True, slots=True)
class Sequence:
    first: Selection
    second: Selection
    gap: timedelta
    absent: bool = False
    within: timedelta | None = None


@dataclass(frozen=True, slots=True)
class SegmentRef:
    key: str


@dataclass(frozen=True, slots=True)
class Bucket:
    start: Number
    end: Number
    salt: str


def trait_changed(changed: Changed, within: timedelta) -> EventAggregate:
    """At least one such change of the traits in the window."""
    return EventAggregate(Selection((TRAITS_CHANGED,), (changed,)), ">=", 1, within=within)


def change_meant(leaf: EventAggregate) -> Changed | None:
    """The change of a trait that the leaf is about; None where it is about events."""
    where = leaf.selection.where
    return where[0] if leaf.selection.names == (TRAITS_CHANGED,) and isinstance(where[0], Changed) else None


OfEvents = EventAggregate | Spend | Sequence
OfFacts = Trait | LifeEvent | TraitDate | Bucket
Leaf = OfEvents | OfFacts
Condition = All | Any | Not | For | SegmentRef | Leaf


def traits_meant(node: Condition) -> frozenset[str]:
    """The paths of traits with which a leaf compares events."""
    match node:
        case EventAggregate(selection=selection, minus=minus):
            selections = [selection] if minus is None else [selection, minus.selection]
        case Sequence(first=first, second=second):
            selections = [first, second]
        case _:
            return frozenset()
    return frozenset(path for one in selections for predicate in one.where for path in paths_in(predicate, "trait"))


def firsts_meant(leaf: Sequence) -> tuple[str, ...]:
    """The paths of the first step's properties with which the second one is compared, in order."""
    return tuple(sorted({path for predicate in leaf.second.where for path in paths_in(predicate, "first")}))


def traits_needed(node: Condition) -> frozenset[str]:
    """The paths of traits on which it depends what events are to a leaf: those it compares them with, and for a calendar the zone."""
    by_calendar = isinstance(node, EventAggregate | Spend) and isinstance(node.within, str)
    return traits_meant(node) | ({"timezone"} if by_calendar else set())


def walk(condition: Condition, loc: Loc = ()) -> Iterator[tuple[Condition, Loc]]:
    """All nodes with their paths, depth first, in the order they are written."""
    yield condition, loc
    match condition:
        case All(of) | Any(of):
            name = "all" if isinstance(condition, All) else "any"
            for position, child in enumerate(of):
                yield from walk(child, (*loc, name, position))
        case Not(child):
            yield from walk(child, (*loc, "not"))
        case For(of=child):
            yield from walk(child, (*loc, "of"))
        case SegmentRef():
            pass
        case Trait() | EventAggregate() | Spend() | LifeEvent() | TraitDate() | Sequence() | Bucket():
            pass
        case _:
            assert_never(condition)


def leaves(condition: Condition) -> Iterator[Leaf | SegmentRef]:
    """Depth first, in the order they are written."""
    for node, _ in walk(condition):
        if not isinstance(node, All | Any | Not | For):
            yield node
