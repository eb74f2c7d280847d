"""Who is a member at an instant, by event timestamps, with traits and life events as they are recorded now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
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
    Sequence,
    Spend,
    Trait,
    TraitDate,
    traits_meant,
)
from services.segments.domain.definition import Definition
from services.segments.domain.render import leaf_key
from services.segments.domain.sql.dates import life_event_holds
from services.segments.domain.sql.orders import spend_holds
from services.segments.domain.sql.plan import Plan
from services.segments.domain.sql.steps import sequence_holds
from services.segments.domain.sql.totals import aggregate_holds, totals_join
from services.segments.domain.sql.values import all_of, comparison_holds


@dataclass(frozen=True, slots=True)
class Doubts:
    """Whom a query cannot judge: `lane, profile_id` of them all by `fetch(sql, lanes, *query.arguments)`."""

    sql: str
    definition: Definition
    as_of: datetime
    default_zone: str


@dataclass(frozen=True, slots=True)
class Query:
    """Run it as `fetch(query.sql, lanes, *query.arguments)`; rows are `lane, profile_id, user_id`, in no order.

    With `doubts` it takes one argument more, the last: the ids of those among them who are members (uuid[]).
    """

    sql: str
    arguments: list[object]
    doubts: Doubts | None = None

    @property
    def parameters(self) -> int:
        """How many there are, the lanes among them."""
        return len(self.arguments) + (1 if self.doubts is None else 2)


def compile_query(definition: Definition, as_of: datetime, default_zone: str = "UTC") -> Query:
    """Exactly those of whom `is_true` at `as_of`. jsonb parameters are plain values, for the connection's codec."""
    plan = Plan(as_of, default_zone)
    condition_holds = holds(definition.condition, segments_of(definition, plan), plan)
    shown = "SELECT profile.lane, profile.profile_id, profile.user_id"
    if not plan.doubts:
        return Query(f"{shown} {from_profiles(plan)} AND {condition_holds}", plan.parameters.values)
    truth = plan.column(condition_holds)
    source = from_profiles(plan)
    found_out = f"({truth} IS NULL AND profile.profile_id = ANY (${len(plan.parameters.values) + 2}::uuid[]))"
    unknown = f"SELECT profile.lane, profile.profile_id {source} AND {truth} IS NULL"
    doubts = Doubts(unknown, definition, as_of, default_zone)
    return Query(f"{shown} {source} AND ({truth} OR {found_out})", plan.parameters.values, doubts)


def segments_of(definition: Definition, plan: Plan) -> dict[str, str]:
    """The truth of each segment the definition leads to, by key: a column of its own."""
    segments: dict[str, str] = {}
    for key, condition in definition.segments.items():
        segments[key] = plan.column(holds(condition, segments, plan))
    return segments


def from_profiles(plan: Plan) -> str:
    """From all that a plan has joined, where the profile is one that lives. Call it last."""
    joins = "\n".join([*totals_join(plan), *plan.joins, *plan.columns])
    return f"""FROM profiles AS profile
{joins}
WHERE profile.lane = ANY ($1::smallint[]) AND profile.merged_into IS NULL AND NOT profile.erased"""


def holds(condition: Condition, segments: Mapping[str, str], plan: Plan) -> str:
    """The truth of a condition, null where the plan has doubts; `segments` has that of each segment it refers to."""
    match condition:
        case All(of):
            return f"({all_of(holds(child, segments, plan) for child in of)})"
        case Any(of):
            return f"({' OR '.join(holds(child, segments, plan) for child in of) or 'false'})"
        case Not(child):
            return f"(NOT {holds(child, segments, plan)})"
        case For():
            plan.doubts = True  # it is a question about every instant of a past
            return "null::boolean"
        case SegmentRef(key):
            return segments[key]
        case Trait() | EventAggregate() | Spend() | LifeEvent() | TraitDate() | Sequence() | Bucket():
            key = leaf_key(condition)
            if key not in plan.leaves:
                plan.leaves[key] = f"({_leaf_holds(condition, plan)})"
            return plan.leaves[key]
        case _:
            assert_never(condition)


def _leaf_holds(leaf: Leaf, plan: Plan) -> str:
    if traits_meant(leaf):
        plan.doubts = True  # the history knows no traits
        return "null::boolean"
    match leaf:
        case Trait(path, op, value):
            return comparison_holds("profile.traits", path, op, value, plan.parameters)
        case EventAggregate():
            return aggregate_holds(leaf, plan)
        case Spend():
            return spend_holds(leaf, plan)
        case LifeEvent() | TraitDate():
            return life_event_holds(leaf, plan)
        case Sequence():
            return sequence_holds(leaf, plan)
        case Bucket():
            return _bucket_holds(leaf, plan)
        case _:
            assert_never(leaf)


def _bucket_holds(leaf: Bucket, plan: Plan) -> str:
    """The hash's bytes, each weighed by its place value modulo 100."""
    salted = f"{plan.parameters.add(f'{leaf.salt}:'.encode(), 'bytea')} || profile.profile_id::text::bytea"
    weights = enumerate(pow(256, 31 - place, 100) for place in range(32))
    number = " + ".join(f"get_byte(hashed.hash, {place}) * {weight}" for place, weight in weights)
    ends = (plan.parameters.add(end, "numeric") for end in (leaf.start, leaf.end))
    above, below = (f"({number}) % 100 {op} {end}" for op, end in zip((">=", "<"), ends, strict=True))
    # OFFSET, or the hash would be worked out for every byte
    return f"SELECT {above} AND {below} FROM (SELECT sha256({salted}) AS hash OFFSET 0) AS hashed"
