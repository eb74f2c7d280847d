"""Journeys: what brings people in, the steps that they walk, what takes them out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Literal
from uuid import UUID

from services.messaging.domain.campaign import EventTrigger, SegmentTrigger
from shared.language.compare import Op
from shared.language.exact import is_number, normal
from shared.language.paths import find_one
from shared.language.predicates import Predicate, all_hold
from shared.language.reading import Loc
from shared.schemas.resolved import Event

LONGEST_INSTANCE = 200


@dataclass(frozen=True, slots=True)
class Selection:
    """Events of this name, of which all of `where` holds."""

    event: str
    where: tuple[Predicate, ...] = ()

    def takes(self, event: Event) -> bool:
        return self.event == event.name and all_hold(self.where, event.properties, event.context)


@dataclass(frozen=True, slots=True)
class Membership:
    """Being in a segment (`entered`), or not being in it (`left`)."""

    segment: str
    on: Literal["entered", "left"]


@dataclass(frozen=True, slots=True)
class TraitTest:
    path: str
    op: Op
    value: object  # None with exists and not_exists


@dataclass(frozen=True, slots=True)
class Send:
    """The campaign of this key has a reason to speak."""

    campaign: str


@dataclass(frozen=True, slots=True)
class Wait:
    length: timedelta


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """The next time that the person's clock shows `at`, on one of these weekdays (0 is Monday)."""

    at: time
    days: frozenset[int] = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class WaitFor:
    """What is waited for, how long, and the place where it goes on then, or otherwise."""

    answer: Selection | Membership
    at_most: timedelta
    then: str | None
    otherwise: str | None


@dataclass(frozen=True, slots=True)
class Branch:
    """The first arm whose test holds, with the place where it begins; else `otherwise`."""

    arms: tuple[tuple[Membership | TraitTest, str | None], ...]
    otherwise: str | None


@dataclass(frozen=True, slots=True)
class Exit:
    """Out."""


KIND_OF: Mapping[type, str] = {
    Send: "send",
    Wait: "wait",
    WaitUntil: "wait_until",
    WaitFor: "wait_for",
    Branch: "branch",
    Exit: "exit",
}

Step = Send | Wait | WaitUntil | WaitFor | Branch | Exit


@dataclass(frozen=True, slots=True)
class Placed:
    """A step, and the place of the one after it; None: the end."""

    step: Step
    after: str | None


@dataclass(frozen=True, slots=True)
class Definition:
    """`steps`: by place, which is the path of the step in its JSON, such as `2.then.0`. Nothing leads back to where it was."""

    entry: SegmentTrigger | EventTrigger
    steps: Mapping[str, Placed]
    first: str | None
    instance: str | None = None
    reentry: Literal["once", "always"] | timedelta = "once"
    exit_on: Selection | None = None
    goal: Selection | None = None
    leave_with_segment: bool = False

    def waits(self) -> Iterator[tuple[str, WaitFor]]:
        """The places where something is waited for."""
        return ((place, one.step) for place, one in self.steps.items() if isinstance(one.step, WaitFor))

    @property
    def asks_traits(self) -> bool:
        """Whether the way depends on what is known of the person."""
        tests = (test for one in self.steps.values() if isinstance(one.step, Branch) for test, _ in one.step.arms)
        until = any(isinstance(one.step, WaitUntil) for one in self.steps.values())
        return until or any(isinstance(test, TraitTest) for test in tests)

    @property
    def asks_segments(self) -> bool:
        """Whether the way depends on where the person belongs."""
        return self.leave_with_segment or any(True for _ in _memberships(self))


@dataclass(frozen=True, slots=True)
class Journey:
    """`version`: the one with which people enter. `runs`: from when to when it was running; the last one is open while it runs."""

    id: UUID
    key: str
    status: str
    version: int
    runs: tuple[tuple[datetime, datetime | None], ...]
    versions: Mapping[int, Definition]

    @property
    def running(self) -> bool:
        return self.status == "running"

    @property
    def definition(self) -> Definition:
        return self.versions[self.version]

    @property
    def resumed_at(self) -> datetime:
        return self.runs[-1][0]

    def ran_at(self, at: datetime) -> bool:
        return any(start <= at and (end is None or at < end) for start, end in self.runs)


def instance_of(path: str | None, properties: Mapping[str, Any]) -> str | None:
    """Which of a person's runs this is about: "" where there is only one; None where the event does not say.

    A text, or a whole number taken as its decimal text.
    """
    if path is None:
        return ""
    value = find_one(properties, path)
    if is_number(value) and isinstance(whole := normal(value), int):
        value = str(whole)
    return value if isinstance(value, str) and 0 < len(value) <= LONGEST_INSTANCE else None


def event_names(definition: Definition) -> Iterator[str]:
    """The names of the events that matter to it."""
    if isinstance(definition.entry, EventTrigger):
        yield definition.entry.event
    yield from (one.event for one in (definition.exit_on, definition.goal) if one is not None)
    yield from (wait.answer.event for _, wait in definition.waits() if isinstance(wait.answer, Selection))


def segments_named(definition: Definition) -> Iterator[tuple[str, Loc]]:
    """The keys of the segments that it names, each with its path."""
    if isinstance(definition.entry, SegmentTrigger):
        yield definition.entry.segment, ("entry", "segment")
    yield from _memberships(definition)


def campaigns_named(definition: Definition) -> Iterator[tuple[str, Loc]]:
    """The keys of the campaigns that it sends, each with its path."""
    for place, one in definition.steps.items():
        if isinstance(one.step, Send):
            yield one.step.campaign, (*loc_of(place), "send")


def kinds_of(definition: Definition) -> Iterator[tuple[str, str, str | None]]:
    """Of each step: its place, its kind, and the campaign that it sends."""
    for place, one in definition.steps.items():
        yield place, KIND_OF[type(one.step)], one.step.campaign if isinstance(one.step, Send) else None


def _memberships(definition: Definition) -> Iterator[tuple[str, Loc]]:
    for place, one in definition.steps.items():
        match one.step:
            case WaitFor(Membership(segment, _)):
                yield segment, (*loc_of(place), "wait_for", "segment")
            case Branch(arms):
                for position, (test, _) in enumerate(arms):
                    if isinstance(test, Membership):
                        yield test.segment, (*loc_of(place), "branch", position, "if", "segment")
            case _:
                pass


def loc_of(place: str) -> Loc:
    """The path of a step in the definition's JSON."""
    return ("steps", *(int(part) if part.isdigit() else part for part in place.split(".")))
