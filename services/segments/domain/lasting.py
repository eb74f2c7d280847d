"""Since when a condition has been true without a break, worked out anew from a profile's whole history."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from services.segments.domain.facts import EARLIEST, EPOCH, MICROSECOND, Event, ProfileFacts
from services.segments.domain.past import Past
from services.segments.domain.standing import Standing

if TYPE_CHECKING:
    from services.segments.domain.ruleset import Ruleset


def true_since(
    ruleset: "Ruleset[int]", events: Sequence[Event], facts: ProfileFacts, now: int, length: int
) -> int | None:
    """None if it is not true. It looks no further back than a `length`, or to where its last recorded change of traits lies
    ahead.

    `ruleset` has the one condition, `events` all that it looks at and every change of traits.
    """
    past = Past(facts, events)
    begin, end = now - length, max([now, *past.instants[-1:]])
    walk = _Walk(ruleset, events, past, max(begin, EARLIEST))
    for at in past.instants:
        if walk.start < at <= end:
            walk.change(at)
    walk.pass_time(end)
    return begin if walk.since == walk.start else walk.since


class _Walk:
    """From an instant on, boundary after boundary."""

    def __init__(self, ruleset: "Ruleset[int]", events: Sequence[Event], past: Past, start: int) -> None:
        self.ruleset = ruleset
        self.past = past
        self.start = start
        self.events = events
        self.since: int | None = None
        self.facts = past.facts_at(start)
        self.standing = Standing(ruleset.refold(events, EPOCH + start * MICROSECOND), {})
        self._judge(start)

    def change(self, at: int) -> None:
        """At that instant traits changed."""
        self.pass_time(at - 1)
        self.facts = self.past.facts_at(at)
        self._judge(at)

    def pass_time(self, until: int) -> None:
        for at, truths in self.ruleset.pass_time(self.standing, self.facts, EPOCH + until * MICROSECOND):
            for truth in truths.values():
                self._note((at - EPOCH) // MICROSECOND, truth)

    def _judge(self, at: int) -> None:
        self.ruleset.recall(self.standing, self.facts, EPOCH + at * MICROSECOND, self.events)
        for truth in self.ruleset.judge(self.standing, self.facts, EPOCH + at * MICROSECOND).values():
            self._note(at, truth)

    def _note(self, at: int, truth: bool) -> None:
        if not truth:
            self.since = None
        elif self.since is None:
            self.since = at
