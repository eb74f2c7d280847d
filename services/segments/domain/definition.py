"""A condition closed over the segments it refers to, so that it means the same wherever it is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.segments.domain.condition import Condition, For, SegmentRef, leaves, walk
from shared.language.errors import ConditionError, Fault
from shared.language.reading import Loc


@dataclass(frozen=True, slots=True)
class Definition:
    """`segments` holds every segment the condition leads to, each after those it refers to itself."""

    condition: Condition
    segments: Mapping[str, Condition] = field(default_factory=dict)


def references(condition: Condition, loc: Loc = ()) -> dict[str, Loc]:
    """The keys of the segments that the condition itself names, with the path of the first mention."""
    found: dict[str, Loc] = {}
    for node, at in walk(condition, loc):
        if isinstance(node, SegmentRef):
            found.setdefault(node.key, (*at, "segment"))
    return found


def closed(condition: Condition, segments: Mapping[str, Condition]) -> Definition:
    """The condition with those of the segments that it leads to; they stay in their order."""
    reached = {name for named in _names(condition) for name in (named, *_reachable(named, segments))}
    return Definition(condition, {name: segments[name] for name in segments if name in reached})


def define(condition: Condition, segments: Mapping[str, Condition], *, key: str | None = None) -> Definition:
    """Raises ConditionError for a reference to an unknown segment, or back to `key`, the segment being defined."""
    named = references(condition)
    faults: list[Fault] = [
        {"loc": list(loc), "msg": "is not the key of a segment"}
        for name, loc in named.items()
        if name not in segments and name != key
    ]
    if faults:
        raise ConditionError(faults)
    known = segments if key is None else {**segments, key: condition}
    cyclic = [name for name in named if key is not None and (name == key or key in _reachable(name, known))]
    if cyclic:
        raise ConditionError([{"loc": list(named[name]), "msg": "leads back to this segment"} for name in cyclic])
    faults = [
        {"loc": list(loc), "msg": "leads to another `for`"}
        for name, loc in _asked_how_long(condition).items()
        if any(_has_for(known[reached]) for reached in {name, *_reachable(name, known)})
    ]
    if faults:
        raise ConditionError(faults)
    return Definition(condition, _dependencies_first(named, known))


def _asked_how_long(condition: Condition) -> dict[str, Loc]:
    """The segments that it names within a `for`."""
    found: dict[str, Loc] = {}
    for node, loc in walk(condition):
        if isinstance(node, For):
            found = references(node.of, (*loc, "of")) | found
    return found


def _has_for(condition: Condition) -> bool:
    return any(isinstance(node, For) for node, _ in walk(condition))


def _reachable(key: str, segments: Mapping[str, Condition]) -> set[str]:
    found, pending = set[str](), [key]
    while pending:
        for name in _names(segments[pending.pop()]) - found:
            found.add(name)
            pending.append(name)
    return found


def _dependencies_first(named: Mapping[str, Loc], segments: Mapping[str, Condition]) -> dict[str, Condition]:
    """Depth first, without recursion: chains of segments may be longer than the stack."""
    ordered: dict[str, Condition] = {}
    pending = [(name, False) for name in named]
    while pending:
        name, entered = pending.pop()
        if entered:
            ordered.setdefault(name, segments[name])
        elif name not in ordered:
            pending.append((name, True))
            pending.extend((inner, False) for inner in _names(segments[name]) if inner not in ordered)
    return ordered


def _names(condition: Condition) -> set[str]:
    return {leaf.key for leaf in leaves(condition) if isinstance(leaf, SegmentRef)}
