"""The traits of a profile at an instant of its past: those it has now, less what has changed since. Lists are among them."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import takewhile

from msgspec import structs

from services.segments.domain.facts import TRAITS_CHANGED, Event, ProfileFacts, micros
from services.segments.domain.lists import LISTS, lists_of, with_lists
from shared.language.compare import same
from shared.language.paths import find_one


class Past:
    """Of one profile. `facts` are those of now; of what no change was recorded of, it is taken that there was none."""

    def __init__(self, facts: ProfileFacts, events: Iterable[Event]) -> None:
        changes = [event for event in events if event.name == TRAITS_CHANGED]
        changes.sort(key=lambda event: (event.timestamp, event.message_id, event.source), reverse=True)
        self._facts = facts
        self._changes = [(micros(change.timestamp), change) for change in changes]
        self._lists = {key: micros(datetime.fromisoformat(since)) for key, since in lists_of(facts.traits).items()}

    @property
    def instants(self) -> list[int]:
        """Of the changes, in order, each once."""
        return sorted({at for at, _ in self._changes} | set(self._lists.values()))

    def facts_at(self, t: int) -> ProfileFacts:
        _, facts = next(self.facts_since(t))
        return facts

    def facts_since(self, start: int) -> Iterator[tuple[int, ProfileFacts]]:
        """At `start`, and at each instant after it at which they changed, in order; each change is gone back over once."""
        traits = dict(self._facts.traits)
        undone: list[tuple[int, dict[str, object]]] = []
        for at, change in takewhile(lambda change: change[0] > start, self._changes):
            undone.append((at, _undo(traits, change)))
        yield start, self._with(traits, start)
        for t in [at for at in self.instants if at > start]:
            while undone and undone[-1][0] == t:
                _put(traits, undone.pop()[1])
            yield t, self._with(traits, t)

    def _with(self, traits: dict[str, object], t: int) -> ProfileFacts:
        lists = lists_of(traits)
        then = with_lists(traits, {key: lists[key] for key, at in self._lists.items() if at <= t})
        return structs.replace(self._facts, traits=then)


_NONE = object()


def _undo(traits: dict[str, object], change: Event) -> dict[str, object]:
    """Returns what it replaced."""
    before, after = (find_one(change.properties, key) for key in ("before", "after"))
    if not isinstance(before, dict) or not isinstance(after, dict):
        return {}
    names = (before.keys() | after.keys()) - {LISTS}  # a caller's trait of that name says nothing of lists
    changed = [name for name in names if not same(before.get(name), after.get(name))]
    replaced = {name: traits.get(name, _NONE) for name in changed}
    _put(traits, {name: _NONE if before.get(name) is None else before[name] for name in changed})
    return replaced


def _put(traits: dict[str, object], values: Mapping[str, object]) -> None:
    for name, value in values.items():
        if value is _NONE:
            traits.pop(name, None)
        else:
            traits[name] = value
