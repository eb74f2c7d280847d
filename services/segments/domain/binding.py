"""Conditions that compare events with traits, with what those traits hold put into them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

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
    Selection,
    Sequence,
    Spend,
    Trait,
    TraitDate,
    traits_meant,
    walk,
)
from services.segments.domain.definition import Definition
from shared.language.predicates import bind

Traits = Mapping[str, object]


def bound(definition: Definition, traits: Traits) -> Definition:
    """What stands within a `for` stays as it is: it is about the traits of then."""
    conditions = (*definition.segments.values(), definition.condition)
    if not any(traits_meant(node) for condition in conditions for node, _ in walk(condition)):
        return definition
    segments = {key: _bound(condition, traits) for key, condition in definition.segments.items()}
    return Definition(_bound(definition.condition, traits), segments)


def _bound(condition: Condition, traits: Traits) -> Condition:
    match condition:
        case All(of):
            return All(tuple(_bound(child, traits) for child in of))
        case Any(of):
            return Any(tuple(_bound(child, traits) for child in of))
        case Not(child):
            return Not(_bound(child, traits))
        case For() | SegmentRef():
            return condition
        case Trait() | EventAggregate() | Spend() | LifeEvent() | TraitDate() | Sequence() | Bucket():
            return bound_leaf(condition, traits)
        case _:
            assert_never(condition)


def bound_leaf(leaf: Leaf, traits: Traits) -> Leaf:
    match leaf:
        case EventAggregate(selection=selection, minus=minus):
            less = minus and replace(minus, selection=_selection(minus.selection, traits))
            return replace(leaf, selection=_selection(selection, traits), minus=less)
        case Sequence(first=first, second=second):
            return replace(leaf, first=_selection(first, traits), second=_selection(second, traits))
        case Trait() | Spend() | LifeEvent() | TraitDate() | Bucket():
            return leaf
        case _:
            assert_never(leaf)


def _selection(selection: Selection, traits: Traits) -> Selection:
    return replace(selection, where=tuple(bind(predicate, "trait", traits) for predicate in selection.where))
