"""The traits of a profile at an instant of its past: those it has now, less what has changed since. Lists are among them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

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
        traits = dict(self._facts.traits)
        for at, change in self._changes:
            if at <= t:
                break
            _undo(traits, change)
        if any(at > t for at in self._lists.values()):
            lists = lists_of(traits)
            traits = with_lists(traits, {key: lists[key] for key, at in self._lists.items() if at <= t})
        return replace(self._facts, traits=traits)


def _undo(traits: dict[str, object], change: Event) -> None:
    before, after = (find_one(change.properties, key) for key in ("before", "after"))
    if not isinstance(before, dict) or not isinstance(after, dict):
        return
    for key in (before.keys() | after.keys()) - {LISTS}:  # a caller's trait of that name says nothing of lists
        if same(before.get(key), after.get(key)):
            continue
        if before.get(key) is None:
            traits.pop(key, None)
        else:
            traits[key] = before[key]
