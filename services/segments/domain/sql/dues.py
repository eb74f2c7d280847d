"""When a truth may next change with nothing happening, as SQL: never later than it does, and null where time changes nothing.

It may be earlier: then the profile is looked at, and its next instant worked out exactly.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
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
    Spend,
    Trait,
    TraitDate,
    traits_meant,
)
from services.segments.domain.condition import Sequence as Steps
from services.segments.domain.definition import Definition
from services.segments.domain.evaluate import aggregate_holds
from services.segments.domain.facts import micros_of
from services.segments.domain.sql.dates import life_event_due
from services.segments.domain.sql.orders import spend_join
from services.segments.domain.sql.periods import ends
from services.segments.domain.sql.plan import Plan
from services.segments.domain.sql.query import holds
from shared.language.compare import compare

Known = Mapping[str, str | None]


def definition_due(definition: Definition, truths: Mapping[str, str], plan: Plan) -> str | None:
    """`truths`: of the segments it leads to. None: never."""
    dues: dict[str, str | None] = {}
    for key, condition in definition.segments.items():
        due = due_of(condition, dues, truths, plan)
        dues[key] = None if due is None else plan.column(due)
    return due_of(definition.condition, dues, truths, plan)


def due_of(condition: Condition, dues: Known, truths: Mapping[str, str], plan: Plan) -> str | None:
    """`dues`, `truths`: of the segments it refers to."""
    match condition:
        case All(of):
            return _of_several(of, "NOT {}", dues, truths, plan)
        case Any(of):
            return _of_several(of, "{}", dues, truths, plan)
        case Not(child):
            return due_of(child, dues, truths, plan)
        case For():  # who may be due is judged by the engine
            return plan.parameters.add(plan.as_of, "timestamptz")
        case SegmentRef(key):
            return dues[key]
        case Trait() | EventAggregate() | Spend() | LifeEvent() | TraitDate() | Steps() | Bucket():
            return _of_leaf(condition, plan, holds(condition, truths, plan))
        case _:
            assert_never(condition)


def _of_several(
    parts: Sequence[Condition], decides: str, dues: Known, truths: Mapping[str, str], plan: Plan
) -> str | None:
    """Nothing is due where a part that time does not change decides. A column, or it would double with every level."""
    due_parts = [(decides.format(f"({holds(part, truths, plan)})"), due_of(part, dues, truths, plan)) for part in parts]
    found = _first(due for _, due in due_parts)
    if found is None:
        return None
    decided = [decision if due is None else f"({decision} AND {due} IS NULL)" for decision, due in due_parts]
    return plan.column(f"CASE WHEN NOT ({' OR '.join(decided)}) THEN {found} END")


def _first(dues: Iterable[str | None]) -> str | None:
    found = list(dict.fromkeys(due for due in dues if due is not None))
    return f"least({', '.join(found)})" if len(found) > 1 else next(iter(found), None)


def _of_leaf(leaf: Leaf, plan: Plan, truth: str) -> str | None:
    if traits_meant(leaf):  # as for `for`
        return plan.parameters.add(plan.as_of, "timestamptz")
    match leaf:
        case Trait() | Bucket():
            return None
        case EventAggregate():
            return _of_aggregate(leaf, plan, truth)
        case Spend():
            return _of_spend(leaf, plan, truth)
        case LifeEvent() | TraitDate():
            return life_event_due(leaf, plan)
        case Steps():
            return _of_steps(leaf, plan, truth)
        case _:
            assert_never(leaf)


def _of_aggregate(leaf: EventAggregate, plan: Plan, truth: str) -> str | None:
    selections = [leaf.selection] if leaf.minus is None else [leaf.selection, leaf.minus.selection]
    dues = [_upcoming(selection, plan) for selection in selections]
    if isinstance(leaf.within, str):
        dues.append(_when(not aggregate_holds(leaf, []), truth, ends(leaf.within, "profile.traits", plan)))
    elif leaf.within is not None:
        dues += [_when(_lets_go(leaf), truth, _leaving(selection, leaf.within, plan)) for selection in selections]
    return _first(dues)


def _lets_go(leaf: EventAggregate) -> bool | None:
    """The truth that what leaves the window can change: only true, only false, or either (None)."""
    falling = leaf.aggregate in ("count", "distinct") or (leaf.aggregate == "max" and leaf.op in (">", ">="))
    if falling and leaf.op in (">", ">="):
        return True
    if leaf.aggregate in ("count", "distinct") and leaf.op in ("<", "<="):
        return False
    return True if leaf.aggregate == "min" and leaf.op in ("<", "<=") else None


def _when(lets_go: bool | None, truth: str, due: str) -> str:
    if lets_go is None:
        return due
    return f"CASE WHEN {'' if lets_go else 'NOT '}({truth}) THEN {due} END"


def _upcoming(selection: Selection, plan: Plan) -> str:
    """The first event that is dated later than the instant."""
    return _first_event(selection, f"event.timestamp > {plan.parameters.add(plan.as_of, 'timestamptz')}", plan)


def _leaving(selection: Selection, within: timedelta, plan: Plan) -> str:
    return _later(_first_event(selection, plan.happened("event", after=within), plan), within, plan)


def _first_event(selection: Selection, when: str, plan: Plan) -> str:
    plan.names.update(selection.names)
    return plan.total(f"min(event.timestamp) FILTER (WHERE {when} AND {plan.selects(selection, 'event')})")


def _later(due: str, length: timedelta, plan: Plan) -> str:
    """By microseconds: an interval of days would follow the session's time zone. Beyond all instants is never."""
    last = plan.parameters.add(plan.last_before(length), "timestamptz")
    added = plan.parameters.add(micros_of(length), "bigint")
    return f"CASE WHEN {due} <= {last} THEN {due} + {added} * interval '1 microsecond' END"


def _of_spend(leaf: Spend, plan: Plan, truth: str) -> str | None:
    joined = spend_join(leaf, plan)
    if leaf.within is None:
        return f"{joined}.upcoming_at"
    if isinstance(leaf.within, str):
        rests = compare(leaf.op, 0, leaf.value)
        ending = _when(not rests, truth, ends(leaf.within, "profile.traits", plan))
        return _first([f"{joined}.upcoming_at", ending])
    lets_go = {">": True, ">=": True, "<": False, "<=": False}.get(leaf.op)
    leaving = _when(lets_go, truth, _later(f"{joined}.first_completed_at", leaf.within, plan))
    return _first([f"{joined}.upcoming_at", leaving])


def _of_steps(leaf: Steps, plan: Plan, truth: str) -> str | None:
    if not leaf.absent:  # as if every second step could follow any first one
        second = leaf.second.by_itself
        leaving = None if leaf.within is None else _when(True, truth, _leaving(second, leaf.within, plan))
        return _first([_upcoming(second, plan), leaving])
    since = plan.before(leaf.gap)
    unripe = "true" if since is None else f"event.timestamp > {plan.parameters.add(since, 'timestamptz')}"
    ripening = _later(_first_event(leaf.first, unripe, plan), leaf.gap, plan)
    leaving = None if leaf.within is None else _when(True, truth, _leaving(leaf.first, leaf.within, plan))
    return _first([ripening, leaving])
