"""Since when a condition has been true without a break, worked out anew from a profile's history."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

from services.segments.domain.condition import Bucket, EventAggregate, Leaf, LifeEvent, Spend, Trait, TraitDate, Window
from services.segments.domain.condition import Sequence as Steps
from services.segments.domain.facts import EARLIEST, EPOCH, MICROSECOND, Event, ProfileFacts, micros, micros_of
from services.segments.domain.local_time import MOST_DAYS
from services.segments.domain.past import Past
from services.segments.domain.standing import Standing

if TYPE_CHECKING:
    from services.segments.domain.rulebase import Lasting
    from services.segments.domain.ruleset import Ruleset


def true_since(
    ruleset: "Ruleset[int]", events: Sequence[Event], facts: ProfileFacts, now: int, lasting: "Lasting"
) -> int | None:
    """None if it is not true. It looks no further back than its length, or to where its last recorded change of traits lies
    ahead.

    `ruleset` has the one condition, `events` all that it looks at and every change of traits.
    """
    begin = now - lasting.length
    start, reach = max(begin, EARLIEST), reach_of(lasting.leaves.values())
    if reach is not None:
        events = [event for event in events if micros(event.timestamp) > start - reach]
    past = Past(facts, events)
    changes = past.facts_since(start)
    _, then = next(changes)
    walk = _Walk(ruleset, events, then, start)
    for at, then in changes:
        walk.change(at, then)
    walk.pass_time(max([now, *past.instants[-1:]]))
    return begin if walk.since == start else walk.since


def reach_of(leaves: Iterable[Leaf]) -> int | None:
    """How long before an instant an event lies at most that may matter to these then; None: ever so long."""
    longest = 0
    for leaf in leaves:
        length = _reach(leaf)
        if length is None:
            return None
        longest = max(longest, length)
    return longest


def _reach(leaf: Leaf) -> int | None:
    match leaf:
        case EventAggregate(within=within):
            return None if within is None else _length(within)
        case Steps(gap=gap, within=within):
            return None if within is None else micros_of(gap) + micros_of(within)
        case Spend():
            return None  # what is said of an order counts where it was completed, however long before
        case Trait() | LifeEvent() | TraitDate() | Bucket():
            return 0
        case _:
            assert_never(leaf)


def _length(within: Window) -> int:
    """At most: where clocks are set back, what belongs to one day lasts up to two."""
    return micros_of(within if isinstance(within, timedelta) else timedelta(days=MOST_DAYS[within] + 2))


class _Walk:
    """From an instant on, boundary after boundary."""

    def __init__(self, ruleset: "Ruleset[int]", events: Sequence[Event], facts: ProfileFacts, start: int) -> None:
        self.ruleset = ruleset
        self.events = events
        self.since: int | None = None
        self.facts = facts
        self.standing = Standing(ruleset.refold(events, EPOCH + start * MICROSECOND, facts), {})
        self._judge(start)

    def change(self, at: int, facts: ProfileFacts) -> None:
        """At that instant traits changed."""
        self.pass_time(at - 1)
        touched = self.ruleset.changed_by_facts(self.facts, facts)
        self.facts = facts
        self.ruleset.recall(self.standing, facts, EPOCH + at * MICROSECOND, self.events, touched)
        self._judge(at)

    def pass_time(self, until: int) -> None:
        for at, truths in self.ruleset.pass_time(self.standing, self.facts, EPOCH + until * MICROSECOND):
            for truth in truths.values():
                self._note((at - EPOCH) // MICROSECOND, truth)

    def _judge(self, at: int) -> None:
        for truth in self.ruleset.judge(self.standing, self.facts, EPOCH + at * MICROSECOND).values():
            self._note(at, truth)

    def _note(self, at: int, truth: bool) -> None:
        if not truth:
            self.since = None
        elif self.since is None:
            self.since = at
