"""Where what is kept of a profile and what its history says differ: of which segment, and by which part of its condition."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from services.segments.domain.condition import All, Not, SegmentRef, walk
from services.segments.domain.condition import Any as AnyOf
from services.segments.domain.definition import Definition, closed

TRUTH = "truth"
"""All leaves agree, but the segment's truth was not worked out of them."""
MEMBERSHIP = "membership"
"""The truth agrees, but who is listed as a member does not."""


@dataclass(frozen=True, slots=True)
class Part:
    """A leaf (or a `for`) by itself. `path`: where it stands, as `all.0` or, in a segment that is referred to, `vip: all.0`."""

    path: str
    definition: Definition


def parts_of(definition: Definition) -> Iterator[Part]:
    """Every leaf of a condition and of those it leads to."""
    conditions = {"": definition.condition, **{f"{key}: ": inner for key, inner in definition.segments.items()}}
    for prefix, condition in conditions.items():
        for node, loc in walk(condition):
            if not isinstance(node, All | AnyOf | Not | SegmentRef):
                path = ".".join(map(str, loc)) or "condition"
                yield Part(prefix + path, closed(node, definition.segments))


@dataclass(frozen=True, slots=True, order=True)
class Drift:
    """`leaf`: the path of the part that differs, or `truth`, or `membership`. `profiles`: of how many."""

    segment: str
    version: int
    leaf: str
    profiles: int

    def to_json(self) -> dict[str, Any]:
        return {"segment": self.segment, "version": self.version, "leaf": self.leaf, "profiles": self.profiles}

    @classmethod
    def of(cls, json: Mapping[str, Any]) -> "Drift":
        return cls(json["segment"], json["version"], json["leaf"], json["profiles"])


def added(known: list[Drift], more: list[Drift]) -> list[Drift]:
    """Both together, one for each place."""
    counts: dict[tuple[str, int, str], int] = {}
    for drift in (*known, *more):
        place = (drift.segment, drift.version, drift.leaf)
        counts[place] = counts.get(place, 0) + drift.profiles
    return sorted(Drift(*place, profiles) for place, profiles in counts.items())
