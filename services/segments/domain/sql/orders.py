"""Spend: events to orders, orders to one sum for each profile."""

from datetime import datetime

from services.segments.domain.condition import Spend, Window
from services.segments.domain.spending import CANCELLED, COMPLETED, REFUNDED, SPEND_EVENTS
from services.segments.domain.sql.periods import before_all, begins
from services.segments.domain.sql.plan import Plan
from services.segments.domain.sql.values import as_number

_LATER_FIRST = 'timestamp DESC, message_id COLLATE "C" DESC, source COLLATE "C" DESC'
_EARLIER_FIRST = 'timestamp, message_id COLLATE "C", source COLLATE "C"'
_ORDER_ID = """CASE jsonb_typeof(event.properties -> 'order_id')
    WHEN 'string' THEN nullif(event.properties ->> 'order_id', '')
    WHEN 'number' THEN CASE WHEN (event.properties ->> 'order_id')::numeric = trunc((event.properties ->> 'order_id')::numeric)
                            THEN trunc((event.properties ->> 'order_id')::numeric)::text END END"""
_MARK = """hashtextextended(coalesce(split_part({event}.properties ->> 'order_id', '.', 1), ''),
        uuid_hash_extended({event}.profile_id, 0))"""
"""The same for all events of an order, and soon found; others may have it, too: 5, 5.0, "5" and "5.a" do."""

SPEND = "CASE WHEN everything_refunded THEN 0 ELSE greatest(amount - refunded, 0) END"
"""What is left of an order: of one that was cancelled 0, for `greatest` passes over null."""


def spend_holds(leaf: Spend, plan: Plan) -> str:
    joined = spend_join(leaf, plan)
    spend = f"{joined}.spend"
    if isinstance(leaf.within, str):
        since = begins(leaf.within, "profile.traits", plan)
        spend = f"""(SELECT sum(one.spend) FROM unnest({joined}.completed, {joined}.spend) AS one (completed_at, spend)
            WHERE completed_at >= {since})"""
    return f"coalesce({spend}, 0) {leaf.op} {plan.parameters.add(leaf.value, 'numeric')}"


def spend_join(leaf: Spend, plan: Plan) -> str:
    """Each profile's `spend`, when the first of the orders that make it was completed, and the first event still to come.

    An order stands in the window by its first completion; without an order id each completion is an order. Of a period of the
    calendar `completed` and `spend` are lists, of all orders that may lie in it anywhere.
    """
    since = _since(leaf.within, plan)
    window = "true" if since is None else f"completed_at > {plan.parameters.add(since, 'timestamptz')}"
    currency = "true" if leaf.currency is None else f"currency = {plan.parameters.add(leaf.currency, 'jsonb')}"
    counts = f"FILTER (WHERE completed_at IS NOT NULL AND {window} AND {currency})"
    if isinstance(leaf.within, str):
        made = f"array_agg(completed_at) {counts} AS completed, array_agg({SPEND}) {counts} AS spend"
    else:
        made = f"min(completed_at) {counts} AS first_completed_at, sum({SPEND}) {counts} AS spend"
    return plan.join(
        f"""SELECT lane, profile_id, min(upcoming_at) AS upcoming_at, {made}
            FROM ({orders_of(leaf.basis, plan, with_currency=leaf.currency is not None, since=since)}) AS an_order
            GROUP BY profile_id, lane"""
    )


def _since(within: Window | None, plan: Plan) -> datetime | None:
    """After which all that lies in the window was completed, if there is such an instant."""
    if within is None:
        return None
    return before_all(within, plan) if isinstance(within, str) else plan.before(within)


def orders_of(
    basis: str, plan: Plan, history: str = "history", *, with_currency: bool = True, since: datetime | None = None
) -> str:
    """Each order of the events in `history`, also those without a completion: there `completed_at` is null. `amount` is null
    where the order was cancelled. Without the currency it is much cheaper: the amounts come in the order of the groups."""
    currency = f"(array_agg(currency ORDER BY {_EARLIER_FIRST}) FILTER (WHERE completes AND happened))[1] AS currency,"
    return f"""SELECT lane, profile_id, min(timestamp) FILTER (WHERE completes AND happened) AS completed_at,
            {currency if with_currency else ""}
            (array_agg(amount ORDER BY {_LATER_FIRST}) FILTER (WHERE NOT refunds AND happened))[1] AS amount,
            coalesce(sum(refund) FILTER (WHERE refunds AND happened), 0) AS refunded,
            coalesce(bool_or(refund IS NULL) FILTER (WHERE refunds AND happened), false) AS everything_refunded,
            min(timestamp) FILTER (WHERE NOT happened) AS upcoming_at
        FROM (SELECT * FROM ({_order_events(basis, plan, history)}) AS event {_completed_since(since, plan, history)} OFFSET 0) AS event
        GROUP BY profile_id, lane, order_id, CASE WHEN order_id IS NULL THEN (timestamp, source, message_id) END
        HAVING order_id IS NOT NULL OR bool_or(completes)"""


def _completed_since(since: datetime | None, plan: Plan, history: str) -> str:
    """An order without a completion since then need not be put together."""
    if since is None:
        return ""
    completed = plan.parameters.add(sorted(COMPLETED), "text[]")
    # that it is the same profile is not said in a way that leads by the index from each order to all that its profile ever did
    return f"""WHERE EXISTS (
            SELECT FROM {history} AS completion
            WHERE completion.timestamp > {plan.parameters.add(since, "timestamptz")} AND completion.name = ANY ({completed})
              AND completion.lane = ANY ($1::smallint[]) AND {plan.known("completion")}
              AND completion.lane = event.lane AND {_MARK.format(event="completion")} = mark
              AND (completion.profile_id <> event.profile_id) IS NOT true)"""


def _order_events(basis_name: str, plan: Plan, history: str) -> str:
    def is_any(names: frozenset[str]) -> str:
        return f"event.name = ANY ({plan.parameters.add(sorted(names), 'text[]')})"

    names = plan.parameters.add(sorted(SPEND_EVENTS) * 2, "text[]")  # from nine on they are looked up, not gone through
    basis = as_number(f"(event.properties -> {plan.parameters.add(basis_name, 'text')})")
    total = as_number("(event.properties -> 'total')")
    return f"""SELECT event.lane, event.profile_id, event.timestamp, event.message_id, event.source,
            {plan.happened("event")} AS happened,
            {is_any(COMPLETED)} AS completes, {is_any(REFUNDED)} AS refunds, {_ORDER_ID} AS order_id, {_MARK.format(event="event")} AS mark,
            CASE WHEN NOT {is_any(CANCELLED)} THEN coalesce({basis}, 0) END AS amount,
            abs(coalesce({basis}, {total})) AS refund, event.properties -> 'currency' AS currency
        FROM {history} AS event
        WHERE event.name = ANY ({names}) AND event.lane = ANY ($1::smallint[]) AND {plan.known("event")}"""
