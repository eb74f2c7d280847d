"""What a condition says that may not be what is meant, by what has been seen of all events so far."""

from collections.abc import Collection, Mapping

from services.segments.domain.condition import Condition, EventAggregate, Sequence, Spend, leaves
from services.segments.domain.facts import TRAITS_CHANGED
from shared.language.reading import Object


def event_names(condition: Condition) -> frozenset[str]:
    """The names of events that the condition itself looks for."""
    selections = []
    for leaf in leaves(condition):
        match leaf:
            case EventAggregate(selection=selection, minus=minus):
                selections += [selection] if minus is None else [selection, minus.selection]
            case Sequence(first=first, second=second):
                selections += [first, second]
            case _:
                pass
    return frozenset(name for selection in selections for name in selection.names) - {TRAITS_CHANGED}


def adds_currencies(condition: Condition) -> bool:
    """Whether it compares what orders come to, whatever their currency."""
    return any(isinstance(leaf, Spend) and leaf.currency is None for leaf in leaves(condition))


def warnings_of(condition: Condition, *, met: Collection[str], currencies: Mapping[str, int]) -> list[Object]:
    """`met`: of the events it looks for, those that ever happened. `currencies`: of completed orders, with about how many
    profiles have some."""
    found: list[Object] = [
        {"code": "unknown_event", "message": "No event has had this name so far.", "event": name}
        for name in sorted(event_names(condition))
        if name not in met
    ]
    if len(currencies) > 1 and adds_currencies(condition):
        shown = [{"currency": name, "profiles": count} for name, count in currencies.items()]
        message = "Amounts are added whatever their currency, and orders came in several; `currency` takes one of them."
        found.append({"code": "mixed_currencies", "message": message, "currencies": shown})
    return found
