"""Aggregates of events: each is one more column of a single scan of the history."""

from services.segments.domain.condition import EventAggregate, Selection, Window
from services.segments.domain.sql.periods import period_join
from services.segments.domain.sql.plan import Plan
from services.segments.domain.sql.values import as_number, one_at


def aggregate_holds(leaf: EventAggregate, plan: Plan) -> str:
    threshold = plan.parameters.add(leaf.value, "numeric")
    if leaf.aggregate == "count" or leaf.path is None:
        return f"coalesce({_total('count(*)', leaf.selection, leaf.within, plan)}, 0) {leaf.op} {threshold}"
    value = f"({one_at('event.properties', leaf.path, plan.parameters)})"
    if leaf.aggregate == "distinct":
        scalar = f"CASE WHEN jsonb_typeof({value}) IN ('string', 'number', 'boolean') THEN {value} END"
        counted = _total(f"count(DISTINCT {scalar})", leaf.selection, leaf.within, plan)
        return f"coalesce({counted}, 0) {leaf.op} {threshold}"
    if leaf.aggregate == "sum":
        return f"{_sum(value, leaf.selection, leaf.within, plan)}{_less(leaf, plan)} {leaf.op} {threshold}"
    number = as_number(value)
    if leaf.aggregate == "avg":  # without dividing, which would round
        count = _total(f"count({number})", leaf.selection, leaf.within, plan)
        total = _total(f"sum({number})", leaf.selection, leaf.within, plan)
        return f"coalesce({total} {leaf.op} {threshold} * {count}, false)"  # no numbers, no sum
    extreme = _total(f"{leaf.aggregate}({number})", leaf.selection, leaf.within, plan)
    return f"coalesce({extreme} {leaf.op} {threshold}, false)"


def _less(leaf: EventAggregate, plan: Plan) -> str:
    if leaf.minus is None:
        return ""
    value = f"({one_at('event.properties', leaf.minus.path, plan.parameters)})"
    return f" - {_sum(value, leaf.minus.selection, leaf.within, plan)}"


def _sum(value: str, selection: Selection, within: Window | None, plan: Plan) -> str:
    return f"coalesce({_total(f'sum({as_number(value)})', selection, within, plan)}, 0)"


def _total(aggregate: str, selection: Selection, within: Window | None, plan: Plan) -> str:
    plan.names.update(selection.names)
    condition = f"{plan.selects(selection, 'event')} AND {plan.happened('event', after=within)}"
    return plan.total(f"{aggregate} FILTER (WHERE {condition})")


def totals_join(plan: Plan) -> list[str]:
    """The one scan, if any leaf asked for it. Call it last."""
    if not plan.totals:
        return []
    columns = ", ".join(f"{expression} AS total_{n}" for n, expression in enumerate(plan.totals))
    names = plan.parameters.add(sorted(plan.names), "text[]")
    periods = "".join(period_join(period, plan) for period in sorted(plan.periods))
    return [
        f"""LEFT JOIN (
            SELECT event.lane, event.profile_id, {columns} FROM history AS event {periods}
            WHERE event.name = ANY ({names}) AND event.lane = ANY ($1::smallint[]) AND {plan.known("event")}
            GROUP BY event.lane, event.profile_id
        ) AS totals USING (lane, profile_id)"""
    ]
