"""The conditions that ready-made definitions are put together from, as JSON. Event names are the e-commerce spec's."""

from shared.language.durations import format_day_offset
from shared.language.exact import Number
from shared.language.reading import Object

ORDER = "Order Completed"


def all_of(*conditions: Object | None) -> Object:
    """Without those that are not asked for."""
    wanted = [condition for condition in conditions if condition is not None]
    return wanted[0] if len(wanted) == 1 else {"all": wanted}


def happened(event: str | list[str], *, at_least: int = 1, within: str | None = None) -> Object:
    return {"event": event, **_window(within), "op": ">=", "value": at_least}


def never(event: str | list[str], *, within: str | None = None) -> Object:
    return {"event": event, **_window(within), "op": "=", "value": 0}


def different_orders(event: str, at_least: int, within: str | None = None) -> Object:
    """By `order_id`, so that one that is told twice is one; by events for shops that send none."""
    by_id = {"event": event, "aggregate": "distinct", "property": "order_id"}
    without_id = {"event": event, "where": [{"property": "order_id", "op": "not_exists"}]}
    found = [{**each, **_window(within), "op": ">=", "value": at_least} for each in (by_id, without_id)]
    if at_least == 2:
        found.append({"all": [{**each, **_window(within), "op": ">=", "value": 1} for each in (by_id, without_id)]})
    return {"any": found}


def one_order() -> Object:
    """Exactly one so far."""
    return {"all": [happened(ORDER), {"not": different_orders(ORDER, 2)}]}


def an_order_older_than(age: str) -> Object:
    """Some first step after which nothing (an event of no name) came for so long. A `for` says the same, at a higher cost."""
    return {"sequence": [{"event": ORDER}, {"event": [], "absent": True}], "gap": age}


def spend(basis: str, op: str, amount: Number, *, currency: str | None = None, within: str | None = None) -> Object:
    of = {} if currency is None else {"currency": currency}
    return {"spend": basis, **of, **_window(within), "op": op, "value": amount}


def around(kind: str, subject: str | None, *, before: int, after: int) -> Object:
    """From so many days before somebody's date until so many after it."""
    whose = {} if subject is None else {"subject": subject}
    return {"life_event": kind, **whose, "from": format_day_offset(-before), "until": format_day_offset(after)}


def around_trait(trait: str, *, before: int, after: int, recurs: str | None = None) -> Object:
    """The same of a date that stands in a trait."""
    again = {} if recurs is None else {"recurs": recurs}
    return {"trait_date": trait, **again, "from": format_day_offset(-before), "until": format_day_offset(after)}


def changed(trait: str, within: str, *, before: str | None, after: str | None) -> Object:
    ends = {"from": before, "to": after}
    return {
        "trait_changed": trait,
        **{end: value for end, value in ends.items() if value is not None},
        "within": within,
    }


def _window(within: str | None) -> Object:
    return {} if within is None else {"within": within}
