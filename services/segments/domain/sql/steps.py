"""Sequences: the profiles of which some first step is, or is not, followed."""

from services.segments.domain.condition import Sequence
from services.segments.domain.sql.plan import Plan


def sequence_holds(leaf: Sequence, plan: Plan) -> str:
    # A difference of instants is exact; an instant plus an interval of days would follow the session's time zone.
    gap = plan.parameters.add(leaf.gap, "interval")
    after = None if leaf.absent else leaf.within
    follows = f"""SELECT FROM history AS second
        WHERE second.lane = first.lane AND second.profile_id = first.profile_id AND second.timestamp > first.timestamp
          AND second.timestamp - first.timestamp <= {gap} AND {plan.happened("second", after=after)}
          AND {plan.selects(leaf.second, "second")}"""
    joined = plan.join(
        f"""SELECT DISTINCT first.lane, first.profile_id, true AS found FROM history AS first
            WHERE first.lane = ANY ($1::smallint[]) AND {plan.selects(leaf.first, "first")} AND {_first_counts(leaf, plan)}
              AND {"NOT " if leaf.absent else ""}EXISTS ({follows})"""
    )
    return f"coalesce({joined}.found, false)"


def _first_counts(leaf: Sequence, plan: Plan) -> str:
    if not leaf.absent:
        return plan.happened("first")
    ripe = plan.before(leaf.gap)
    if ripe is None:
        return "false"
    return (
        f"{plan.happened('first', after=leaf.within)} AND first.timestamp <= {plan.parameters.add(ripe, 'timestamptz')}"
    )
