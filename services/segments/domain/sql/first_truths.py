"""The first truths of new versions, of all profiles at once, and when time may next change one of them."""

from collections.abc import Mapping
from datetime import datetime

from services.segments.domain.definition import Definition
from services.segments.domain.sql.dues import definition_due
from services.segments.domain.sql.plan import Plan
from services.segments.domain.sql.query import Query, from_profiles, holds, segments_of


def compile_first_truths(definitions: Mapping[int, Definition], as_of: datetime, default_zone: str) -> Query:
    """Rows are `lane, profile_id, truths, due_at`: the versions that are true of it at `as_of`, and the instant, or null. By the
    first two.

    Who has neither is left out. `truths` is null where one of them is in doubt. `due_at` is never later than the next change by time of any of these versions.
    """
    plan = Plan(as_of, default_zone, future=True)
    truths: list[str] = []
    known: list[str] = []
    dues: list[str] = []
    matters: list[str] = []
    for version_id, definition in definitions.items():
        segments = segments_of(definition, plan)
        truth = plan.column(holds(definition.condition, segments, plan))
        known.append(f"{truth} IS NOT NULL")
        matters.append(f"{truth} IS NOT false")
        truths.append(f"CASE WHEN {truth} THEN {plan.parameters.add(version_id, 'bigint')} END")
        due = definition_due(definition, segments, plan)
        if due is not None:
            dues.append(due)
    due_at = f"least({', '.join(dues)})" if dues else "null::timestamptz"
    found = f"array_remove(ARRAY[{', '.join(truths)}], NULL)"
    if plan.doubts:
        found = f"CASE WHEN {' AND '.join(known)} THEN {found} END"
    if dues:
        matters.append(f"{due_at} IS NOT NULL")
    sql = f"""SELECT profile.lane, profile.profile_id, {found} AS truths, {due_at} AS due_at
    {from_profiles(plan)} AND ({" OR ".join(matters) or "false"})
    ORDER BY lane, profile_id"""
    return Query(sql, plan.parameters.values)
