"""Why a condition is true or false of one profile: its tree with each node's value and the numbers behind it.

A node is ``{"kind", "value", "next_at", "children"}``, a leaf ``{"kind", "value", "next_at", "condition", "facts"}``: the
numbers, and the newest of the events behind them. Segments referred to are explained once each, beside the tree.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Sequence as PySequence
from datetime import datetime
from decimal import Context
from typing import assert_never

from services.segments.domain.binding import bound_leaf
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
    Window,
    change_meant,
)
from services.segments.domain.definition import Definition
from services.segments.domain.evaluate import (
    bucket_of,
    distinct_values,
    followers,
    in_window,
    is_true,
    numbers_of,
    selected,
    total,
)
from services.segments.domain.facts import Event, LifeEventFact, ProfileFacts, instant, micros, micros_of
from services.segments.domain.local_time import local_date, period_at, zone_of
from services.segments.domain.occurrences import dates_meant, holds_on
from services.segments.domain.render import to_json
from services.segments.domain.ruleset import Ruleset
from services.segments.domain.spending import orders_at
from shared.language.exact import Number, as_decimal, subtract
from shared.language.paths import find_all, find_one
from shared.language.predicates import Changed, paths_in, values_changed
from shared.language.reading import Object

MOST_SHOWN = 100  # events and orders, the newest
_SHOWN_DIGITS = Context(prec=40)


def explain(definition: Definition, events: Iterable[Event], facts: ProfileFacts, t: datetime) -> Object:
    """`events` are the profile's, each once. `next_at` is when the value may next change with nothing happening."""
    known = sorted(events, key=lambda event: event.timestamp)
    explained: dict[str, Object] = {}
    explainer = _Explainer(definition, known, facts, t, explained)
    for key, condition in definition.segments.items():
        explained[key] = explainer.node(condition)
    next_at = _instant(explainer.standing.next_at)
    return {**explainer.node(definition.condition), "as_of": t, "next_at": next_at, "segments": explained}


def _instant(count: int | None) -> datetime | None:
    return None if count is None else instant(count)


class _Explainer:
    def __init__(
        self,
        definition: Definition,
        known: list[Event],
        facts: ProfileFacts,
        t: datetime,
        segments: Mapping[str, Object],
    ) -> None:
        self.ruleset = Ruleset.build({0: definition})
        self.standing = self.ruleset.stand(self.ruleset.refold(known, t, facts), facts, t, known)
        self.definition = definition
        self.known = known
        self.happened = [event for event in known if event.timestamp <= t]
        self.facts = facts
        self.t = t
        self.segments = segments

    def node(self, condition: Condition) -> Object:
        match condition:
            case All(of):
                children = [self.node(child) for child in of]
                return _joined("all", all(child["value"] for child in children), children)
            case Any(of):
                children = [self.node(child) for child in of]
                return _joined("any", any(child["value"] for child in children), children)
            case Not(child):
                inner = self.node(child)
                return _joined("not", not inner["value"], [inner])
            case For():
                return self._for(condition)
            case SegmentRef(key):
                value, next_at = self.segments[key]["value"], self.segments[key]["next_at"]
                return {"kind": "segment", "value": value, "next_at": next_at, "condition": to_json(condition)}
            case Trait() | EventAggregate() | Spend() | LifeEvent() | TraitDate() | Sequence() | Bucket():
                return self._leaf(condition)
            case _:
                assert_never(condition)

    def _for(self, node: For) -> Object:
        """`since`: it has been true without a break since then; where that is its window's beginning, perhaps longer."""
        _, until = self.ruleset.verdict_of(node, self.standing, self.facts, self.t)
        since = self.standing.since.get(self.ruleset.lasting_key(node))
        return {
            "kind": "for",
            "value": is_true(Definition(node, self.definition.segments), self.known, self.facts, self.t),
            "next_at": _instant(until),
            "condition": {"for": to_json(node)["for"]},
            "facts": {"since": _instant(since), "window": self._window(node.length)},
            "children": [self.node(node.of)],
        }

    def _leaf(self, leaf: Leaf) -> Object:
        value, until = self.ruleset.verdict_of(leaf, self.standing, self.facts, self.t)
        written, leaf = to_json(leaf), bound_leaf(leaf, self.facts.traits)
        return {
            "kind": next(iter(written)),
            "value": value,
            "next_at": _instant(until),
            "condition": written,
            "facts": self._facts(leaf),
        }

    def _facts(self, leaf: Leaf) -> Object:
        match leaf:
            case Trait(path):
                return {"found": find_all(self.facts.traits, path)}
            case EventAggregate(within=within):
                if (changed := change_meant(leaf)) is not None:
                    return {**self._trait_changes(leaf, changed), "window": self._window(within)}
                return {
                    **_aggregate(leaf, in_window(self.happened, within, self.t, self.facts)),
                    "window": self._window(within),
                }
            case Spend(within=within):
                return {**self._spend(leaf), "window": self._window(within)}
            case LifeEvent() | TraitDate():
                return self._dates(leaf)
            case Sequence(within=within):
                return {**self._steps(leaf), "window": self._window(within)}
            case Bucket(salt=salt):
                return {"bucket": bucket_of(salt, self.facts.id)}
            case _:
                assert_never(leaf)

    def _window(self, within: Window | None) -> Object:
        """The events with after < timestamp ≤ until; of a period of the calendar those with from ≤ timestamp ≤ until."""
        if isinstance(within, str):
            place = zone_of(self.facts.traits, self.facts.default_zone)
            begin, _ = period_at(micros(self.t), within, place)
            return {"this": within, "from": instant(begin), "until": self.t, "timezone": place.key}
        after = None if within is None else instant(micros(self.t) - micros_of(within))
        return {"after": after, "until": self.t}

    def _trait_changes(self, leaf: EventAggregate, changed: Changed) -> Object:
        found = selected(leaf.selection, in_window(self.happened, leaf.within, self.t, self.facts))
        values = [(event.timestamp, *values_changed(changed, event.properties)) for event in found]
        shown = [{"at": at, "from": before, "to": after} for at, before, after in values[-MOST_SHOWN:]]
        return {"count": len(found), "changes": shown, "now": find_one(self.facts.traits, changed.path)}

    def _spend(self, leaf: Spend) -> Object:
        orders = orders_at(leaf, self.happened, self.t, self.facts)
        shown = [
            {
                "order_id": order.order_id,
                "completed_at": order.completed_at,
                "amount": order.amount,
                "refunded": "everything" if order.refunded is None else order.refunded,
                "spend": order.spend,
                "events": _shown(order.events),
            }
            for order in orders[-MOST_SHOWN:]
        ]
        return {"actual": total(order.spend for order in orders), "count": len(orders), "orders": shown}

    def _dates(self, leaf: LifeEvent | TraitDate) -> Object:
        place = zone_of(self.facts.traits, self.facts.default_zone)
        day = local_date(self.t, place)

        def shown(fact: LifeEventFact) -> Object:
            named: Object = {"date": fact.date, "recurs": fact.recurs}
            subject: Object = {"subject": fact.subject} if isinstance(leaf, LifeEvent) else {}
            return {**named, **subject, "occurrence": holds_on(leaf, fact, day)}

        dates = [shown(fact) for fact in dates_meant(leaf, self.facts, place)]
        found = {} if isinstance(leaf, LifeEvent) else {"found": find_one(self.facts.traits, leaf.path)}
        return {"local_date": day, "timezone": place.key, **found, "dates": dates}

    def _steps(self, leaf: Sequence) -> Object:
        first, second = selected(leaf.first, self.happened), selected(leaf.second.by_itself, self.happened)
        compared = dict.fromkeys(path for test in leaf.second.where for path in paths_in(test, "first"))
        followed = [
            {
                **shown,
                **({"compared": {path: find_one(event.properties, path) for path in compared}} if compared else {}),
                "followed_at": min((e.timestamp for e in followers(leaf, event, second)), default=None),
            }
            for event, shown in zip(first[-MOST_SHOWN:], _shown(first), strict=True)
        ]
        return {
            "first": {"count": len(first), "events": followed},
            "second": {"count": len(second), "events": _shown(second)},
        }


def _joined(kind: str, value: bool, children: list[Object]) -> Object:
    next_at = min((at for child in children if isinstance(at := child["next_at"], datetime)), default=None)
    return {"kind": kind, "value": value, "next_at": next_at, "children": children}


def _shown(events: PySequence[Event], path: str | None = None) -> list[Object]:
    """The newest, by time; with the value at `path`, if that is what counts."""
    return [
        {"timestamp": event.timestamp, "name": event.name, "message_id": event.message_id, "source": event.source}
        | ({} if path is None else {"value": find_one(event.properties, path)})
        for event in events[-MOST_SHOWN:]
    ]


def _aggregate(leaf: EventAggregate, events: list[Event]) -> Object:
    """`actual` is what is compared with the threshold, null where there is nothing to compare."""
    behind = selected(leaf.selection, events)
    found: Object = {"count": len(behind), "events": _shown(behind, leaf.path)}
    if leaf.aggregate == "count" or leaf.path is None:
        return {"actual": len(behind), **found}
    if leaf.aggregate == "distinct":
        return {"actual": len(distinct_values(leaf.selection, leaf.path, events)), **found}
    numbers = numbers_of(leaf.selection, leaf.path, events)
    found |= {"numbers": len(numbers), "sum": total(numbers)}
    if leaf.aggregate == "sum":
        return {**_less(leaf, total(numbers), events), **found}
    return {"actual": _of_numbers(leaf, numbers), **found}


def _less(leaf: EventAggregate, summed: Number, events: list[Event]) -> Object:
    if leaf.minus is None:
        return {"actual": summed}
    less = total(numbers_of(leaf.minus.selection, leaf.minus.path, events))
    taken_off = _shown(selected(leaf.minus.selection, events), leaf.minus.path)
    return {"actual": subtract(summed, less), "minus": less, "minus_events": taken_off}


def _of_numbers(leaf: EventAggregate, numbers: list[Number]) -> Number | None:
    if not numbers:
        return None
    if leaf.aggregate == "avg":  # for reading only: it is compared without dividing
        return _SHOWN_DIGITS.divide(as_decimal(total(numbers)), as_decimal(len(numbers)))
    return min(numbers) if leaf.aggregate == "min" else max(numbers)
