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
    judged: list[str] = []  # the truth of each version, and the instants at which time may change them
    truths: list[str] = []
    matters: list[str] = []
    dues: list[str] = []
    for number, (version_id, definition) in enumerate(definitions.items()):
        segments, truth = segments_of(definition, plan), f"truth_{number}"
        judged.append(f"{holds(definition.condition, segments, plan)} AS {truth}")
        truths.append(f"CASE WHEN {truth} THEN {plan.parameters.add(version_id, 'bigint')} END")
        matters.append(f"{truth} IS NOT false")
        due = definition_due(definition, segments, plan)
        if due is not None:
            dues.append(due)
    judged.append(f"least({', '.join(['null::timestamptz', *dues])}) AS due_at")
    found = f"array_remove(ARRAY[{', '.join(truths)}], NULL)"
    if plan.doubts:
        found = (
            f"CASE WHEN {' AND '.join(f'truth_{number} IS NOT NULL' for number in range(len(truths)))} THEN {found} END"
        )
    sql = f"""SELECT lane, profile_id, {found} AS truths, due_at FROM (
    SELECT profile.lane, profile.profile_id, {", ".join(judged)}
    {from_profiles(plan)}
    OFFSET 0) AS judged
WHERE {" OR ".join([*matters, "due_at IS NOT NULL"])}
ORDER BY lane, profile_id"""
    return Query(sql, plan.parameters.values)
