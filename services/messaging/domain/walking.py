"""How a person walks a journey: where they are, and where to next. A move is a function of the position, the instant and what is known."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, assert_never
from uuid import UUID
from zoneinfo import ZoneInfo

from services.messaging.domain.campaign import SegmentTrigger
from services.messaging.domain.journey import (
    Branch,
    Definition,
    Exit,
    Journey,
    Membership,
    Selection,
    Send,
    TraitTest,
    Wait,
    WaitFor,
    WaitUntil,
    instance_of,
)
from services.messaging.domain.local_time import next_time
from services.messaging.domain.triggers import id_of_event
from shared.language.compare import holds
from shared.language.paths import find_all
from shared.schemas.membership import MembershipChanged
from shared.schemas.resolved import Event

LATE = timedelta(minutes=5)
"""A look that comes later than this after its time counts from itself: two messages are never much closer than what lies between
them says."""
AT_THE_END = frozenset({"finished", "exit"})
"""Why a run ended by itself: what it sent last is still said. Any other end takes back what waits."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A step that was reached."""

    step: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """Somebody in a journey, in the version with which they entered.

    `place`: the step where they are, None behind the last. `resting`: they have arrived there and wait, until `next_at` at most;
    otherwise they are about to go on from there. `answered`: what they wait for has come. `heard`: places whose answer came while
    they were about to go on. `entry`: what brought them in, for templates.
    """

    id: UUID
    profile_id: UUID
    journey_id: UUID
    version: int
    entry_id: str
    entered_at: datetime
    place: str | None
    since: datetime
    next_at: datetime | None
    user_id: str | None = None
    instance: str = ""
    entry: dict[str, Any] = field(default_factory=dict)
    resting: bool = False
    answered: bool = False
    heard: tuple[str, ...] = ()
    path: tuple[Stop, ...] = ()
    ended_at: datetime | None = None
    reason: str | None = None

    def ended(self, reason: str, at: datetime) -> "Run":
        """Out of it. Where a run that came to its end is ended otherwise, that stands."""
        return replace(self, ended_at=at, reason=reason, next_at=None, resting=False, answered=False, heard=())


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the person: traits, the keys of their segments, and their zone."""

    traits: dict[str, Any]
    segments: frozenset[str]
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Told:
    """A step that sends was reached."""

    place: str
    campaign: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Walked:
    """Where somebody has come to, and what is to be sent on the way."""

    run: Run
    told: tuple[Told, ...] = ()


def moment(run: Run, *, resumed_at: datetime, now: datetime) -> datetime:
    """The instant of a move that is due: when it was due, or the journey went on; `now`, if that is long ago."""
    at = max(run.next_at or now, resumed_at)
    return now if now - at > LATE else min(at, now)


def walk(run: Run, definition: Definition, facts: Facts, *, at: datetime) -> Walked:
    """Go on, to the next step that has to be waited at, or to the end."""
    if not _qualifies(definition, facts):
        return Walked(run.ended("not_qualified", at))
    told: list[Told] = []
    path = list(run.path)
    place = _leaving(run, definition)
    while place is not None:
        step, after = definition.steps[place].step, definition.steps[place].after
        path.append(Stop(place, at))
        match step:
            case Send(campaign):
                told.append(Told(place, campaign, at))
                place = after
            case Wait() | WaitUntil() | WaitFor():
                until = None if place in run.heard else _until(step, facts, at)
                if until is not None:
                    return Walked(_rest(run, place, at, until, path), tuple(told))
                place = step.then if isinstance(step, WaitFor) else after
            case Branch(arms, otherwise):
                place = next((to for test, to in arms if _holds(test, facts)), otherwise)
            case Exit():
                return Walked(replace(run, place=place, since=at, path=tuple(path)).ended("exit", at), tuple(told))
            case _:
                assert_never(step)
    return Walked(replace(run, place=None, since=at, path=tuple(path)).ended("finished", at), tuple(told))


def _leaving(run: Run, definition: Definition) -> str | None:
    """Where somebody goes from where they waited."""
    if run.place is None or not run.resting:
        return run.place
    placed = definition.steps[run.place]
    if isinstance(placed.step, WaitFor):
        return placed.step.then if run.answered else placed.step.otherwise
    return placed.after


def _rest(run: Run, place: str, at: datetime, until: datetime, path: Sequence[Stop]) -> Run:
    return replace(run, place=place, since=at, next_at=until, resting=True, answered=False, heard=(), path=tuple(path))


def _until(step: Wait | WaitUntil | WaitFor, facts: Facts, at: datetime) -> datetime | None:
    """Until when to wait at most; None where there is nothing to wait for."""
    match step:
        case Wait(length):
            return at + length
        case WaitUntil(wanted, days):
            found = next_time(at, wanted, facts.zone, days=days)
            return found if found > at else None
        case WaitFor(answer, at_most):
            return None if isinstance(answer, Membership) and _holds(answer, facts) else at + at_most
        case _:
            assert_never(step)


def _holds(test: Membership | TraitTest, facts: Facts) -> bool:
    if isinstance(test, Membership):
        return (test.segment in facts.segments) == (test.on == "entered")
    return holds(test.op, find_all(facts.traits, test.path), test.value)


def _qualifies(definition: Definition, facts: Facts) -> bool:
    entry = definition.entry
    if not definition.leave_with_segment or not isinstance(entry, SegmentTrigger):
        return True
    return _holds(Membership(entry.segment, entry.on), facts)


# --- what happens meanwhile


def after_event(run: Run, definition: Definition, event: Event, *, running: bool) -> Run:
    """What an event that is taken in makes of a run: it ends it, or is what it waits for. `running`: the journey, at its receipt.

    It counts by when it was received: not if that was before they entered, or before they came to where it is waited for.
    """
    at = event.received_at
    if at < run.entered_at or _brought_in_by(run, event):
        return run
    if definition.instance is not None and instance_of(definition.instance, event.properties) != run.instance:
        return run
    for selection, reason in ((definition.goal, "goal"), (definition.exit_on, "exit_event")):
        if selection is not None and selection.takes(event):
            return run.ended(reason, at)
    return _answer(
        run, definition, lambda answer: isinstance(answer, Selection) and answer.takes(event), at, running=running
    )


def _brought_in_by(run: Run, event: Event) -> bool:
    """Whether this event is itself what brought them in, or made them enter the segment that did."""
    cause = run.entry.get("cause")
    named = cause.get("message_id") if isinstance(cause, dict) else None
    return event.message_id == named or id_of_event(event) == run.entry_id


def after_change(run: Run, definition: Definition, change: MembershipChanged, *, running: bool) -> Run:
    """What a change of a membership makes of a run."""
    entry = definition.entry
    if change.at < run.entered_at or f"{change.id}" == run.entry_id:
        return run
    undone = isinstance(entry, SegmentTrigger) and entry.segment == change.segment and entry.on != change.change
    if definition.leave_with_segment and undone:
        return run.ended("not_qualified", change.at)
    wanted = Membership(change.segment, change.change)
    return _answer(run, definition, lambda answer: answer == wanted, change.at, running=running)


def _answer(
    run: Run, definition: Definition, fits: Callable[[Selection | Membership], bool], at: datetime, *, running: bool
) -> Run:
    if run.next_at is None:
        return run
    places = [place for place, wait in definition.waits() if fits(wait.answer)]
    if run.resting and at < run.next_at:
        here = run.place in places and at >= run.since and not run.answered
        return replace(run, answered=True, next_at=at) if here else run
    # About to go on: where they come to in the same move, they have been since `next_at`, however late the move is made.
    heard = [place for place in places if place not in run.heard and not (run.resting and place == run.place)]
    return replace(run, heard=(*run.heard, *heard)) if running and at >= run.next_at else run


# --- entering, and two who are one


@dataclass(frozen=True, slots=True)
class Entered:
    """An earlier run of the same person, journey and instance."""

    at: datetime
    walking: bool


def may_enter(definition: Definition, earlier: Iterable[Entered], *, at: datetime) -> bool:
    """Whether somebody may enter (again). Nobody is in the same journey twice at once."""
    runs = list(earlier)
    if any(run.walking for run in runs) or (runs and definition.reentry == "once"):
        return False
    return not isinstance(definition.reentry, timedelta) or all(at - run.at >= definition.reentry for run in runs)


def enter(journey: Journey, run_id: UUID, profile_id: UUID, *, entry_id: str, at: datetime, begins_at: datetime) -> Run:
    """Somebody stands before the first step."""
    return Run(
        id=run_id,
        profile_id=profile_id,
        journey_id=journey.id,
        version=journey.version,
        entry_id=entry_id,
        entered_at=at,
        place=journey.definition.first,
        since=at,
        next_at=begins_at,
    )


def ended_by_merge(runs: Iterable[Run], *, at: datetime) -> list[Run]:
    """Of two people who are one: the runs that end, for the other one in the same journey began first."""
    kept: dict[tuple[UUID, str], Run] = {}
    in_order = sorted(runs, key=lambda one: (one.entered_at, one.id))
    return [
        run.ended("merged", at) for run in in_order if kept.setdefault((run.journey_id, run.instance), run) is not run
    ]
